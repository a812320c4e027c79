#!/usr/bin/env bash
# JAX-WS: wsimport generates a client from the description, javac compiles it, and ImportMtom sends one file as an
# MTOM attachment through it. The same for Muster's own service, where files are sent in both directions.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
folder=$INTEROP_WORK/wsimport
rm -rf "$folder"
version=$(dpkg-query -W -f '${Version}' libjaxws-java 2>/dev/null || true)
printf 'client\tJAX-WS RI (wsimport)\t%s\n' "${version%-*}"
mkdir -p "$folder/source" "$folder/classes"

wsimport -keep -Xnocompile -d "$folder/source" "$INTEROP_BASE/services/UserAdmin?wsdl"

port_type=$folder/source/org/wso2/carbon/user/mgt/UserAdminPortType.java
for pattern in \
    '\bbulkImportUsers\($' \
    '\b(DataHandler|byte\[\]) handler\b' \
    '\bthrows UserAdminUserAdminException\b'; do
    if ! grep -qE -- "$pattern" "$port_type"; then
        echo "UserAdminPortType does not match $pattern:"
        cat "$port_type"
        exit 1
    fi
done

# The manifest of this jar refers to the rest of JAX-WS, so it is the whole class path.
jaxws=/usr/share/java/jaxws-tools.jar
find "$folder/source" -name '*.java' >"$folder/files"
javac -nowarn -cp "$jaxws" -d "$folder/classes" "@$folder/files" "$here/jaxws/ImportMtom.java"
java -cp "$folder/classes:$jaxws" ImportMtom "$folder/users.csv"

# Generators warn about elements that they ignore; in this description they ignore none. JAX-WS treats every SOAP
# 1.2 binding as an extension.
own=$folder/own
mkdir -p "$own/source" "$own/classes"
wsimport -extension -keep -Xnocompile -p muster.userimport -d "$own/source" "$INTEROP_BASE/services/UserImport?wsdl" \
    2>&1 | tee "$own/log"
if grep -F '[WARNING]' "$own/log" | grep -qv 'uses a non-standard SOAP 1.2 binding'; then
    exit 1
fi
find "$own/source" -name '*.java' >"$own/files"
javac -nowarn -cp "$jaxws" -d "$own/classes" "@$own/files" "$here/jaxws/OwnImport.java"
java -cp "$own/classes:$jaxws" OwnImport "$own/users.csv"
