#!/usr/bin/env bash
# gSOAP: generates a C++ client from the server's description, compiles it with gSOAP's WS-Security plugin, and
# runs it.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
folder=$INTEROP_WORK/gsoap
gsoap=/usr/share/gsoap
rm -rf "$folder"
mkdir -p "$folder"
cd "$folder"

wsdl2h -t "$here/typemap.dat" -o UserAdmin.h "$INTEROP_BASE/services/UserAdmin?wsdl"
echo '#import "wsse.h"' >>UserAdmin.h
soapcpp2 -C -L -I "$gsoap/import" -I "$gsoap" UserAdmin.h

compile() {
    c++ -std=c++17 -O0 -w -DWITH_OPENSSL -DWITH_GZIP -I . -I "$gsoap/plugin" -I "$gsoap/custom" -c "$@"
}
# The plugin is distributed as source, and must match the generated header.
compile soapC.cpp &
one=$!
compile soapClient.cpp "$here/client.cpp" &
two=$!
wait "$one"
wait "$two"
compile "$gsoap"/plugin/{wsseapi,smdevp,mecevp,threads}.c "$gsoap/custom/struct_timeval.c"
c++ -o client ./*.o -lgsoapssl++ -lssl -lcrypto -lz

python3 "$here/../big_file.py" gsoap-big "$INTEROP_BIG/gsoap.csv"
exec ./client
