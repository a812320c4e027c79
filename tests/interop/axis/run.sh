#!/usr/bin/env bash
# Axis 1.4: its WSDL2Java reads the description for older generators of every service, javac compiles the
# result, and ImportAxis calls Muster with the classes for UserAdmin. The script also checks that WSDL2Java
# fails on the default description, which is the reason for the other one.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
folder=$INTEROP_WORK/axis
jar=$(bash "$here/../jars/class_path.sh" axis-1.4)
rm -rf "$folder"
mkdir -p "$folder/classes"
fast=(-XX:TieredStopAtLevel=1 -Djava.io.tmpdir="$INTEROP_WORK/tmp")
printf 'client\tApache Axis (WSDL2Java)\t1.4\n'

generate() {
    java "${fast[@]}" -cp "$jar" org.apache.axis.wsdl.WSDL2Java -o "$1" "$INTEROP_BASE/services/$2"
}

{ generate "$folder/default" 'UserAdmin?wsdl' || true; } 2>&1 | grep -F 'Missing <soap:fault> element'
printf 'result\tdefault description\tcannot\tWSDL2Java stops at the SOAP 1.2 binding: `Missing <soap:fault> element`\n'

sources=()
for service in UserAdmin AuthenticationAdmin RemoteUserStoreManagerService UserImport; do
    source=$folder/$service
    mkdir -p "$source"
    generate "$source" "$service?wsdl&shape=soap11"
    # The exit status of a failed generator is 0, too.
    find "$source" -name "*Stub.java" | grep -q .
    sources+=("$source")
done
find "${sources[@]}" -name '*.java' >"$folder/files"
javac "${fast[@]/#/-J}" -nowarn -Xlint:none -cp "$jar" -d "$folder/classes" "@$folder/files" "$here/ImportAxis.java"
printf 'result\tgenerated 1.1\tworks\t?wsdl&shape=soap11 of all four services\n'
java "${fast[@]}" -cp "$folder/classes:$jar" ImportAxis
