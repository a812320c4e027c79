#!/usr/bin/env bash
# Builds the Java clients with Maven and runs one of them. Maven's downloads and output are below target/interop.
# If everything is present, the build is offline.
#
# Usage: run.sh CLASS
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
build=$INTEROP_WORK/java
log=$INTEROP_WORK/logs/maven.log
mkdir -p "$INTEROP_WORK/tmp"

# The code generator and CXF also create temporary files.
export MAVEN_OPTS="-Djava.io.tmpdir=$INTEROP_WORK/tmp -XX:TieredStopAtLevel=1 ${MAVEN_OPTS:-}"

build() {
    mvn -B -ntp "$@" -f "$here/pom.xml" \
        -Dmaven.repo.local="$INTEROP_WORK/m2" \
        -Dinterop.build="$build" \
        -Dinterop.wsdl="$INTEROP_BASE/services/UserAdmin?wsdl" \
        -Dinterop.own="$INTEROP_BASE/services/UserImport?wsdl" \
        package
}

# Built once for all suites of a run; the stamp contains the address of the server.
if [[ ! -e $build/clients.jar || $(cat "$build/built-for" 2>/dev/null) != "$INTEROP_BASE" ]]; then
    # The generator would keep the code from another description.
    rm -rf "$build"
    build -o >"$log" 2>&1 || build >"$log" 2>&1 || {
        tail -n 60 "$log"
        exit 1
    }
    printf '%s\n' "$INTEROP_BASE" >"$build/built-for"
fi

export INTEROP_FOLDER=$build/files-$1 INTEROP_BIG_SCRIPT=$here/../big_file.py
rm -rf "$INTEROP_FOLDER"
# The password is in the environment, because a process list would show arguments.
exec java -Djava.io.tmpdir="$INTEROP_WORK/tmp" -XX:TieredStopAtLevel=1 \
    -Dorg.slf4j.simpleLogger.defaultLogLevel=warn -Dorg.apache.cxf.Logger=org.apache.cxf.common.logging.Slf4jLogger \
    -cp "$build/clients.jar" "interop.$1"
