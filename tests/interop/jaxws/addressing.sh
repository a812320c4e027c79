#!/usr/bin/env bash
# JAX-WS RI of one version: its wsimport generates a client from the description, javac compiles it,
# and Addressing calls with the headers of WS-Addressing 2004/08 and 2005/08.
#
# Usage: addressing.sh 2.3|4.0
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
folder=$INTEROP_WORK/jaxws-$1
jar=$(bash "$here/../jars/class_path.sh" "jaxws-$1")
rm -rf "$folder"
mkdir -p "$folder/source" "$folder/classes"
fast=(-XX:TieredStopAtLevel=1 -Djava.io.tmpdir="$INTEROP_WORK/tmp")

version=$(java "${fast[@]}" -cp "$jar" com.sun.tools.ws.WsImport -version 2>&1 | grep -oE '[0-9]+\.[0-9.]+[0-9]' | head -n 1)
printf 'client\tJAX-WS RI (wsimport)\t%s\n' "$version"

# JAX-WS treats every SOAP 1.2 binding as an extension.
java "${fast[@]}" -cp "$jar" com.sun.tools.ws.WsImport \
    -extension -keep -Xnocompile -d "$folder/source" "$INTEROP_BASE/services/UserAdmin?wsdl"
if [[ $1 == 2.* ]]; then
    cp "$here/Addressing.java" "$folder/source/"
else
    sed -E 's/\bjavax\.(activation|mail|xml\.ws)\b/jakarta.\1/' "$here/Addressing.java" >"$folder/source/Addressing.java"
fi
find "$folder/source" -name '*.java' >"$folder/files"
javac "${fast[@]/#/-J}" -nowarn -cp "$jar" -d "$folder/classes" "@$folder/files"
printf 'result\tgenerated\tworks\tboth SOAP ports\n'
java "${fast[@]}" -cp "$folder/classes:$jar" Addressing "jaxws${1/./}"
