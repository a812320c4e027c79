#!/usr/bin/env bash
# Runs the configuration files of examples/esb in their buses, Apache Synapse and Spring Integration, against a Muster
# server.
#
# Usage: tests/esb/run.sh PATH-TO-MUSTER
#
# The dependencies besides python3 (a JDK and Maven) are installed with apt-get, as root or through sudo; the libraries
# of the buses are downloaded to target/esb/m2. checks.py does the rest. Everything listens on loopback, on free ports.
set -euo pipefail

if [[ $# -ne 1 || ! -x $1 ]]; then
    echo "usage: $0 PATH-TO-MUSTER" >&2
    exit 2
fi
binary=$(realpath "$1")
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
source "$here/../tools.sh"
examples=$root/examples/esb
work=$root/target/esb
logs=$work/logs
mkdir -p "$logs" "$work/tmp"

has_maven() { javac -version && mvn -version; }

if ! has_maven >"$logs/install.log" 2>&1; then
    if ! install_packages default-jdk-headless maven >>"$logs/install.log" 2>&1 \
        || ! has_maven >>"$logs/install.log" 2>&1; then
        echo "a JDK and Maven are needed, and could not be installed: $(tail -n 1 "$logs/install.log")" >&2
        exit 1
    fi
fi

# libraries NAME: downloads the libraries of the example's pom.xml and writes their class path to target/esb/NAME.path.
# If everything is present, it does not use the network.
libraries() {
    local name=$1 log=$logs/maven-$1.log
    local maven=(mvn -B -ntp -f "$examples/$name/pom.xml" "-Dmaven.repo.local=$work/m2"
        org.apache.maven.plugins:maven-dependency-plugin:3.8.1:build-classpath "-Dmdep.outputFile=$work/$name.path")
    "${maven[@]}" -o >"$log" 2>&1 || "${maven[@]}" >"$log" 2>&1 || {
        tail -n 40 "$log" >&2
        return 1
    }
}

export MAVEN_OPTS="-Djava.io.tmpdir=$work/tmp -XX:TieredStopAtLevel=1 ${MAVEN_OPTS:-}"
start=$SECONDS
libraries synapse
libraries spring-integration
rm -rf "$work/classes"
javac -d "$work/classes" -cp "$(<"$work/spring-integration.path")" \
    "$examples/spring-integration/ImportUsers.java"
printf 'the libraries are there (%d s)\n' $((SECONDS - start))

# Clients that call a loopback address must not use a proxy.
export no_proxy=127.0.0.1,localhost NO_PROXY=127.0.0.1,localhost
exec python3 "$here/checks.py" "$binary" "$work"
