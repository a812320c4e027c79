#!/usr/bin/env bash
# Counts the instructions of the paths of benches/instructions/ and compares them with those that are
# kept in benches/instructions.txt. A path that became dearer by more than 5 % fails, and so does one
# that is not kept, or kept without a reason.
#
# tests/instructions.sh                          compares
# tests/instructions.sh --keep REASON [PATH …]   writes down what it counted: for these paths, or else
#                                                for those that differ by more than 1 %
set -euo pipefail
cd "$(dirname "$0")/.."

kept=benches/instructions.txt
repetitions=2
valgrind=$(command -v valgrind) || { echo "instructions: valgrind is not installed" && exit 1; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

reason=
chosen=
if [ "${1:-}" = --keep ]; then
  reason=$(tr -s '[:space:]' ' ' <<<"${2:-}" | sed 's/^ //; s/ $//')
  if [ -z "$reason" ]; then
    echo "instructions: --keep takes a reason"
    exit 1
  fi
  shift 2
  chosen=" $* "
elif [ $# -gt 0 ]; then
  echo "instructions: $1 is not understood; there is --keep REASON [PATH …]"
  exit 1
fi

# The executable that cargo has just built, as it says itself; flags of the caller's would make another.
unset RUSTFLAGS CARGO_ENCODED_RUSTFLAGS
bench=$(cargo build --release --locked --package muster-instructions --message-format json |
  sed -n 's/.*"name":"instructions".*"executable":"\([^"]*\)".*/\1/p')

# An instruction that repeats itself is counted once a byte: long texts are copied without it, as
# machines do that have no quick one.
long=1073741824
tunables=glibc.cpu.x86_rep_movsb_threshold=$long:glibc.cpu.x86_rep_stosb_threshold=$long

# All instructions of so many repetitions of a path. The environment lies on the stack and moves it, which
# is seen in the counts, so there is none.
total() {
  local out=$folder/$1.$2
  if ! env -i GLIBC_TUNABLES="$tunables" "$valgrind" --tool=callgrind --callgrind-out-file="$out" \
    "$bench" "$1" "$2" >"$out.log" 2>&1; then
    cat "$out.log" >&2
    return 1
  fi
  sed -n 's/^summary: //p' "$out"
}

# What the machine is: the counts of another compiler or another processor are others.
machine() {
  local wide=no
  if grep -qw avx2 /proc/cpuinfo; then wide=with; fi
  echo "$(rustc --version | cut -d' ' -f1,2), $(uname -m) $wide AVX2"
}

paths=$folder/paths
"$bench" >"$paths"
for name in $chosen; do
  if ! grep -q "^$name " "$paths"; then
    echo "instructions: there is no path $name"
    exit 1
  fi
done
counted=$folder/counted
while read -r name amount unit; do
  once=$(total "$name" "$repetitions")
  twice=$(total "$name" $((2 * repetitions)))
  awk -v name="$name" -v unit="$unit" -v difference=$((twice - once)) \
    -v handled=$((repetitions * amount)) \
    'BEGIN { printf "%s %.1f %s\n", name, difference / handled, unit }' >>"$counted"
done <"$paths"

# A line of the kept file: name, count, unit, reason.
if [ -n "$reason" ]; then
  made=$(machine)
  awk -v reason="$reason" -v chosen="$chosen" -v made="$made" '
    FILENAME == ARGV[1] && /^# Made with / { print "# Made with " made "."; next }
    FILENAME == ARGV[1] && /^#/ { print; next }
    FILENAME == ARGV[1] { count[$1] = $2; line[$1] = $0; next }
    {
      change = count[$1] > 0 ? $2 / count[$1] - 1 : 1
      wanted = chosen ~ /[^ ]/ ? index(chosen, " " $1 " ") : change > 0.01 || change < -0.01
      if (wanted || !($1 in line)) printf "%-14s %10s %-10s %s\n", $1, $2, $3, reason
      else print line[$1]
    }' "$kept" "$counted" >"$folder/kept"
  cp "$folder/kept" "$kept"
  cat "$kept"
  exit
fi

failed=0
awk '
  FILENAME == ARGV[1] && /^(#|$)/ { next }
  FILENAME == ARGV[1] {
    count[$1] = $2
    if (NF < 4) { print "  " $1 " is kept without a reason"; failed = 1 }
    next
  }
  FNR == 1 { printf "  %-14s %12s %12s %9s\n", "path", "kept", "measured", "change" }
  {
    seen[$1] = 1
    if (!(count[$1] > 0)) { printf "  %-14s %12s %12.1f\n", $1, "none", $2; missing = missing " " $1; next }
    change = ($2 / count[$1] - 1) * 100
    printf "  %-14s %12.1f %12.1f %+8.1f %%  instructions per %s\n", $1, count[$1], $2, change, $3
    if (change > 5) dearer = dearer " " $1
    if (change < -5) cheaper = cheaper " " $1
  }
  END {
    for (name in count) if (!(name in seen)) { print "  " name " is kept, and there is no such path"; failed = 1 }
    keep = "tests/instructions.sh --keep \"the reason\""
    if (cheaper) print "Cheaper by more than 5 %:" cheaper ". Keep that: " keep
    if (missing) print "Not kept yet:" missing ". Write them down: " keep
    if (dearer) print "Dearer by more than 5 %:" dearer ". Make it cheaper, or say why it has to be dearer: " keep
    exit(failed || missing || dearer ? 1 : 0)
  }' "$kept" "$counted" || failed=1
if [ "$failed" -ne 0 ] && ! grep -qF "# Made with $(machine)." "$kept"; then
  echo "The kept counts were made with another compiler or processor: this is $(machine)."
fi
exit "$failed"
