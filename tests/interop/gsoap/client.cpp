// gSOAP: the file inline, with MTOM and streamed from disk; chunked and compressed requests, SOAP 1.1 and 1.2,
// HTTP Basic and WS-Security, every kind of fault in the generated structs.

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <iostream>
#include <stdexcept>
#include <string>
#include <vector>

#include "UserAdminSoap11Binding.nsmap"
#include "soapH.h"
#include "wsseapi.h"

namespace {

const std::string kDuplicates =
    "Bulk User Import was completed with Errors. "
    "Success count : 0,  Failed Count : 0, Duplicate Count : 3.";
const std::string kDenied = "Access Denied. Authentication failed - Invalid credentials provided.";

int bad = 0;

std::string variable(const char *name) {
    const char *value = std::getenv(name);
    if (!value) throw std::runtime_error(std::string(name) + " is not set");
    return value;
}

void expect(bool holds, const std::string &what) {
    if (!holds) throw std::runtime_error(what);
}

// Runs one mode; a failure does not prevent the others from running.
void mode(const std::string &name, const std::function<std::string()> &action) {
    std::string outcome = "works", remark;
    try {
        remark = action();
    } catch (const std::exception &error) {
        ++bad;
        outcome = "fails";
        remark = error.what();
        for (char &c : remark)
            if (c == '\n' || c == '\t' || c == '\r') c = ' ';
    }
    std::cout << "result\t" << name << '\t' << outcome << '\t' << remark << std::endl;
}

std::vector<std::string> names(const std::string &prefix) {
    return {prefix + "-ann", prefix + "-bob", prefix + "-cleo"};
}

// Three rows; the last one uses defaultPassword.
std::string sample(const std::string &prefix) {
    std::string rows = "UserName,Password,Claims\n";
    const auto all = names(prefix);
    for (const auto &name : all) {
        rows += name + ',' + (name == all.back() ? "" : "Passw0rd-1");
        rows += ",http://wso2.org/claims/emailaddress=" + name + "@example.com\n";
    }
    return rows;
}

enum class Access { Basic, WrongPassword, None, Text, Digest };
enum class Way { Inline, Mtom, Unreferenced, Dime };

struct Call {
    Way way = Way::Inline;
    int version = 1;
    Access access = Access::Basic;
    soap_mode modes = 0;
    bool streamed = false;
    std::string domain;
};

void *open_file(struct soap *, void *handle, const char *, const char *, const char *) { return handle; }
size_t read_file(struct soap *, void *handle, char *buffer, size_t size) {
    return std::fread(buffer, 1, size, static_cast<FILE *>(handle));
}
void close_file(struct soap *, void *handle) { std::fclose(static_cast<FILE *>(handle)); }

// The generated table of namespaces, with the envelope of SOAP 1.1 first.
const struct Namespace *soap11_namespaces() {
    static std::vector<struct Namespace> table;
    if (table.empty()) {
        for (const struct Namespace *entry = namespaces; entry->id; ++entry) table.push_back(*entry);
        for (auto &entry : {&table[0], &table[1]}) {
            std::swap(entry->ns, entry->in);
        }
        table.push_back({nullptr, nullptr, nullptr, nullptr});
    }
    return table.data();
}

// A client for one call. The results of the call are then read from `soap`.
class Client {
  public:
    explicit Client(const Call &call) : call_(call) {
        soap_mode modes = call.modes | SOAP_C_UTFSTRING;
        if (call.way == Way::Mtom) modes |= SOAP_ENC_MTOM;
        if (call.way == Way::Dime) modes |= SOAP_ENC_DIME;
        soap = soap_new1(modes);
        // The generated table is for SOAP 1.2, because the description offers it.
        soap_set_namespaces(soap, call.version == 1 ? soap11_namespaces() : namespaces);
        soap_set_version(soap, static_cast<short>(call.version));
        soap->connect_timeout = soap->recv_timeout = soap->send_timeout = 30;
        soap_register_plugin(soap, soap_wsse);
        admit();
    }
    ~Client() {
        soap_destroy(soap);
        soap_end(soap);
        soap_free(soap);
    }
    Client(const Client &) = delete;
    Client &operator=(const Client &) = delete;

