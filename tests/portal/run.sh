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
set -euo pipefail

all=(sign-in first-run upload columns options check run imports organizations hostile without-scripts pages large first-byte)

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

# The number that node's reporter prints, such as `ℹ pass 12`.
count() { sed -nE "s/^. $1 ([0-9]+)$/\1/p" "$2" | tail -n 1; }

group() {
    local name=$1 log=$logs/$1.log start=$SECONDS status=0 pattern=() ok bad
    if [[ -n $missing ]]; then
        failed=$((failed + 1))
        printf 'FAIL %s\n    %s\n' "$name" "$missing"
        return
    fi
    if [[ -n ${PORTAL_TEST:-} ]]; then
        pattern=(--test-name-pattern "$PORTAL_TEST")
    fi
    # Servers and browsers that a test may leave behind are in a process group of their own and end with it.
    set -m
    timeout --kill-after=10 "${PORTAL_GROUP_SECONDS:-300}" \
        node --test --test-concurrency=1 --test-timeout=120000 --test-force-exit --test-reporter=spec "${pattern[@]}" "$here/${name//-/_}.test.mjs" >"$log" 2>&1 &
    job=$!
    set +m
    wait "$job" || status=$?
    kill -KILL -- "-$job" 2>/dev/null || true
    job=
    ok=$(count pass "$log")
    bad=$(($(count fail "$log") + $(count cancelled "$log")))
    # Without a test that passed nothing was tested.
    if [[ $status -ne 0 && $bad -eq 0 || ${ok:-0} -eq 0 && $bad -eq 0 ]]; then
        bad=1
    fi
    passed=$((passed + ${ok:-0}))
    failed=$((failed + bad))
    if [[ $bad -eq 0 ]]; then
        printf 'ok   %s (%d tests, %d s)\n' "$name" "$ok" $((SECONDS - start))
        # What the tests measured.
        { grep -E '^ℹ .*(ms, highest|over idle)' "$log" || true; } | sed 's/^/     /'
    else
        printf 'FAIL %s (%d of %d tests, %d s)\n' "$name" "$bad" $((${ok:-0} + bad)) $((SECONDS - start))
        { grep -q 'failing tests:' "$log" && sed -n '/failing tests:/,$p' "$log" || tail -n 20 "$log"; } |
            cut -c 1-400 | head -n 200 | sed 's/^/    | /'
        printf '    | full log: %s\n' "$log"
    fi
}

job=
stop() { [[ -z $job ]] || kill -KILL -- "-$job" 2>/dev/null || true; }
trap stop EXIT
trap 'exit 130' INT TERM

install_tools
PORTAL_BROWSER=$(find_browser || true)
export PORTAL_BROWSER PORTAL_MUSTER=$binary PORTAL_NODE=$node PORTAL_SHOTS=$work/shots
for name in "${chosen[@]}"; do group "$name"; done

printf 'portal: %d passed, %d failed\n' "$passed" "$failed"
[[ $failed -eq 0 ]]
