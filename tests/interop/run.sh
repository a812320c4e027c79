#!/usr/bin/env bash
# Drives real SOAP clients against a running Muster and looks their users up with the terminal.
#
# Usage: tests/interop/run.sh PATH-TO-MUSTER
#
# One server on a free loopback port serves all suites; each suite has user names of its own, so the
# order does not matter. What the suites need is installed below target/interop and, as root or
# through sudo, with apt-get. A tool that cannot be had fails its suites, for a skipped suite would
# look like a passed one.
set -euo pipefail

if [[ $# -ne 1 || ! -x $1 ]]; then
    echo "usage: $0 PATH-TO-MUSTER" >&2
    exit 2
fi

binary=$(realpath "$1")
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
work=$(cd "$here/../.." && pwd)/target/interop
logs=$work/logs
rm -rf "$logs"
mkdir -p "$logs"

passed=0
failed=0
server_pid=
data=
# Why a tool is not there, by the tool's name.
declare -A missing=()
apt_updated=no

# --- Tools ---------------------------------------------------------------------------------------

as_root() {
    if [[ $(id -u) -eq 0 ]]; then
        "$@"
    else
        sudo -n "$@"
    fi
}

# apt_tool NAME CHECK PACKAGE...: installs the packages unless the check already succeeds.
apt_tool() {
    local name=$1 check=$2 log=$logs/install-$1.log
    shift 2
    if "$check" >"$log" 2>&1; then
        return
    fi
    if [[ $apt_updated == no ]]; then
        apt_updated=yes
        as_root apt-get update >"$logs/apt-update.log" 2>&1 || true
    fi
    if ! as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y --no-install-recommends "$@" >>"$log" 2>&1; then
        missing[$name]="apt-get install $* failed: $(tail -n 1 "$log")"
    elif ! "$check" >>"$log" 2>&1; then
        missing[$name]="$* are installed and still do not work: $(tail -n 1 "$log")"
    fi
}

has_php() { php -r 'exit(class_exists("SoapClient") ? 0 : 1);'; }
has_gsoap() { command -v wsdl2h && command -v soapcpp2; }
has_jaxws() { command -v wsimport && [[ -e /usr/share/java/jaxws-tools.jar ]]; }
has_jdk() { javac -version; }

# The versions are compared, so that a changed pin takes effect where an old one is installed.
zeep_pin=4.3.3
soap_pin=$(sed -n 's/^ *"soap": "\(.*\)"$/\1/p' "$here/package.json")

has_zeep() {
    [[ $("$work/venv/bin/python" -c 'import zeep; print(zeep.__version__)') == "$zeep_pin" ]]
}

has_node_soap() {
    [[ $(cd "$work/node" && node -p 'require("soap/package.json").version') == "$soap_pin" ]]
}

install_zeep() {
    local log=$logs/install-zeep.log
    if has_zeep >"$log" 2>&1; then
        return
    fi
    if ! { python3 -m venv "$work/venv" && "$work/venv/bin/pip" install "zeep==$zeep_pin"; } >>"$log" 2>&1 \
        || ! has_zeep >>"$log" 2>&1; then
        missing[zeep]="pip could not install zeep: $(tail -n 1 "$log")"
    fi
}

install_node_soap() {
    local log=$logs/install-node-soap.log
    if ! { command -v node && command -v npm; } >"$log" 2>&1; then
        missing[node_soap]="node (20.19 or later) and npm are needed"
        return
    fi
    if has_node_soap >>"$log" 2>&1; then
        return
    fi
    # No lock file is written: it would carry the address of whichever registry was asked.
    rm -rf "$work/node"
    mkdir -p "$work/node"
    cp "$here/package.json" "$work/node/"
    if ! (cd "$work/node" && npm install --no-package-lock --no-audit --no-fund --ignore-scripts) \
        >>"$log" 2>&1 || ! has_node_soap >>"$log" 2>&1; then
        missing[node_soap]="npm could not install soap: $(tail -n 1 "$log")"
    fi
}

# --- The server ----------------------------------------------------------------------------------

stop_server() {
    if [[ -n $server_pid ]] && kill "$server_pid" 2>/dev/null; then
        # A server that hangs on its way out must not hang the run as well.
        local waited=0
        while kill -0 "$server_pid" 2>/dev/null && ((waited++ < 100)); do
            sleep 0.1
        done
        kill -9 "$server_pid" 2>/dev/null || true
        wait "$server_pid" 2>/dev/null || true
    fi
    if [[ -n $data ]]; then
        rm -rf "$data"
    fi
}
trap stop_server EXIT

start_server() {
    data=$(mktemp -d)
    INTEROP_PASSWORD=$(head -c 18 /dev/urandom | base64 | tr '+/' 'Aa')
    : >"$logs/server.out"
    MUSTER_ADMIN_PASSWORD=$INTEROP_PASSWORD "$binary" serve \
        --data "$data" --http 127.0.0.1:0 --https off >"$logs/server.out" 2>"$logs/server.err" &
    server_pid=$!

    local waited=0
    while ((waited++ < 300)); do
        INTEROP_BASE=$(sed -nE 's#^  SOAP +(http://[^ ]+)/services/UserAdmin$#\1#p' "$logs/server.out")
        if [[ -n $INTEROP_BASE ]]; then
            return
        fi
        if ! kill -0 "$server_pid" 2>/dev/null; then
            break
        fi
        sleep 0.1
    done
    echo "the server did not show its SOAP address within 30 seconds; its output:" >&2
    cat "$logs/server.out" "$logs/server.err" >&2
    exit 1
}

# --- Suites --------------------------------------------------------------------------------------

# suite NAME "TOOL..." COMMAND...: runs one suite and then checks the rows it says it imported.
suite() {
    local name=$1 tools=$2 log=$logs/$1.log tool
    shift 2
    for tool in $tools; do
        if [[ -n ${missing[$tool]:-} ]]; then
            failed=$((failed + 1))
            printf 'FAIL %s\n    %s\n' "$name" "${missing[$tool]}"
            return
        fi
    done
    local status=0 reason="" rows
    timeout 180 "$@" >"$log" 2>&1 || status=$?
    if [[ $status -eq 124 ]]; then
        reason="the client was still busy after 180 seconds"
    elif [[ $status -ne 0 ]]; then
        reason="the client ended with exit status $status"
    elif ! rows=$(python3 "$here/check_rows.py" "$binary" "$data" "$log" 2>&1); then
        reason="the rows differ from what the client says it imported: $rows"
    fi
    if [[ -z $reason ]]; then
        passed=$((passed + 1))
        printf 'ok  %s\n' "$name"
    else
        failed=$((failed + 1))
        printf 'FAIL %s\n    %s\n' "$name" "$reason"
        sed 's/^/    | /' "$log"
    fi
}

install_zeep
install_node_soap
apt_tool php has_php php-cli php-soap
apt_tool gsoap has_gsoap gsoap
apt_tool jaxws has_jaxws jaxws libjaxws-java libsaaj-ri-java
apt_tool jdk has_jdk default-jdk-headless

start_server
# A proxy of the surroundings is no business of clients that speak to loopback.
export no_proxy=127.0.0.1,localhost NO_PROXY=127.0.0.1,localhost
export INTEROP_BASE INTEROP_PASSWORD INTEROP_WORK=$work INTEROP_NODE=$work/node

suite wsdl_shapes zeep "$work/venv/bin/python" "$here/wsdl_shapes.py"
suite zeep_inline zeep "$work/venv/bin/python" "$here/zeep_inline.py"
suite node_soap_mtom node_soap node "$here/node_soap_mtom.mjs"
suite php_inline php php "$here/php_inline.php"
suite wsdl2h gsoap bash "$here/wsdl2h.sh"
suite wsimport "jaxws jdk" bash "$here/wsimport.sh"

printf 'interop: %d passed, %d failed\n' "$passed" "$failed"
[[ $failed -eq 0 ]]
