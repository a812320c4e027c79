// Clients made by Go's generators of SOAP clients; run.sh copies this below target/interop.
module interop

go 1.19

require (
	github.com/fiorix/wsdl2go v1.4.7
	github.com/hooklift/gowsdl v0.5.0
)

// What wsdl2go needs and does not say itself, for it has no versions of its own dependencies.
require (
	golang.org/x/net v0.24.0
	golang.org/x/text v0.14.0 // indirect
)