    int send(std::string file) {
        xsd__base64Binary handler{};
        fill(handler, reinterpret_cast<unsigned char *>(file.data()), static_cast<int>(file.size()));
        return send(handler);
    }

    int send_from_disk(const std::string &path) {
        FILE *in = std::fopen(path.c_str(), "rb");
        expect(in, path + " cannot be opened");
        std::fseek(in, 0, SEEK_END);
        const long size = std::ftell(in);
        std::rewind(in);
        soap->fmimereadopen = open_file;
        soap->fmimeread = read_file;
        soap->fmimereadclose = close_file;
        xsd__base64Binary handler{};
        fill(handler, reinterpret_cast<unsigned char *>(in), static_cast<int>(size));
        return send(handler);
    }

    std::string fault_message() const {
        const char **text = soap_faultstring(soap);
        return text && *text ? *text : "";
    }
    std::string fault_code() const {
        const char **text = soap_faultcode(soap);
        return text && *text ? *text : "";
    }
    // The generated struct of the detail: the typed fault, and the remaining text.
    const SOAP_ENV__Detail *detail() const {
        if (!soap->fault) return nullptr;
        return call_.version == 1 ? soap->fault->detail : soap->fault->SOAP_ENV__Detail;
    }
    std::string typed_message() const {
        const auto *found = detail();
        if (!found || !found->axis__UserAdminUserAdminException) return "";
        const auto *inner = found->axis__UserAdminUserAdminException->UserAdminException;
        return inner && inner->message ? *inner->message : "";
    }
    std::string other_detail() const {
        const auto *found = detail();
        return found && found->__any ? found->__any : "";
    }
    std::string error() const {
        char text[1024] = "";
        soap_sprint_fault(soap, text, sizeof text);
        return "gSOAP error " + std::to_string(soap->error) + ": " + text;
    }

    struct soap *soap = nullptr;

  private:
    void admit() {
        switch (call_.access) {
        case Access::Basic:
        case Access::WrongPassword:
            password_ = (call_.access == Access::Basic ? "" : "not-") + variable("INTEROP_PASSWORD");
            soap->userid = "admin";
            soap->passwd = password_.c_str();
            break;
        case Access::Text:
            soap_wsse_add_UsernameTokenText(soap, "token", "admin", variable("INTEROP_PASSWORD").c_str());
            break;
        case Access::Digest:
            soap_wsse_add_Timestamp(soap, "time", 60);
            soap_wsse_add_UsernameTokenDigest(soap, "token", variable("INTEROP_DIGEST_NAME").c_str(),
                                              variable("INTEROP_DIGEST_SECRET").c_str());
            break;
        case Access::None:
            break;
        }
    }

    void fill(xsd__base64Binary &handler, unsigned char *at, int size) {
        handler.__ptr = at;
        handler.__size = size;
        if (call_.way == Way::Mtom || call_.way == Way::Dime) {
            handler.id = soap_strdup(soap, "cid:users.csv@interop");
            handler.type = soap_strdup(soap, "text/csv");
        }
    }

    int send(xsd__base64Binary &handler) {
        std::string file_name = "users.csv", default_password = "admin";
        _axis__bulkImportUsers request;
        _axis__bulkImportUsersResponse response;
        request.soap = soap;
        request.fileName = &file_name;
        request.defaultPassword = &default_password;
        if (call_.way != Way::Unreferenced) request.handler = &handler;
        if (!call_.domain.empty()) request.userStoreDomain = &call_.domain;
        if (call_.way == Way::Unreferenced) {
            soap_set_mime(soap, nullptr, "<root@interop>");
            soap_set_mime_attachment(soap, reinterpret_cast<char *>(handler.__ptr),
                                     static_cast<size_t>(handler.__size), SOAP_MIME_BINARY, "text/csv",
                                     "<users.csv@interop>", nullptr, nullptr);
        }
        const std::string port = call_.version == 1 ? "11" : "12";
        const std::string url =
            variable("INTEROP_BASE") + "/services/UserAdmin.UserAdminHttpsSoap" + port + "Endpoint/";
        return soap_call___um__bulkImportUsers(soap, url.c_str(), nullptr, &request, response);
    }

