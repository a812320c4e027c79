#!/usr/bin/env bash
# Builds the client with the original's published stubs by Maven and runs it. Maven's downloads and output are below
# target/interop. If everything is present, the build is offline.
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
# The password is in the environment, because a process list would show arguments.
exec java -Djava.io.tmpdir="$INTEROP_WORK/tmp" -XX:TieredStopAtLevel=1 \
    -cp "$build/stub.jar" interop.StubClient
