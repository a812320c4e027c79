#!/usr/bin/env bash
# gSOAP: wsdl2h reads the description from the server and soapcpp2 turns it into client code, once
# for C++ and once for C. Nothing is compiled, for the generators are the strict readers here.
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
printf 'result\tgenerated\tworks\tC++ and C\n'