    Call call_;
    std::string password_;
};

void expect_ok(const Client &client, int result) {
    if (result != SOAP_OK) throw std::runtime_error(client.error());
}

std::function<std::string()> imports(const std::string &prefix, const Call &call,
                                     const std::string &remark = "") {
    return [=] {
        Client client(call);
        expect_ok(client, client.send(sample(prefix)));
        for (const auto &name : names(prefix))
            std::cout << "imported\t" << name << '\t' << name << "@example.com\n";
        return remark;
    };
}

std::string imports_big() {
    Call call;
    call.way = Way::Mtom;
    call.modes = SOAP_IO_CHUNK;
    Client client(call);
    expect_ok(client, client.send_from_disk(variable("INTEROP_BIG") + "/gsoap.csv"));
    std::cout << "imported-many\tgsoap-big\t5000\n";
    return "streamed from disk by the fmimeread callbacks";
}

void expect_fault(const Client &client, int result) {
    expect(result != SOAP_OK, "expected a fault, got an answer");
    expect(client.soap->fault != nullptr, client.error());
    expect(!client.fault_message().empty(), client.error());
}

std::function<std::string()> fault_rows(int version) {
    return [=] {
        Call call;
        call.version = version;
        const std::string file = sample("gsoap-rows" + std::to_string(version));
        Client first(call);
        expect_ok(first, first.send(file));
        Client second(call);
        expect_fault(second, second.send(file));
        expect(second.fault_message() == kDuplicates, "faultstring: " + second.fault_message());
        expect(second.typed_message() == kDuplicates, "typed detail: " + second.typed_message());
        expect(second.other_detail().find("importFault") != std::string::npos,
               "__any: " + second.other_detail());
        return std::string("soap->fault, and its ") + (version == 1 ? "detail" : "SOAP_ENV__Detail") +
               " as the generated struct; the second entry as text in __any";
    };
}

std::function<std::string()> fault_password(int version) {
    return [=]() -> std::string {
        Call call;
        call.version = version;
        call.access = Access::WrongPassword;
        Client client(call);
        expect_fault(client, client.send(sample("gsoap-stranger")));
        expect(client.fault_message() == kDenied, "faultstring: " + client.fault_message());
        std::cout << "refused\tgsoap-stranger-ann\n";
        const std::string code = client.fault_code();
        if (version == 1) {
            expect(code.size() > 6 && code.substr(code.size() - 6) == ":50977", "faultcode: " + code);
            return "*soap_faultcode ends in 50977";
        }
        expect(client.other_detail().find("50977") != std::string::npos, client.other_detail());
        return "the number is in the detail's __any";
    };
}

std::string fault_401() {
    Call call;
    call.access = Access::None;
    Client client(call);
    const int result = client.send(sample("gsoap-unauthorized"));
    expect(result == 401, "the call returned " + std::to_string(result) + "; " + client.error());
    expect(client.soap->authrealm && std::strcmp(client.soap->authrealm, "Muster") == 0, "no realm");
    std::cout << "refused\tgsoap-unauthorized-ann\n";
    return "the call returns 401, and soap->authrealm has the realm";
}

std::function<std::string()> fault_handler(int version) {
    return [=] {
        Call call;
        call.version = version;
        Client client(call);
        expect_fault(client, client.send(""));
        expect(client.fault_message().find("handler") != std::string::npos, client.fault_message());
        return std::string("an empty handler: ") + client.fault_message();
    };
}

std::function<std::string()> fault_domain(int version) {
    return [=] {
        Call call;
        call.version = version;
        call.domain = "NOWHERE";
        Client client(call);
        expect_fault(client, client.send(sample("gsoap-nowhere")));
        expect(client.fault_message().find("NOWHERE") != std::string::npos, client.fault_message());
        expect(client.typed_message().find("NOWHERE") != std::string::npos, client.typed_message());
        std::cout << "refused\tgsoap-nowhere-ann\n";
        return std::string("typed; the message names the domain");
    };
}

std::string fault_unreferenced() {
    Call call;
    call.way = Way::Unreferenced;
    Client client(call);
    expect_fault(client, client.send(sample("gsoap-unreferenced")));
    expect(client.fault_message().find("handler") != std::string::npos, client.fault_message());
    std::cout << "refused\tgsoap-unreferenced-ann\n";
    return "an attachment that no handler refers to: " + client.fault_message();
}

std::string fault_dime() {
    Call call;
    call.way = Way::Dime;
    Client client(call);
    expect_fault(client, client.send(sample("gsoap-dime")));
    std::cout << "refused\tgsoap-dime-ann\n";
    return "DIME: " + client.fault_message();
}

}  // namespace

