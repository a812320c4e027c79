#!/usr/bin/env bash
# Runs the command blocks of README.md and docs/*.md on a minimal Debian 12, as a new user does.
#
# Usage: tests/docs/run.sh PATH-TO-MUSTER [PAGE...]      pages such as README.md or docs/soap.md
#
# It needs root, because it mounts and enters a root directory of its own (target/docs), and a Debian mirror, which
# is taken from the machine's apt sources; DOCS_MIRROR=URL names another one. Nothing is changed outside of target/docs.
# run.py says how pages mark blocks that cannot run there.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

if [[ $# -lt 1 || ! -x $1 ]]; then
    echo "usage: $0 PATH-TO-MUSTER [PAGE...]" >&2
    exit 2
fi
if [[ $(id -u) -ne 0 ]]; then
    echo "$0 needs root to create a root directory: sudo $0 $*" >&2
    exit 1
fi
if ! command -v debootstrap >/dev/null; then
    if ! command -v apt-get >/dev/null; then
        echo "debootstrap is missing, and apt-get is not there to install it" >&2
        exit 1
    fi
    apt-get update -q
    DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends debootstrap
fi

# Its mounts are in a namespace of its own, so that they end with it.
exec unshare --mount --propagation private -- python3 "$here/run.py" "$@"
