#!/usr/bin/env bash
# Tests the portal in a real browser: the system's Chromium, driven by Playwright.
#
# Usage: tests/portal/run.sh PATH-TO-MUSTER [GROUP...]
#        PORTAL_TEST='a part of a name' tests/portal/run.sh PATH-TO-MUSTER GROUP      single tests, by a regular expression
#
# A group is a file NAME.test.mjs, which starts servers of its own on free loopback ports and with new folders. The browser
# can reach the loopback only. The packages of package.json are installed below target/portal, the browser with the
# system's package manager. Screenshots of all pages are in target/portal/shots, those of failures in shots/failures, and
# the logs in target/portal/logs.
#
# MUSTER_PORTAL_ROWS=N sets the number of rows of the large file (20000). PORTAL_BROWSER=FILE is the browser to use.
# PORTAL_JOBS=N is the number of groups that run at a time (3): most of the time they wait.
set -euo pipefail

all=(sign-in first-run upload columns options check run imports organizations hostile without-scripts pages large first-byte)
alone=(large first-byte)
jobs=${PORTAL_JOBS:-3}

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source "$here/../tools.sh"
parse_suite_arguments group "$@"
work=$(cd "$here/../.." && pwd)/target/portal
logs=$work/logs
node=$work/node
if [[ ${#chosen[@]} -eq ${#all[@]} ]]; then
    rm -rf "$logs" "$work/shots"
fi
mkdir -p "$logs"

passed=0
failed=0
missing=

# --- Tools ---------------------------------------------------------------------------------------

find_browser() {
    local program
    for program in "${PORTAL_BROWSER:-}" /usr/lib/chromium/chromium chromium chromium-browser google-chrome; do
        if [[ -n $program ]] && command -v "$program"; then
            return
        fi
    done
    return 1
}

# playwright-core needs Node 20.
has_node() {
    command -v npm && node -e 'process.exit(Number(process.versions.node.split(".")[0]) >= 20 ? 0 : 1)'
}

install_tools() {
    local log=$logs/install.log
    : >"$log"
    if ! has_node >>"$log" 2>&1 && ! { install_packages nodejs npm && has_node; } >>"$log" 2>&1; then
        missing="node (20 or later) and npm are needed: $(tail -n 1 "$log")"
        return
    fi
    if ! find_browser >>"$log" && ! { install_packages chromium fonts-dejavu-core && find_browser; } >>"$log" 2>&1; then
        missing="chromium could not be installed: $(tail -n 1 "$log")"
        return
    fi
    # The file is compared, so that a changed pin replaces what is installed.
    if cmp -s "$here/package-lock.json" "$node/installed.json"; then
        return
    fi
    rm -rf "$node"
    mkdir -p "$node"
    cp "$here/package.json" "$here/package-lock.json" "$node/"
    if ! (cd "$node" && npm ci --no-audit --no-fund --ignore-scripts) >>"$log" 2>&1; then
        missing="npm could not install the packages: $(tail -n 1 "$log")"
        return
    fi
    cp "$here/package-lock.json" "$node/installed.json"
}

# --- Groups --------------------------------------------------------------------------------------

# The number that node's reporter prints, such as `ℹ pass 12`; 0 if it was stopped before.
count() {
    local number
    number=$(sed -nE "s/^. $1 ([0-9]+)$/\1/p" "$2" | tail -n 1)
    echo "${number:-0}"
}

# Runs a group and keeps its exit code and duration.
run_group() {
    local name=$1 start=$SECONDS status=0 pattern=()
    if [[ -n ${PORTAL_TEST:-} ]]; then
        pattern=(--test-name-pattern "$PORTAL_TEST")
    fi
    timeout --foreground --kill-after=10 "${PORTAL_GROUP_SECONDS:-420}" \
        node --test --test-concurrency=1 --test-force-exit --test-reporter=spec "${pattern[@]}" \
        "$here/${name//-/_}.test.mjs" >"$logs/$name.log" 2>&1 || status=$?
    echo "$status $((SECONDS - start))" >"$logs/$name.status"
}

report_group() {
    local name=$1 log=$logs/$1.log status=1 seconds=0 ok bad
    read -r status seconds <"$logs/$name.status" || true
    ok=$(count pass "$log")
    bad=$(($(count fail "$log") + $(count cancelled "$log")))
    # Without a test that passed nothing was tested.
    if [[ $status -ne 0 && $bad -eq 0 || $ok -eq 0 && $bad -eq 0 ]]; then
        bad=1
    fi
    passed=$((passed + ok))
    failed=$((failed + bad))
    if [[ $bad -eq 0 ]]; then
        printf 'ok   %s (%d tests, %d s)\n' "$name" "$ok" "$seconds"
        # What the tests measured.
        { grep -E '^ℹ .*(ms, highest|over idle)' "$log" || true; } | sed 's/^/     /'
    else
        printf 'FAIL %s (%d of %d tests, %d s)\n' "$name" "$bad" $((ok + bad)) "$seconds"
        { grep -q 'failing tests:' "$log" && sed -n '/failing tests:/,$p' "$log" || tail -n 20 "$log"; } |
            cut -c 1-400 | head -n 200 | sed 's/^/    | /'
        printf '    | full log: %s\n' "$log"
    fi
}

# The groups that run, by the id of their process group. Servers and browsers that a test may leave behind are in it
# and end with it.
declare -A running=()

start_group() {
    rm -f "$logs/$1.status"
    set -m
    run_group "$1" &
    running[$!]=$1
    set +m
}

# Waits for the end of one of them.
finish_group() {
    local leader name
    wait -n -p leader "${!running[@]}" || true
    kill -KILL -- "-$leader" 2>/dev/null || true
    name=${running[$leader]}
    unset "running[$leader]"
    report_group "$name"
}

stop() {
    local leader
    for leader in "${!running[@]}"; do kill -KILL -- "-$leader" 2>/dev/null || true; done
}
trap stop EXIT
trap 'exit 130' INT TERM

# Those that measure run alone, after the others. The longest begin first.
is_chosen() { [[ " ${chosen[*]} " == *" $1 "* ]]; }
in_order=()
for name in hostile run upload pages "${all[@]}"; do
    if is_chosen "$name" && [[ " ${in_order[*]} ${alone[*]} " != *" $name "* ]]; then in_order+=("$name"); fi
done

install_tools
if [[ -n $missing ]]; then
    printf 'FAIL portal\n    %s\n' "$missing"
    exit 1
fi
PORTAL_BROWSER=$(find_browser)
export PORTAL_BROWSER PORTAL_MUSTER=$binary PORTAL_NODE=$node PORTAL_SHOTS=$work/shots
for name in "${in_order[@]}"; do
    if [[ ${#running[@]} -ge $jobs ]]; then finish_group; fi
    start_group "$name"
done
while [[ ${#running[@]} -gt 0 ]]; do finish_group; done
for name in "${alone[@]}"; do
    if is_chosen "$name"; then
        start_group "$name"
        finish_group
    fi
done

printf 'portal: %d passed, %d failed\n' "$passed" "$failed"
[[ $failed -eq 0 ]]