int main() {
    std::cout << "client\tgSOAP (C++)\t" << GSOAP_VERSION / 100000 << '.' << GSOAP_VERSION / 1000 % 100
              << '.' << GSOAP_VERSION % 1000 << std::endl;
    std::cout << "result\tgenerated\tworks\twsdl2h and soapcpp2, compiled with the wsseapi plugin" << std::endl;
    for (int version : {1, 2}) {
        const std::string soap = version == 1 ? "1.1 " : "1.2 ";
        const std::string id = "gsoap1" + std::to_string(version);
        const auto call = [=](Way way, Access access, soap_mode modes) {
            Call made;
            made.way = way;
            made.version = version;
            made.access = access;
            made.modes = modes;
            return made;
        };
        mode("inline " + soap + "basic", imports(id, call(Way::Inline, Access::Basic, 0)));
        mode("inline " + soap + "wsse-text",
             imports(id + "-text", call(Way::Inline, Access::Text, 0), "wsseapi plugin, mustUnderstand"));
        mode("inline " + soap + "wsse-digest",
             imports(id + "-digest", call(Way::Inline, Access::Digest, 0), "wsseapi plugin, with Timestamp"));
        mode("mtom " + soap + "basic", imports(id + "-mtom", call(Way::Mtom, Access::Basic, 0)));
        mode("mtom " + soap + "wsse-digest",
             imports(id + "-mtom-digest", call(Way::Mtom, Access::Digest, 0), "with Timestamp"));
        mode("mtom " + soap + "chunked",
             imports(id + "-mtom-chunk", call(Way::Mtom, Access::Basic, SOAP_IO_CHUNK)));
        mode("mtom " + soap + "gzip", imports(id + "-mtom-gzip", call(Way::Mtom, Access::Basic, SOAP_ENC_ZLIB)));
        mode("inline " + soap + "chunked",
             imports(id + "-chunk", call(Way::Inline, Access::Basic, SOAP_IO_CHUNK)));
        mode("inline " + soap + "gzip", imports(id + "-gzip", call(Way::Inline, Access::Basic, SOAP_ENC_ZLIB)));
        mode("inline " + soap + "gzip chunked",
             imports(id + "-gzip-chunk", call(Way::Inline, Access::Basic, SOAP_ENC_ZLIB | SOAP_IO_CHUNK)));
    }
    mode("mtom 1.1 5mb chunked", imports_big);
    std::cout << "result\tswa\tcannot\tan attachment by soap_set_mime_attachment has no reference in the "
                 "handler; [soap] take_unreferenced_attachment is for such clients"
              << std::endl;
    for (int version : {1, 2}) {
        const std::string soap = version == 1 ? "1.1" : "1.2";
        mode("fault rows " + soap, fault_rows(version));
        mode("fault password " + soap, fault_password(version));
        mode("fault handler " + soap, fault_handler(version));
        mode("fault domain " + soap, fault_domain(version));
    }
    mode("fault 401", fault_401);
    mode("fault unreferenced", fault_unreferenced);
    mode("fault dime", fault_dime);
    return bad ? 1 : 0;
}
