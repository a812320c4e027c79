#!/usr/bin/env bash
# Runs the examples of examples/ as their READMEs say, against a real Muster. Those of examples/esb but Camel's are run by
# tests/esb.
#
# Usage: tests/examples/run.sh PATH-TO-MUSTER [EXAMPLE...]
#
# What they need is installed below target/ and, as root or through sudo, with apt-get. A server on a free loopback port
# serves all of them; each has user names of its own.
set -euo pipefail

all=(directory-drop directory-drop-server directory-drop-killed python-mtom python-zeep java camel)

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source "$here/../tools.sh"
parse_suite_arguments example "$@"
root=$(cd "$here/../.." && pwd)
examples=$root/examples
work=$root/target/examples
logs=$work/logs
# Shared with the suite of SOAP clients, which uses the same versions.
venv=$root/target/interop/venv
repository=$root/target/interop/m2
mkdir -p "$logs" "$work/tmp"

folder=$(mktemp -d)
server=
stop() {
    if [[ -n $server ]] && kill "$server" 2>/dev/null; then
        for _ in {1..100}; do
            kill -0 "$server" 2>/dev/null || break
            sleep 0.1
        done
        kill -9 "$server" 2>/dev/null || true
        wait "$server" 2>/dev/null || true
    fi
    [[ -n ${KEEP:-} ]] || rm -rf "$folder"
}
trap stop EXIT

# A proxy of the surroundings is no business of clients that speak to loopback.
export no_proxy=127.0.0.1,localhost NO_PROXY=127.0.0.1,localhost

# --- Muster --------------------------------------------------------------------------------------

operator=example
random_word() { head -c 18 /dev/urandom | base64 | tr '+/' 'Aa'; }

# Settings for a data directory of its own, with hashes that cost this many passes.
settings() {
    cat >"$folder/$1.toml" <<END
[server]
http = "127.0.0.1:0"
https = "off"

[store]
data = "$folder/$1"

[passwords]
memory_kib = 1024
passes = $2
END
}

start_server() {
    settings server 1
    : >"$logs/server.out"
    MUSTER_ADMIN_PASSWORD=$(random_word) "$binary" serve --config "$folder/server.toml" \
        >"$logs/server.out" 2>"$logs/server.err" &
    server=$!
    base=
    for _ in {1..300}; do
        base=$(sed -nE 's#^  SOAP +(http://[^ ]+)/services/UserAdmin$#\1#p' "$logs/server.out")
        [[ -z $base ]] || break
        kill -0 "$server" 2>/dev/null || break
        sleep 0.1
    done
    if [[ -z $base ]]; then
        echo "the server did not show its SOAP address within 30 seconds; its output:" >&2
        cat "$logs/server.out" "$logs/server.err" >&2
        exit 1
    fi
    password=$(random_word)
    printf '%s\n' "$password" | "$binary" operator add "$operator" --role import --password-stdin \
        --config "$folder/server.toml" >"$logs/operator.log" 2>&1 || {
        cat "$logs/operator.log" >&2
        exit 1
    }
    printf '%s\n' "$password" >"$folder/drop.secret"
    printf 'Welcome-2-Muster\n' >"$folder/default.secret"
}

# Whether these users are in the store of a settings file.
users_there() {
    local config=$1 name
    shift
    for name in "$@"; do
        # Variables of clients are no settings.
        env -u MUSTER_URL -u MUSTER_USER -u MUSTER_PASSWORD -u MUSTER_DEFAULT_PASSWORD "$binary" users show "$name" --config "$config" >/dev/null || fail "$name is not in the store"
    done
}

imports() { "$binary" imports list --json --config "$1"; }

# --- Files ---------------------------------------------------------------------------------------

# Two users, of whom one has no password.
good() {
    printf 'UserName,Password,Claims\n'
    printf '%s-ann,Passw0rd-1,http://wso2.org/claims/emailaddress=%s-ann@example.com\n' "$1" "$1"
    printf '%s-bob,,http://wso2.org/claims/emailaddress=%s-bob@example.com\n' "$1" "$1"
}

