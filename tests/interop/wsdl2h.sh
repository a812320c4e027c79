#!/usr/bin/env bash
# gSOAP: wsdl2h reads the description from the server and soapcpp2 turns it into client code, for C++ and for C.
# Nothing is compiled, because the generators are the strict readers here.
set -euo pipefail

version=$(wsdl2h -V 2>&1 | grep -oE '2\.[0-9]+\.[0-9]+' | head -n 1)
printf 'client\tgSOAP wsdl2h\t%s\n' "${version:-unknown}"
url="$INTEROP_BASE/services/UserAdmin?wsdl"

generate() {
    local language=$1 folder="$INTEROP_WORK/wsdl2h-$1"
    shift
    rm -rf "$folder"
    mkdir -p "$folder"
    cd "$folder"
    wsdl2h "$@" -o UserAdmin.h "$url"
    soapcpp2 -C UserAdmin.h

    local word
    for word in __bulkImportUsersResponse __UserAdminUserAdminException '"urn:bulkImportUsers"'; do
        if ! grep -q -- "$word" UserAdmin.h; then
            echo "$language: the generated header does not hold $word"
            return 1
        fi
    done
    grep -q 'soap_call_.*bulkImportUsers' soapStub.h
}

generate cpp
generate c -c

# Muster's own service, for which the generators print no warnings. With a name, each binding becomes a separate
# service.
folder="$INTEROP_WORK/wsdl2h-own"
rm -rf "$folder"
mkdir -p "$folder"
cd "$folder"
wsdl2h -Nown -o UserImport.h "$INTEROP_BASE/services/UserImport?wsdl" 2>&1 | tee wsdl2h.log
soapcpp2 -C UserImport.h 2>&1 | tee soapcpp2.log
if grep -i 'warning' wsdl2h.log soapcpp2.log; then
    exit 1
fi
grep -q 'soap_call_.*getRejectFile' soapStub.h
printf 'result\tgenerated\tworks\tC++ and C\n'
