#!/usr/bin/env bash
# A generator of Go clients reads the description for older generators of every service, its output is
# compiled, and a client with the code for UserAdmin calls Muster. The script also checks that it fails on the
# default description, which is the reason for the other one. Modules and the build cache are below
# target/interop.
#
# Usage: run.sh gowsdl|wsdl2go
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
generator=$1
folder=$INTEROP_WORK/go/$generator
rm -rf "$folder"
mkdir -p "$folder"
cp -R "$here/go.mod" "$here/go.sum" "$here/suite" "$here/$generator" "$folder/"
cd "$folder"

# Use the installed toolchain only, and the versions in go.mod only.
export GOPATH=$INTEROP_WORK/go/path GOCACHE=$INTEROP_WORK/go/cache GOTOOLCHAIN=local GOWORK=off
export GOFLAGS="-mod=readonly -modcacherw -buildvcs=false -trimpath"

# generate PACKAGE PATH: generates a package of this module from the description at the path.
generate() {
    local description=$INTEROP_BASE/services/$2
    mkdir -p "$generator/$1"
    if [[ $generator == gowsdl ]]; then
        ./generator -d "$generator" -p "$1" -o "$1.go" "$description"
    else
        ./generator -i "$description" -p "$1" -o "$generator/$1/$1.go"
    fi
}

# fails_with TEXT COMMAND...
fails_with() {
    local text=$1 status=0
    shift
    "$@" >log 2>&1 || status=$?
    if [[ $status -eq 0 ]] || ! grep -F -- "$text" log; then
        echo "$* ended with $status and without \"$text\":"
        head -n 40 log
        return 1
    fi
}

client() {
    local version
    version=$(go list -m -f '{{.Version}}' "$1")
    printf 'client\t%s (Go)\t%s\n' "$generator" "${version#v}"
}

case $generator in
    gowsdl)
        client github.com/hooklift/gowsdl
        go build -o generator github.com/hooklift/gowsdl/cmd/gowsdl
        generate first 'UserAdmin?wsdl'
        fails_with 'UserStoreException redeclared in this block' go build ./gowsdl/first
        printf 'result\tdefault description\tcannot\tGo does not compile what is generated: %s\n' \
            'UserStoreException redeclared in this block'
        ;;
    wsdl2go)
        client github.com/fiorix/wsdl2go
        go build -o generator github.com/fiorix/wsdl2go
        fails_with 'stack overflow' generate first 'UserAdmin?wsdl'
        generate second 'UserImport?wsdl'
        fails_with 'undefined: UnsignedLong' go build ./wsdl2go/second
        printf 'result\tdefault description\tcannot\tthe generator overflows its stack; %s\n' \
            'Go does not compile what it makes of UserImport: undefined: UnsignedLong'
        ;;
esac
rm -rf "${generator:?}"/{first,second}

for service in UserAdmin AuthenticationAdmin RemoteUserStoreManagerService UserImport; do
    generate "${service,,}" "$service?wsdl&shape=soap11"
done
go build ./...
printf 'result\tgenerated 1.1\tworks\t?wsdl&shape=soap11 of all four services\n'
go build -o client "./$generator"
exec ./client