# A user, and in line 3 one whose name has white space in it.
partly() {
    printf 'UserName,Password,Claims\n%s-cleo,Passw0rd-1\n%s dan,Passw0rd-1\n' "$1" "$1"
}

# --- Checks --------------------------------------------------------------------------------------

fail() {
    echo "$*" >&2
    exit 1
}

same() { [[ $1 == "$2" ]] || fail "$3: $1 instead of $2"; }

# expect CODE COMMAND...: runs it and compares the exit code; its output goes to $output.
expect() {
    local wanted=$1 status=0
    shift
    output=$("$@" 2>&1) || status=$?
    printf '%s\n' "$output"
    same "$status" "$wanted" "the exit code of $1"
}

says() { grep -qF -- "$1" <<<"$output" || fail "the output does not say \"$1\""; }

# One file that a pattern names.
one() {
    local found
    mapfile -t found < <(compgen -G "$1")
    [[ ${#found[@]} -eq 1 && -s ${found[0]} ]] || fail "there is not one file $1: ${found[*]}"
    echo "${found[0]}"
}

older() { touch -d '1 minute ago' "$@"; }

import_dropped() { MUSTER=$binary "$examples/directory-drop/import-dropped.sh" "$@"; }

# Drops the files of a run and looks where they end. The rest are the words of the command.
drops() {
    local prefix=$1 config=$2 drop=$3
    shift 3
    mkdir -p "$drop/incoming"
    good "$prefix" >"$drop/incoming/users.csv"
    partly "$prefix" >"$drop/incoming/staff 2.csv"
    printf 'username,favourite dish\n%s-eve,soup\n' "$prefix" >"$drop/incoming/notes.csv"
    good "$prefix-part" >"$drop/incoming/more.csv.part"
    older "$drop"/incoming/*
    good "$prefix-young" >"$drop/incoming/young.csv"
    expect 0 "$@"
    users_there "$config" "$prefix-ann" "$prefix-bob" "$prefix-cleo"
    one "$drop/done/*-users.csv"
    one "$drop/partly/*-staff 2.csv"
    one "$drop/failed/*-notes.csv"
    grep -q '"created":2' "$(one "$drop/done/*-users.csv.report.json")"
    grep -q 'name-white-space' "$(one "$drop/partly/*-staff 2.csv.report.json")"
    grep -q "^$prefix dan," "$(one "$drop/partly/*-staff 2.csv.rejects.csv")"
    one "$drop/failed/*-notes.csv.report.json"
    grep -q 'unknown columns' "$drop"/failed/*-notes.csv.{report.json,reason.txt} 2>/dev/null ||
        fail "the reason for the refusal is not beside the file"
    same "$(cd "$drop/incoming" && echo *)" "more.csv.part young.csv" "what is left"

    # As if the run had been killed before it moved the file; and the same content under another name.
    local before
    before=$(imports "$config" | wc -l)
    mv "$drop"/done/*-users.csv "$drop/incoming/users.csv"
    cp "$drop/incoming/users.csv" "$drop/incoming/again.csv"
    older "$drop"/incoming/*users.csv "$drop/incoming/again.csv"
    expect 0 "$@"
    one "$drop/done/*-users.csv"
    one "$drop/done/*-again.csv"
    same "$(imports "$config" | wc -l)" "$before" "the number of imports"

    # The rejected row, corrected.
    sed "s/^$prefix dan,[^,]*/$prefix-dan,Passw0rd-1/" "$drop"/partly/*.rejects.csv >"$drop/incoming/corrected.csv"
    older "$drop/incoming/corrected.csv"
    expect 0 "$@"
    one "$drop/done/*-corrected.csv"
    users_there "$config" "$prefix-dan"
}

example_directory-drop() {
    settings terminal 1
    drops drop "$folder/terminal.toml" "$folder/drop" import_dropped "$folder/drop" \
        --config "$folder/terminal.toml" --default-password-file "$folder/default.secret"
    # A data directory that another process has open: nothing is lost.
    good locked >"$folder/drop/incoming/locked.csv"
    older "$folder/drop/incoming/locked.csv"
    expect 1 import_dropped "$folder/drop" --config "$folder/server.toml"
    says "locked.csv stays in incoming"
    [[ -s $folder/drop/incoming/locked.csv ]] || fail "the file is gone"
}

# By the lines of the unit, with the paths of this run.
example_directory-drop-server() {
    local unit=$examples/directory-drop/muster-drop.service variables command
    local paths=(-e "s#/usr/local/bin/muster#$binary#" -e "s#http://127.0.0.1:9763#$base#" -e "s#=drop\$#=$operator#"
        -e "s#/etc/muster/#$folder/#" -e "s#/usr/local/lib/muster/#$examples/directory-drop/#"
        -e "s#/srv/muster-drop#$folder/drop-server#")
    mapfile -t variables < <(sed -n 's/^Environment=//p' "$unit" | sed "${paths[@]}")
    read -ra command < <(sed -n 's/^ExecStart=//p' "$unit" | sed "${paths[@]}")
    drops rest "$folder/server.toml" "$folder/drop-server" env "${variables[@]}" "${command[@]}"

    # No server, and another password: the file waits for better times.
    good waiting >"$folder/drop-server/incoming/waiting.csv"
    older "$folder/drop-server/incoming/waiting.csv"
    expect 1 env "${variables[@]}" MUSTER_URL=http://127.0.0.1:9 "${command[@]}"
    says "waiting.csv stays in incoming"
    printf 'wrong\n' >"$folder/wrong.secret"
    expect 1 env "${variables[@]}" MUSTER_PASSWORD_FILE="$folder/wrong.secret" "${command[@]}"
    says "HTTP status 401"
    expect 0 env "${variables[@]}" "${command[@]}"
    users_there "$folder/server.toml" waiting-ann
}

# A run is killed in the middle of an import; the next one ends it, and no row is counted twice.
example_directory-drop-killed() {
    local rows=3000 drop=$folder/killed-drop config=$folder/killed.toml run state
    settings killed 6
    mkdir -p "$drop/incoming"
    { echo username,password && seq -f 'killed-%g,Passw0rd-1' "$rows"; } >"$drop/incoming/many.csv"
    older "$drop/incoming/many.csv"
    set -m
    import_dropped "$drop" --config "$config" &
    run=$!
    set +m
    for _ in {1..300}; do
        state=$(imports "$config" 2>/dev/null || true)
        [[ ! $state =~ \"created\":[1-9] ]] || break
        sleep 0.05
    done
    kill -9 -- "-$run"
    wait "$run" 2>/dev/null || true
    state=$(imports "$config")
    [[ $state =~ \"created\":([0-9]+) ]] || fail "no import was begun: $state"
    ((BASH_REMATCH[1] > 0 && BASH_REMATCH[1] < rows)) || fail "not in the middle: ${BASH_REMATCH[1]} of $rows"
    echo "killed after ${BASH_REMATCH[1]} of $rows rows"
    expect 0 import_dropped "$drop" --config "$config"
    one "$drop/done/*-many.csv"
    grep -q "\"created\":$rows,.*\"duplicate\":0" "$(one "$drop/done/*-many.csv.report.json")"
    users_there "$config" killed-1 "killed-$rows"
    same "$(imports "$config" | wc -l)" 1 "the number of imports"
}

# What the clients have in common: PREFIX, the exit code of a second import of the same file, the command.
client() {
    local prefix=$1 again=$2
    shift 2
    good "$prefix" >"$folder/$prefix.csv"
    partly "$prefix" >"$folder/$prefix-partly.csv"
    export MUSTER_URL=$base MUSTER_USER=$operator MUSTER_PASSWORD=$password MUSTER_DEFAULT_PASSWORD=Welcome-2-Muster
    expect 0 "$@" "$folder/$prefix.csv"
    users_there "$folder/server.toml" "$prefix-ann" "$prefix-bob"
    expect "$again" "$@" "$folder/$prefix.csv"
    expect 2 "$@" "$folder/$prefix-partly.csv"
    users_there "$folder/server.toml" "$prefix-cleo"
}

example_python-mtom() {
    install_zeep_in "$venv"
    local program=("$venv/bin/python" "$examples/python/import_mtom.py")
    client mtom 1 "${program[@]}"
    says "line 3: name-white-space"
    MUSTER_PASSWORD=wrong expect 1 "${program[@]}" "$folder/mtom.csv"
    says "Access Denied"
}

example_python-zeep() {
    install_zeep_in "$venv"
    local program=("$venv/bin/python" "$examples/python/import_zeep.py")
    # The same key gets the same report.
    client zeep 0 "${program[@]}"
    says "line 3: name-white-space"
    MUSTER_URL=$base expect 1 "${program[@]}" "$examples/python/README.md"
}

has_maven() { javac -version && mvn -version; }

# Compiles an example with Maven; without a network, when everything is there already.
maven() {
    local name=$1 pom=$2
    has_maven >/dev/null 2>&1 || install_packages default-jdk-headless maven
    export MAVEN_OPTS="-Djava.io.tmpdir=$work/tmp -XX:TieredStopAtLevel=1 ${MAVEN_OPTS:-}"
    local build=(mvn -B -ntp -f "$pom" "-Dmaven.repo.local=$repository" "-Dexample.build=$work/$name"
        "-Dmuster.wsdl=$base/services/UserAdmin?wsdl" compile)
    rm -rf "${work:?}/$name"
    "${build[@]}" -o >"$logs/maven-$name.log" 2>&1 || "${build[@]}" >"$logs/maven-$name.log" 2>&1 || {
        tail -n 40 "$logs/maven-$name.log"
        return 1
    }
    java=(java -XX:TieredStopAtLevel=1 "-Djava.io.tmpdir=$work/tmp" -Dorg.slf4j.simpleLogger.defaultLogLevel=warn
        -cp "$work/$name/classes:$(<"$work/$name/libraries.path")")
}

example_java() {
    maven java "$examples/java/pom.xml"
    client java 2 "${java[@]}" example.ImportUsers
    says "created=1"
}

example_camel() {
    maven camel "$examples/esb/camel/pom.xml"
    mkdir -p "$folder/camel/inbox"
    export MUSTER_URL=$base/services/UserAdmin MUSTER_USER=$operator MUSTER_PASSWORD=$password
    export MUSTER_DEFAULT_PASSWORD=Welcome-2-Muster
    good camel >"$folder/camel/inbox/users.csv"
    expect 0 "${java[@]}" example.ImportRoute "$folder/camel"
    one "$folder/camel/done/users.csv"
    users_there "$folder/server.toml" camel-ann camel-bob
    partly camel >"$folder/camel/inbox/partly.csv"
    expect 0 "${java[@]}" example.ImportRoute "$folder/camel"
    one "$folder/camel/partly/partly.csv"
    grep -q 'Failed Count : 1' "$(one "$folder/camel/partly/partly.csv.txt")"
}

# --- All of them ---------------------------------------------------------------------------------

start_server
passed=0 failed=0
for name in "${all[@]}"; do
    [[ " ${chosen[*]} " == *" $name "* ]] || continue
    start=$SECONDS status=0
    # A shell of its own: its variables are not the next example's, and the first command that fails ends it.
    set +e
    (set -euo pipefail && trap - EXIT && "example_$name") >"$logs/$name.log" 2>&1
    status=$?
    set -e
    if [[ $status -eq 0 ]]; then
        passed=$((passed + 1))
        printf 'ok   %s (%d s)\n' "$name" $((SECONDS - start))
    else
        failed=$((failed + 1))
        printf 'FAIL %s (%d s)\n' "$name" $((SECONDS - start))
        tail -n 40 "$logs/$name.log" | sed 's/^/    | /'
    fi
done
printf 'examples: %d passed, %d failed\n' "$passed" "$failed"
[[ $failed -eq 0 ]]
