// Package suite has the common parts of the Go clients: settings, output, and files to
// import.
package suite

import (
	"fmt"
	"os"
	"strings"
)

// Summary is the message of the fault for Bad's file.
const Summary = "Bulk User Import was completed with Errors. " +
	"Success count : 1,  Failed Count : 1, Duplicate Count : 0."

// Base is the server's address, without a path.
var Base = os.Getenv("INTEROP_BASE")

// Password is the password of the operator admin.
var Password = os.Getenv("INTEROP_PASSWORD")

var failed bool

// Say prints one line of the suite.
func Say(fields ...string) {
	fmt.Println(strings.Join(fields, "\t"))
}

// Mode runs one mode; run returns the remark, or the reason for its failure.
func Mode(name string, run func() (string, error)) {
	remark, err := run()
	if err != nil {
		failed = true
		Say("result", name, "fails", strings.Join(strings.Fields(err.Error()), " "))
		return
	}
	Say("result", name, "works", remark)
}

// End ends the process, with a status that depends on whether a mode failed.
func End() {
	if failed {
		os.Exit(1)
	}
	os.Exit(0)
}

// Good is a file of two rows; the second leaves its password to defaultPassword.
func Good(prefix string) string {
	return header + row(prefix+"-ann", "Passw0rd-1") + row(prefix+"-bob", "")
}

// Imported reports that the rows of Good must be stored.
func Imported(prefix string) {
	importedOne(prefix + "-ann")
	importedOne(prefix + "-bob")
}

// Bad is a file of one good row and one whose password is refused.
func Bad(prefix string) string {
	importedOne(prefix + "-good")
	Say("refused", prefix+"-poor")
	return header + row(prefix+"-good", "Passw0rd-1") + row(prefix+"-poor", "a b")
}

const header = "UserName,Password,Claims\n"

func row(name, password string) string {
	return fmt.Sprintf("%s,%s,http://wso2.org/claims/emailaddress=%s@example.com\n", name, password, name)
}

func importedOne(name string) {
	Say("imported", name, name+"@example.com")
}
