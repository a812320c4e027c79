#!/usr/bin/env bash
# Runs real SOAP clients against a Muster server and checks the imported users on the command line.
#
# Usage: tests/interop/run.sh PATH-TO-MUSTER [SUITE...]
#
# One server on a free loopback port serves all suites. Each suite has its own user names, so their order does
# not matter and each can be run alone. Dependencies of the suites are installed below target/interop and, as root
# or through sudo, with apt-get. A missing tool fails its suites, because a skipped suite would look like a passed
# one.
#
# A suite prints its results, one per line, with fields separated by tabs:
#   client NAME VERSION               the client, once, first
#   result MODE OUTCOME REMARK        OUTCOME: works, cannot (a limit of the client), fails
#   imported NAME EMAIL               a user who must exist afterwards (blanks are accepted, too)
#   imported-many PREFIX COUNT        so many users with that prefix must exist
#   refused NAME                      a user who must not exist
# The results are written to target/interop/results.tsv, which compatibility.py reads.
set -euo pipefail

all=(wsdl zeep own node php perl wsdl2h gsoap wsimport jaxws23 jaxws40 cxf camel stub axis gowsdl wsdl2go)

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source "$here/../tools.sh"
parse_suite_arguments suite "$@"
work=$(cd "$here/../.." && pwd)/target/interop
logs=$work/logs
results=$work/results
if [[ ${#chosen[@]} -eq ${#all[@]} ]]; then
    rm -rf "$logs" "$results"
fi
mkdir -p "$logs" "$results"

passed=0
failed=0
server_pid=
data=
# The reason that a tool is missing, by the tool's name.
declare -A missing=()

# --- Tools ---------------------------------------------------------------------------------------

# apt_tool NAME CHECK PACKAGE...: installs the packages unless the check already succeeds.
apt_tool() {
    local name=$1 check=$2 log=$logs/install-$1.log
    shift 2
    if "$check" >"$log" 2>&1; then
        return
    fi
    if ! install_packages "$@" >>"$log" 2>&1; then
        missing[$name]="$* could not be installed: $(tail -n 1 "$log")"
    elif ! "$check" >>"$log" 2>&1; then
        missing[$name]="$* are installed and still do not work: $(tail -n 1 "$log")"
    fi
}

has_php() { php -r 'exit(class_exists("SoapClient") ? 0 : 1);'; }
has_perl() { perl -MSOAP::Lite -MMIME::Entity -MCompress::Zlib -e 1; }
has_gsoap() { command -v wsdl2h && command -v soapcpp2; }
has_gsoap_lib() {
    local header
    for header in stdsoap2.h openssl/ssl.h zlib.h; do
        echo "#include <$header>" | c++ -fsyntax-only -DWITH_NO_C_STORAGE -x c++ - || return
    done
}
has_jaxws() { command -v wsimport && [[ -e /usr/share/java/jaxws-tools.jar ]]; }
has_jdk() { javac -version; }
has_maven() { javac -version && mvn -version; }
has_go() { go version; }

# The versions are compared, so that a changed pin replaces an installed older version.
soap_pin=$(sed -n 's/^ *"soap": "\(.*\)"$/\1/p' "$here/package.json")

has_node_soap() {
    [[ $(cd "$work/node" && node -p 'require("soap/package.json").version') == "$soap_pin" ]]
}

install_zeep() {
    local log=$logs/install-zeep.log
    if ! install_zeep_in "$work/venv" >"$log" 2>&1; then
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
    # No lock file, because it would contain the address of the registry.
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
        # A server that hangs while stopping must not hang the run.
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

random_word() { head -c 18 /dev/urandom | base64 | tr '+/' 'Aa'; }

start_server() {
    data=$(mktemp -d)
    INTEROP_PASSWORD=$(random_word)
    INTEROP_DIGEST_NAME=digest-caller
    INTEROP_DIGEST_SECRET=$(random_word)
    # Cheap hashes: the tests are about the protocol. A digest can only be checked with the plain password, so that of
    # the digest caller is in the settings.
    cat >"$data/muster.toml" <<END
[server]
http = "127.0.0.1:0"
https = "off"
# One client announces more than it sends; the timeout for the rest is short.
idle_seconds = 5

[store]
data = "$data/store"

[access]
# All clients call from the same address, and each tries a wrong password.
login_failures_per_account = 1000000
login_failures_per_address = 1000000

[passwords]
memory_kib = 1024
passes = 1

[[soap.security.digest_callers]]
name = "$INTEROP_DIGEST_NAME"
secret = "$INTEROP_DIGEST_SECRET"
END
    : >"$logs/server.out"
    MUSTER_ADMIN_PASSWORD=$INTEROP_PASSWORD "$binary" serve --config "$data/muster.toml" \
        >"$logs/server.out" 2>"$logs/server.err" &
    server_pid=$!

    local waited=0
    while ((waited++ < 300)); do
        INTEROP_BASE=$(sed -nE 's#^  SOAP +(http://[^ ]+)/services/UserAdmin$#\1#p' "$logs/server.out")
        if [[ -n $INTEROP_BASE ]]; then
            break
        fi
        if ! kill -0 "$server_pid" 2>/dev/null; then
            break
        fi
        sleep 0.1
    done
    if [[ -z $INTEROP_BASE ]]; then
        echo "the server did not show its SOAP address within 30 seconds; its output:" >&2
        cat "$logs/server.out" "$logs/server.err" >&2
        exit 1
    fi
    # Can run while the server is running; the next call sees the change.
    printf '%s\n' "$INTEROP_DIGEST_SECRET" | "$binary" operator add "$INTEROP_DIGEST_NAME" \
        --role import --password-stdin --config "$data/muster.toml" >"$logs/operator.log" 2>&1 || {
        cat "$logs/operator.log" >&2
        exit 1
    }
}

# --- Suites --------------------------------------------------------------------------------------

# keep_results NAME REASON: stores the results that a suite printed; none of them counts as working if the rows
# do not match.
keep_results() {
    awk -F '\t' -v OFS='\t' -v reason="$2" '
        $1 == "client" { client = $2; version = $3 }
        $1 == "result" {
            if (reason != "" && $3 == "works") { $3 = "fails"; $4 = reason }
            print client, version, $2, $3, $4
        }' "$logs/$1.log" >"$results/$1.tsv"
}

# suite NAME "TOOL..." COMMAND...: runs one suite, then checks the rows that it reports as imported.
suite() {
    local name=$1 tools=$2 log=$logs/$1.log tool start=$SECONDS
    shift 2
    if [[ " ${chosen[*]} " != *" $name "* ]]; then
        return
    fi
    for tool in $tools; do
        if [[ -n ${missing[$tool]:-} ]]; then
            failed=$((failed + 1))
            printf 'FAIL %s\n    %s\n' "$name" "${missing[$tool]}"
            return
        fi
    done
    local status=0 reason="" differ="" rows
    INTEROP_SUITE=$name timeout 300 "$@" >"$log" 2>&1 || status=$?
    if ! rows=$(python3 "$here/check_rows.py" "$binary" "$data/store" "$log" 2>&1); then
        differ="the rows differ from what the client says it imported"
        reason="$differ: $rows"
    fi
    if [[ $status -eq 124 ]]; then
        reason="the client was still busy after 300 seconds"
    elif [[ $status -ne 0 ]]; then
        reason="the client ended with exit status $status${reason:+; $reason}"
    fi
    keep_results "$name" "$differ"
    if [[ -z $reason ]]; then
        passed=$((passed + 1))
        printf 'ok  %s (%d modes, %d s)\n' "$name" \
            "$(grep -c $'\tworks\t' "$results/$name.tsv" || true)" $((SECONDS - start))
    else
        failed=$((failed + 1))
        printf 'FAIL %s (%d s)\n    %s\n' "$name" $((SECONDS - start)) "$reason"
        if ! grep -E $'^result\t[^\t]*\tfails\t' "$log" | cut -c 1-400 | sed 's/^/    | /'; then
            tail -n 40 "$log" | sed 's/^/    | /'
        fi
        printf '    | full log: %s\n' "$log"
    fi
}

# needs SUITE...: whether one of these suites was selected.
needs() {
    local name
    for name in "$@"; do
        if [[ " ${chosen[*]} " == *" $name "* ]]; then
            return 0
        fi
    done
    return 1
}

if needs wsdl zeep own; then install_zeep; fi
if needs node; then install_node_soap; fi
if needs php; then apt_tool php has_php php-cli php-soap; fi
if needs perl; then apt_tool perl has_perl libsoap-lite-perl libmime-tools-perl; fi
if needs wsdl2h gsoap; then apt_tool gsoap has_gsoap gsoap; fi
if needs gsoap; then
    apt_tool gsoap_lib has_gsoap_lib g++ libgsoap-dev libssl-dev zlib1g-dev
fi
if needs wsimport; then
    apt_tool jaxws has_jaxws jaxws libjaxws-java libsaaj-ri-java
    apt_tool jdk has_jdk default-jdk-headless
fi
if needs jaxws23 jaxws40 cxf camel stub axis; then
    apt_tool maven has_maven default-jdk-headless maven
fi
if needs gowsdl wsdl2go; then apt_tool golang has_go golang-go; fi

start_server
# Clients that call a loopback address must not use a proxy.
export no_proxy=127.0.0.1,localhost NO_PROXY=127.0.0.1,localhost
export INTEROP_BASE INTEROP_PASSWORD INTEROP_DIGEST_NAME INTEROP_DIGEST_SECRET
export INTEROP_WORK=$work INTEROP_NODE=$work/node INTEROP_BIG=$work/big
printf 'Muster\t%s\t%s\n' "$("$binary" --version | sed 's/^[^ ]* //')" "$(date -u +%F)" >"$results/server"
mkdir -p "$INTEROP_BIG"

python=$work/venv/bin/python
suite wsdl zeep "$python" "$here/wsdl_shapes.py"
suite zeep zeep "$python" "$here/zeep_client.py"
suite own zeep "$python" "$here/user_import.py"
suite node node_soap node "$here/node_soap.mjs"
suite php php php "$here/php_client.php"
suite perl perl perl "$here/soap_lite.pl"
suite wsdl2h gsoap bash "$here/wsdl2h.sh"
suite gsoap "gsoap gsoap_lib" bash "$here/gsoap/build_and_run.sh"
suite wsimport "jaxws jdk" bash "$here/wsimport.sh"
suite jaxws23 maven bash "$here/jaxws/addressing.sh" 2.3
suite jaxws40 maven bash "$here/jaxws/addressing.sh" 4.0
suite cxf maven bash "$here/java/run.sh" CxfClient
suite camel maven bash "$here/java/run.sh" CamelRoute
suite stub maven bash "$here/stub/run.sh"
suite axis maven bash "$here/axis/run.sh"
suite gowsdl golang bash "$here/go/run.sh" gowsdl
suite wsdl2go golang bash "$here/go/run.sh" wsdl2go

cat "$results/server" "$results"/*.tsv >"$work/results.tsv"
printf 'interop: %d passed, %d failed\n' "$passed" "$failed"
[[ $failed -eq 0 ]]
