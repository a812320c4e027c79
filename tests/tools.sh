# Sourced by tests/run.sh and by suites: their command line, and what they need from the system's package manager.

# Runs a command as root: directly, or through sudo where that asks for no password.
as_root() {
    if [[ $(id -u) -eq 0 ]]; then
        "$@"
    else
        sudo -n "$@"
    fi
}

# Installs packages of Debian. Where that is impossible, the last line printed is the command to run.
install_packages() {
    local root=
    if [[ $(id -u) -ne 0 ]]; then
        root="sudo "
    fi
    local by_hand="${root}apt-get install -y --no-install-recommends $*"
    if ! command -v apt-get >/dev/null 2>&1; then
        echo "There is no apt-get here. Install what these packages of Debian contain, and then run the tests again: $*"
        return 1
    fi
    if [[ -n $root ]] && ! sudo -n true 2>/dev/null; then
        echo "Packages are missing, and this user cannot install them without a password. Run this, and then the tests again:"
        echo "    $by_hand"
        return 1
    fi
    # Once; lists that cannot be brought up to date may still do.
    if [[ -z ${package_lists_updated:-} ]]; then
        package_lists_updated=yes
        as_root apt-get update -q || echo "apt-get update failed; trying with the lists that are there"
    fi
    if ! as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$@"; then
        echo "Packages are missing and could not be installed. Run this, and then the tests again:"
        echo "    $by_hand"
        return 1
    fi
}

zeep_pin=4.3.3

# A virtual environment with zeep, and so with requests, in a folder. The versions are compared, so that a changed pin
# takes effect where an old one is installed.
has_zeep_in() {
    [[ $("$1/bin/python" -c 'import zeep; print(zeep.__version__)' 2>/dev/null) == "$zeep_pin" ]]
}

install_zeep_in() {
    has_zeep_in "$1" || { python3 -m venv "$1" && "$1/bin/pip" install "zeep==$zeep_pin" && has_zeep_in "$1"; }
}

# The command line of a suite, `PATH-TO-MUSTER [NAME...]`: sets `binary`, and `chosen` to these names or to all of
# `all`. The first argument is what a name stands for, such as "suite".
parse_suite_arguments() {
    local noun=$1 name
    shift
    if [[ $# -lt 1 || ! -x $1 ]]; then
        echo "usage: $0 PATH-TO-MUSTER [${noun^^}...]    ${noun}s: ${all[*]}" >&2
        exit 2
    fi
    binary=$(realpath "$1")
    shift
    chosen=("$@")
    if [[ ${#chosen[@]} -eq 0 ]]; then
        chosen=("${all[@]}")
    fi
    for name in "${chosen[@]}"; do
        if [[ " ${all[*]} " != *" $name "* ]]; then
            echo "unknown $noun $name; the ${noun}s are ${all[*]}" >&2
            exit 2
        fi
    done
}
