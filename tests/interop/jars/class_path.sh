#!/usr/bin/env bash
# Prints the jar that is the class path of a set of libraries, which Maven downloads to target/interop. If all of
# them are present, nothing is downloaded.
#
# Usage: class_path.sh PROFILE
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
build=$INTEROP_WORK/jars/$1
log=$INTEROP_WORK/logs/maven-$1.log
mkdir -p "$INTEROP_WORK/tmp"

export MAVEN_OPTS="-Djava.io.tmpdir=$INTEROP_WORK/tmp -XX:TieredStopAtLevel=1 ${MAVEN_OPTS:-}"

build() {
    mvn -B -ntp "$@" -f "$here/pom.xml" \
        -Dmaven.repo.local="$INTEROP_WORK/m2" \
        -Dinterop.build="$build" \
        package
}

# An older jar could refer to other versions.
if [[ ! $build/class-path.jar -nt $here/pom.xml ]]; then
    rm -rf "$build"
    build -o -P "$1" >"$log" 2>&1 || build -P "$1" >"$log" 2>&1 || {
        tail -n 60 "$log" >&2
        exit 1
    }
fi
printf '%s\n' "$build/class-path.jar"
