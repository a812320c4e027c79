#!/usr/bin/env bash
# Runs SCIM testers, clients and our own probe against a Muster server.
#
# Usage: tests/scim/run.sh PATH-TO-MUSTER [SUITE...]
#
# Each suite has its own server, on a free loopback port and with a new folder, because the testers expect an empty
# store. Dependencies are installed below target/scim in the versions of requirements.txt. A missing tool fails its
# suites, because a skipped suite would look like a passed one.
set -euo pipefail

all=(tester-rfc tester-wso2 sanity-rfc sanity-wso2 lifecycle probe items)

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source "$here/../tools.sh"
parse_suite_arguments suite "$@"
work=$(cd "$here/../.." && pwd)/target/scim
logs=$work/logs
venv=$work/venv
mkdir -p "$logs"

passed=0
failed=0
server_pid=
data=
missing=

# --- Tools ---------------------------------------------------------------------------------------

# The file is compared, so that a changed pin replaces an installed older version.
has_testers() { cmp -s "$here/requirements.txt" "$venv/installed.txt"; }

install_testers() {
    local log=$logs/install.log
    if has_testers; then
        return
    fi
    rm -rf "$venv"
    if ! { python3 -m venv "$venv" \
        && "$venv/bin/pip" install --disable-pip-version-check -r "$here/requirements.txt"; } >"$log" 2>&1; then
        missing="pip could not install the testers: $(tail -n 1 "$log")"
        return
    fi
    cp "$here/requirements.txt" "$venv/installed.txt"
}

# --- The server ----------------------------------------------------------------------------------

stop_server() {
    if [[ -n $server_pid ]] && kill "$server_pid" 2>/dev/null; then
        # A server that hangs while stopping must not hang the run.
        local waited=0
        while kill -0 "$server_pid" 2>/dev/null && ((waited++ < 100)); do
            sleep 0.1
        done
        kill -9 "$server_pid" 2>/dev/null || true
        wait "$server_pid" 2>/dev/null || true
    fi
    server_pid=
    if [[ -n $data ]]; then
        rm -rf "$data"
    fi
    data=
}
trap stop_server EXIT

random_word() { head -c 18 /dev/urandom | base64 | tr '+/' 'Aa'; }

# start_server NAME: with an operator `admin` (SCIM_PASSWORD), and one `reader` with the role read
# (SCIM_READER); tokens of both (SCIM_TOKEN, SCIM_READER_TOKEN).
start_server() {
    local out=$logs/$1.server.out err=$logs/$1.server.err
    data=$(mktemp -d)
    SCIM_PASSWORD=$(random_word)
    SCIM_READER=$(random_word)
    # Cheap hashes: the tests are about the protocol.
    cat >"$data/muster.toml" <<SETTINGS
[server]
http = "127.0.0.1:0"
https = "off"
idle_seconds = 5

[store]
data = "$data/store"

[access]
# All tests call from the same address, and each tries a wrong password.
login_failures_per_account = 1000000
login_failures_per_address = 1000000

[passwords]
memory_kib = 1024
passes = 1
SETTINGS
    : >"$out"
    MUSTER_ADMIN_PASSWORD=$SCIM_PASSWORD "$binary" serve --config "$data/muster.toml" >"$out" 2>"$err" &
    server_pid=$!
    SCIM_SERVER=
    local waited=0
    while ((waited++ < 300)); do
        SCIM_SERVER=$(sed -nE 's#^  SOAP +(http://[^ ]+)/services/UserAdmin$#\1#p' "$out")
        if [[ -n $SCIM_SERVER ]] || ! kill -0 "$server_pid" 2>/dev/null; then
            break
        fi
        sleep 0.1
    done
    if [[ -z $SCIM_SERVER ]]; then
        echo "the server did not show its address within 30 seconds; its output:" >&2
        cat "$out" "$err" >&2
        return 1
    fi
    # Can run while the server is running; the next call sees the change.
    printf '%s\n' "$SCIM_READER" | "$binary" operator add reader --role read --password-stdin \
        --config "$data/muster.toml" >"$logs/$1.operator.log" 2>&1
    SCIM_TOKEN=$(token admin)
    SCIM_READER_TOKEN=$(token reader)
    export SCIM_SERVER SCIM_PASSWORD SCIM_TOKEN SCIM_READER SCIM_READER_TOKEN
}

token() { "$binary" operator token add "$1" --config "$data/muster.toml" | grep -oE 'muster_[A-Za-z0-9_-]+' | head -n 1; }

# --- Suites --------------------------------------------------------------------------------------

# suite NAME COMMAND...: runs one suite against its own server. The last line of its output is its count.
suite() {
    local name=$1 log=$logs/$1.log start=$SECONDS status=0
    shift
    if [[ " ${chosen[*]} " != *" $name "* ]]; then
        return
    fi
    if [[ -n $missing ]]; then
        failed=$((failed + 1))
        printf 'FAIL %s\n    %s\n' "$name" "$missing"
        return
    fi
    start_server "$name" || status=$?
    if [[ $status -eq 0 ]]; then
        "$@" >"$log" 2>&1 || status=$?
    fi
    stop_server
    if [[ $status -eq 0 ]]; then
        passed=$((passed + 1))
        printf 'ok  %s (%s, %d s)\n' "$name" "$(tail -n 1 "$log")" $((SECONDS - start))
    else
        failed=$((failed + 1))
        printf 'FAIL %s (%d s)\n' "$name" $((SECONDS - start))
        { grep -E '^(FAIL|ERROR|.*✗|.*\[FAIL\])' "$log" || tail -n 40 "$log"; } | cut -c 1-400 | sed 's/^/    | /'
        printf '    | full log: %s\n' "$log"
    fi
}

# tester MOUNT CREDENTIALS: `scim2 test`, which exits with 1 if a check fails. Fewer than 130 checks are a failure, so
# that an empty discovery cannot pass. Its output is colored.
tester() {
    local status=0 succeeded output
    output=$(SCIM_CLI_HEADERS="Authorization: $2" NO_COLOR=1 \
        "$venv/bin/scim2" --url "$SCIM_SERVER$1" test --verbose 2>&1) || status=$?
    printf '%s\n' "$output" | sed -E 's/\x1b\[[0-9;]*m//g'
    succeeded=$(printf '%s\n' "$output" | grep -c SUCCESS || true)
    echo "$succeeded succeeded"
    [[ $status -eq 0 && $succeeded -ge 130 ]]
}

bearer_tester() { tester "$1" "Bearer $SCIM_TOKEN"; }

basic_tester() { tester "$1" "Basic $(printf 'admin:%s' "$SCIM_PASSWORD" | base64 -w0)"; }

install_testers
# Clients that call a loopback address must not use a proxy.
export no_proxy=127.0.0.1,localhost NO_PROXY=127.0.0.1,localhost
python=$venv/bin/python
suite tester-rfc bearer_tester /scim/v2
suite tester-wso2 basic_tester /scim2
suite sanity-rfc "$python" "$here/sanity.py" /scim/v2 bearer
suite sanity-wso2 "$python" "$here/sanity.py" /scim2 basic
suite lifecycle "$python" "$here/life_cycle.py"
suite probe "$python" "$here/probe.py"
suite items "$python" "$here/items.py" --check

printf 'scim: %d passed, %d failed\n' "$passed" "$failed"
[[ $failed -eq 0 ]]
