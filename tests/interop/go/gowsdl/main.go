// Tests gowsdl's generated client: the file inline and as an attachment, and the fault.
package main

import (
	"encoding/base64"
	"encoding/xml"
	"errors"
	"fmt"
	"strings"

	"github.com/hooklift/gowsdl/soap"

	"interop/gowsdl/useradmin"
	"interop/suite"
)

func client(options ...soap.Option) *soap.Client {
	options = append(options, soap.WithBasicAuth("admin", suite.Password))
	return soap.NewClient(suite.Base+"/services/UserAdmin", options...)
}

func send(client *soap.Client, handler []byte) error {
	name, password := "users.csv", "admin"
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

// The generated field is a []byte, which Go writes into XML unencoded.
func encoded(file string) []byte {
	return []byte(base64.StdEncoding.EncodeToString([]byte(file)))
}

func inline() (string, error) {
	suite.Imported("gowsdl-inline")
	return "the caller encodes", send(client(), encoded(suite.Good("gowsdl-inline")))
}

func attachment() (string, error) {
	suite.Imported("gowsdl-swa")
	client := client(soap.WithMIMEMultipartAttachments())
	client.AddMIMEMultipartAttachment(soap.MIMEMultipartAttachment{
		Name: "users.csv",
		Data: []byte(suite.Good("gowsdl-swa")),
	})
	return "WithMIMEMultipartAttachments, and cid: text with the attachment's name",
		send(client, []byte("cid:users.csv"))
}

func list() (string, error) {
	filter := "gowsdl-inline-*"
	answer, err := useradmin.NewUserAdminPortType(client()).ListUsers(&useradmin.ListUsers{Filter: &filter, Limit: 10})
	if err != nil {
		return "", err
	}
	if len(answer.Return_) != 2 {
		return "", fmt.Errorf("listUsers gives %d names", len(answer.Return_))
	}
	return "", nil
}

// detail is the detail entry that the generated type describes.
type detail struct {
	Exception useradmin.UserAdminUserAdminException `xml:"UserAdminUserAdminException"`
}

func (d *detail) ErrorString() string {
	return *d.Exception.UserAdminException.Message
}

func (d *detail) HasData() bool {
	return d.Exception.UserAdminException != nil && d.Exception.UserAdminException.Message != nil
}

func fault() (string, error) {
	err := send(client(), encoded(suite.Bad("gowsdl-fault")))
	var failure *soap.HTTPError
	if !errors.As(err, &failure) {
		return "", fmt.Errorf("no HTTPError but %v", err)
	}
	var answer struct {
		Body struct {
			Fault struct {
				String string `xml:"faultstring"`
				Detail detail `xml:"detail"`
			}
		}
	}
	if err := xml.Unmarshal(failure.ResponseBody, &answer); err != nil {
		return "", err
	}
	found := answer.Body.Fault
	if found.String != suite.Summary || !found.Detail.HasData() || found.Detail.ErrorString() != suite.Summary {
		return "", fmt.Errorf("the fault is %s", failure.ResponseBody)
	}
	return "*soap.HTTPError; its ResponseBody is the envelope, which xml.Unmarshal reads into the generated type", nil
}

func noCredentials() (string, error) {
	err := send(soap.NewClient(suite.Base+"/services/UserAdmin"), encoded(suite.Good("gowsdl-unauthorized")))
	if err == nil || !strings.Contains(err.Error(), "401") {
		return "", fmt.Errorf("the error is %v", err)
	}
	return "*soap.HTTPError with StatusCode 401", nil
}

func main() {
	suite.Mode("inline 1.1 basic", inline)
	suite.Mode("swa 1.1 basic", attachment)
	suite.Say("result", "mtom", "cannot", "WithMTOM takes the type soap.Binary, and gowsdl generates []byte for xs:base64Binary")
	suite.Say("result", "generated 1.2", "cannot", "gowsdl's client knows only the SOAP 1.1 envelope")
	suite.Mode("companion 1.1 listUsers", list)
	suite.Mode("fault rows 1.1", fault)
	suite.Mode("fault 401 1.1", noCredentials)
	suite.End()
}
