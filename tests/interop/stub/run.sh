#!/usr/bin/env bash
# Builds the client around the original's published stubs with Maven and runs it. All that Maven
# fetches and makes goes below target/interop. When everything is there already the build is offline.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
build=$INTEROP_WORK/stub
log=$INTEROP_WORK/logs/maven-stub.log
mkdir -p "$INTEROP_WORK/tmp"

export MAVEN_OPTS="-Djava.io.tmpdir=$INTEROP_WORK/tmp -XX:TieredStopAtLevel=1 ${MAVEN_OPTS:-}"

build() {
    mvn -B -ntp "$@" -f "$here/pom.xml" \
        -Dmaven.repo.local="$INTEROP_WORK/m2" \
        -Dinterop.build="$build" \
        package
}

build -o >"$log" 2>&1 || build >"$log" 2>&1 || {
    tail -n 60 "$log"
    exit 1
}

export INTEROP_FOLDER=$build/files INTEROP_BIG_SCRIPT=$here/../big_file.py
rm -rf "$INTEROP_FOLDER"
# A password stands in the environment, where a process list does not show it.
exec java -Djava.io.tmpdir="$INTEROP_WORK/tmp" -XX:TieredStopAtLevel=1 \
    -cp "$build/stub.jar" interop.StubClient
