#!/usr/bin/env bash
# Imports the files that are in DIRECTORY/incoming, once, and ends. README.md tells how to run it every half minute.
#
# Usage: import-dropped.sh DIRECTORY [OPTION OF "muster import"]…
#
# Without MUSTER_URL the files are imported by `muster import`, which needs the data directory for itself. With
# MUSTER_URL they are sent to that server by REST, and there are no options. Variables:
#
#   MUSTER                        the program [muster]
#   SETTLE_SECONDS                for which a file must not have changed before it is taken [10]
#   MUSTER_URL                    the server, such as https://users.example.com:9443
#   MUSTER_USER                   the operator's name
#   MUSTER_PASSWORD_FILE          a file whose first line is the operator's password
#   MUSTER_DEFAULT_PASSWORD_FILE  a file whose first line is the password of rows that have none
#
# Each import has a key made of the file's content and the options. After a crash, a reboot or a lost connection the next
# run goes on with the same import, and a file that is dropped twice is imported once. A file goes to done/ when each of
# its rows did what it was meant to, to partly/ when some did not, and to failed/ when it was refused, with the report,
# the rejected rows and the reason beside it. What could not be tried (the server is away, the disk is full) stays in incoming/.
#
# Exit code: 0 when every file was imported or refused, 1 when some are to be tried again.
set -euo pipefail
umask 077

if [[ $# -lt 1 || ! -d $1 ]]; then
    echo "usage: import-dropped.sh DIRECTORY [OPTION OF \"muster import\"]…" >&2
    exit 2
fi
cd "$1"
shift
options=("$@")
muster=${MUSTER:-muster}
settle=${SETTLE_SECONDS:-10}
if [[ -n ${MUSTER_URL:-} && ${#options[@]} -gt 0 ]]; then
    echo "import-dropped: with MUSTER_URL there are no options of \"muster import\"" >&2
    exit 2
fi
mkdir -p incoming done partly failed .work

# One run at a time. The lock ends with the process.
exec 9>.work/lock
flock --nonblock 9 || exit 0

report=.work/report.json rejects=.work/rejects.csv trouble=.work/trouble.txt

# A value of the report: the state is a word, the counts are numbers.
field() { sed -nE "s/^.*\"$1\":\"?([a-zA-Z0-9-]+).*\$/\1/p" "$report" | head -n 1; }

by_terminal() {
    local file=$1 key=$2
    # The exit code repeats what the report says; without a report nothing was begun.
    "$muster" import "$file" --json --key "$key" --reject-file "$rejects" "${options[@]}" \
        >"$report" 2>"$trouble" 9>&- || true
}

# Passwords are given to curl by its standard input, where no list of processes shows them.
ask() {
    {
        printf 'user = "%s:%s"\n' "$MUSTER_USER" "$(quoted "$MUSTER_PASSWORD_FILE")"
        if [[ -n ${MUSTER_DEFAULT_PASSWORD_FILE:-} ]]; then
            printf 'header = "Muster-Default-Password: %s"\n' "$(quoted "$MUSTER_DEFAULT_PASSWORD_FILE")"
        fi
    } | curl --config - --silent --show-error "$@" 9>&-
}

# The first line of a file, as a quoted value of a configuration file of curl.
quoted() { head -n 1 "$1" | tr -d '\r\n' | sed 's/[\\"]/\\&/g'; }

by_rest() {
    local file=$1 key=$2 name status kind=text/csv
    case ${file,,} in
    *.tsv) kind=text/tab-separated-values ;;
    *.xlsx) kind=application/vnd.openxmlformats-officedocument.spreadsheetml.sheet ;;
    *.xls) kind=application/vnd.ms-excel ;;
    esac
    name=$(basename "$file" | od -An -v -tx1 | tr -d '\n' | sed 's/ 0a$//; s/ /%/g')
    status=$(ask --output "$report" --write-out '%{http_code}' --upload-file "$file" --request POST \
        --header "Idempotency-Key: $key" --header "Content-Type: $kind" \
        "$MUSTER_URL/api/v1/imports?fileName=$name" 2>"$trouble") || status=000
    case $status in
    200 | 201) ;;
    # Refused for what the file is: the answer has the code and a sentence. Of a file whose rows were read it also has the
    # import's state.
    400 | 413 | 415 | 422) [[ -n $(field state) ]] || sed -i '1s/^{/{"state":"refused",/' "$report" ;;
    *)
        printf 'HTTP status %s\n' "$status" >>"$trouble"
        cat "$report" >>"$trouble" 2>/dev/null || true
        : >"$report"
        return
        ;;
    esac
    if [[ $(field rejectsKept) != 0 && -n $(field id) ]]; then
        ask --output "$rejects" --fail "$MUSTER_URL/api/v1/imports/$(field id)/rejects" 2>>"$trouble" || : >"$report"
    fi
}

left=0
shopt -s nullglob nocaseglob
for file in incoming/*.csv incoming/*.tsv incoming/*.xlsx incoming/*.xls; do
    if [[ ! -f $file || -L $file ]] || (($(date +%s) - $(stat -c %Y "$file") < settle)); then
        continue
    fi
    name=$(basename "$file")
    content=$(sha256sum <"$file" | cut -d ' ' -f 1)
    key=drop-$content-$(printf '%s\0' "${options[@]}" | sha256sum | cut -c 1-8)
    rm -f "$report" "$rejects" "$trouble"
    if [[ -n ${MUSTER_URL:-} ]]; then by_rest "$file" "$key"; else by_terminal "$file" "$key"; fi

    case $(field state) in
    completed)
        if [[ $(field failed) == 0 && $(field duplicate) == 0 ]]; then to=done; else to=partly; fi
        ;;
    failed | refused | undone) to=failed ;;
    # Interrupted or cancelled, or never begun: the same key goes on with it.
    *)
        left=$((left + 1))
        printf 'import-dropped: %s stays in incoming: %s\n' "$name" "$(tr '\n' ' ' <"$trouble")" >&2
        continue
        ;;
    esac
    # The content is in the name, so that another file of the same name replaces nothing, and a second try of the same
    # step replaces its own. The file itself goes last: until then everything can be done again.
    base=$to/${content:0:8}-$name
    mv -f "$report" "$base.report.json"
    if [[ -s $rejects ]]; then mv -f "$rejects" "$base.rejects.csv"; fi
    if [[ $to == failed && -s $trouble ]]; then mv -f "$trouble" "$base.reason.txt"; fi
    mv -f "$file" "$base"
    printf '%s: %s\n' "$to" "$name"
done
[[ $left -eq 0 ]]
