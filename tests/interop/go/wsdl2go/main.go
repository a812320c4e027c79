// Tests wsdl2go's generated client: the file inline, a companion, and the fault.
package main

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/fiorix/wsdl2go/soap"

	"interop/suite"
	"interop/wsdl2go/useradmin"
)

// named returns a client for one operation. The generated code omits the namespace of the element in the Body,
// and Muster refuses an element without a namespace, because it is a different element.
func named(operation string) *soap.Client {
	return &soap.Client{
		URL:       suite.Base + "/services/UserAdmin",
		Namespace: useradmin.Namespace,
		Pre: func(request *http.Request) {
			request.SetBasicAuth("admin", suite.Password)
			body, _ := io.ReadAll(request.Body)
			begin := "<" + operation
			body = bytes.Replace(body, []byte(begin), []byte(begin+` xmlns="http://org.apache.axis2/xsd"`), 1)
			request.Body = io.NopCloser(bytes.NewReader(body))
			request.ContentLength = int64(len(body))
		},
	}
}

// without returns a client without that addition.
func without() *soap.Client {
	client := named("bulkImportUsers")
	client.Pre = func(request *http.Request) { request.SetBasicAuth("admin", suite.Password) }
	return client
}

func send(client *soap.Client, file string) error {
	name, password := "users.csv", "admin"
	// The generated field is a []byte, which Go writes into XML unencoded.
	handler := []byte(base64.StdEncoding.EncodeToString([]byte(file)))
	answer, err := useradmin.NewUserAdminPortType(client).BulkImportUsers(&useradmin.BulkImportUsers{
		FileName:        &name,
		Handler:         &handler,
		DefaultPassword: &password,
	})
	if err == nil && answer == nil {
		err = errors.New("there is no answer")
	}
	return err
}

func inline() (string, error) {
	suite.Imported("wsdl2go-inline")
	return "the caller encodes, and adds to the element in the Body, in the client's Pre, " +
		"the namespace that the generated code leaves out", send(named("bulkImportUsers"), suite.Good("wsdl2go-inline"))
}

func list() (string, error) {
	filter, limit := "wsdl2go-inline-*", 10
	answer, err := useradmin.NewUserAdminPortType(named("listUsers")).ListUsers(&useradmin.ListUsers{
		Filter: &filter,
		Limit:  &limit,
	})
	if err != nil {
		return "", err
	}
	if answer == nil || len(answer.Return) != 2 {
		return "", fmt.Errorf("listUsers gives %v", answer)
	}
	return "", nil
}

func fault() (string, error) {
	err := send(named("bulkImportUsers"), suite.Bad("wsdl2go-fault"))
	var failure *soap.HTTPError
	if !errors.As(err, &failure) {
		return "", fmt.Errorf("no HTTPError but %v", err)
	}
	if !strings.Contains(failure.Msg, "<faultstring>"+suite.Summary+"</faultstring>") {
		return "", fmt.Errorf("the fault is %s", failure.Msg)
	}
	return "*soap.HTTPError; its Msg is the envelope", nil
}

func noNamespace() (string, error) {
	err := send(without(), suite.Good("wsdl2go-none"))
	if err == nil || !strings.Contains(err.Error(), "IMP-SOAP-NAMESPACE") {
		return "", fmt.Errorf("the error is %v", err)
	}
	suite.Say("refused", "wsdl2go-none-ann")
	return "without that namespace: IMP-SOAP-NAMESPACE, and no row is stored", nil
}

func main() {
	suite.Mode("inline 1.1 basic", inline)
	suite.Mode("companion 1.1 listUsers", list)
	suite.Mode("fault rows 1.1", fault)
	suite.Mode("fault namespace 1.1", noNamespace)
	suite.Say("result", "mtom", "cannot", "wsdl2go's client sends no attachments")
	suite.Say("result", "swa", "cannot", "wsdl2go's client sends no attachments")
	suite.End()
}
