package interop;

import static interop.Suite.BASE;
import static interop.Suite.DENIED;
import static interop.Suite.DIGEST_NAME;
import static interop.Suite.DIGEST_SECRET;
import static interop.Suite.DUPLICATES;
import static interop.Suite.PASSWORD;
import static interop.Suite.expect;
import static interop.Suite.imported;
import static interop.Suite.mode;
import static interop.Suite.names;
import static interop.Suite.sample;
import static interop.Suite.say;

import jakarta.activation.DataHandler;
import jakarta.activation.FileDataSource;
import jakarta.xml.ws.BindingProvider;
import jakarta.xml.ws.Dispatch;
import jakarta.xml.ws.Service;
import jakarta.xml.ws.WebServiceException;
import jakarta.xml.ws.handler.MessageContext;
import jakarta.xml.ws.soap.MTOMFeature;
import jakarta.xml.ws.soap.SOAPFaultException;
import java.io.StringReader;
import java.net.URI;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import javax.security.auth.callback.CallbackHandler;
import javax.xml.namespace.QName;
import javax.xml.transform.Source;
import javax.xml.transform.stream.StreamSource;
import org.apache.cxf.endpoint.Client;
import org.apache.cxf.frontend.ClientProxy;
import org.apache.cxf.transport.common.gzip.GZIPOutInterceptor;
import org.apache.cxf.transport.http.HTTPConduit;
import org.apache.cxf.transport.http.HTTPException;
import org.apache.cxf.transports.http.configuration.HTTPClientPolicy;
import org.apache.cxf.version.Version;
import org.apache.cxf.ws.security.wss4j.WSS4JOutInterceptor;
import org.apache.wss4j.common.ext.WSPasswordCallback;
import org.wso2.carbon.user.mgt.UserAdmin;
import org.wso2.carbon.user.mgt.UserAdminPortType;
import org.wso2.carbon.user.mgt.UserAdminUserAdminException;

/**
 * Apache CXF with the classes generated from the server's description: the file inline,
 * with MTOM and streamed from disk, as an attachment; SOAP 1.1 and 1.2, HTTP Basic and WS-Security by
 * WSS4J, every kind of fault.
 */
public final class CxfClient {
    private enum Access { BASIC, WRONG_PASSWORD, NONE, TEXT, DIGEST }

    /** In SOAP 1.2 a fault of the sender's comes with HTTP 400, as its HTTP binding asks. */
    private static final String READ_400 = "org.apache.cxf.transport.process_fault_on_http_400";

    private enum Framing { LENGTH, CHUNKED, GZIP }

    public static void main(String[] arguments) throws Exception {
        say("client", "Apache CXF", Version.getCurrentVersion());
        say("result", "generated", "works", "cxf-codegen-plugin (wsdl2java)");
        for (String version : List.of("1.1", "1.2")) {
            String id = "cxf" + version.replace(".", "");
            mode("inline " + version + " basic", imports(id, version, false, Access.BASIC, Framing.LENGTH));
            mode("mtom " + version + " basic", imports(id + "-mtom", version, true, Access.BASIC, Framing.LENGTH));
            for (boolean mtom : new boolean[] {false, true}) {
                String way = (mtom ? "mtom " : "inline ") + version;
                String user = id + (mtom ? "-mtom" : "-inline");
                mode(way + " wsse-text", imports(user + "-text", version, mtom, Access.TEXT, Framing.LENGTH));
                mode(way + " wsse-digest", imports(user + "-digest", version, mtom, Access.DIGEST, Framing.LENGTH));
                mode(way + " chunked", imports(user + "-chunk", version, mtom, Access.BASIC, Framing.CHUNKED));
                mode(way + " gzip", imports(user + "-gzip", version, mtom, Access.BASIC, Framing.GZIP));
            }
            mode("swa " + version + " basic", attachment(id + "-swa", version));
        }
        mode("mtom 1.1 5mb chunked", importsBig("cxf-big", Access.BASIC, Framing.CHUNKED));
        mode("mtom 1.1 5mb chunked wsse-text", importsBig("cxf-big-text", Access.TEXT, Framing.CHUNKED));
        mode("mtom 1.1 5mb gzip", importsBig("cxf-big-gzip", Access.BASIC, Framing.GZIP));
        for (String version : List.of("1.1", "1.2")) {
            mode("fault rows " + version, faultRows(version));
            mode("fault password " + version, faultPassword(version));
            mode("fault handler " + version, faultHandler(version));
            mode("fault domain " + version, faultDomain(version));
        }
        mode("fault 401", fault401(Suite.file("cxf-unauthorized"), "cxf-unauthorized", Framing.LENGTH));
        // The response arrives before most of the request is sent.
        Path big = Suite.bigFile("cxf-unauthorized-big");
        mode("fault 401 5mb", fault401(big, "cxf-unauthorized-big", Framing.LENGTH));
        mode("fault 401 5mb chunked", fault401(big, "cxf-unauthorized-big", Framing.CHUNKED));
        Suite.end();
    }

    private static UserAdmin service() throws Exception {
        return new UserAdmin(URI.create(BASE + "/services/UserAdmin?wsdl").toURL());
    }

    private static UserAdminPortType port(String version, boolean mtom, Access access, Framing framing)
            throws Exception {
        UserAdminPortType port =
                service().getPort(Suite.PORTS.get(version), UserAdminPortType.class, new MTOMFeature(mtom));
        admit((BindingProvider) port, access);
        Client client = ClientProxy.getClient(port);
        configure(client, framing);
        switch (access) {
            case TEXT -> secure(client, "admin", PASSWORD, "PasswordText", "UsernameToken");
            case DIGEST -> secure(client, DIGEST_NAME, DIGEST_SECRET, "PasswordDigest", "UsernameToken Timestamp");
            default -> { }
        }
        return port;
    }

    private static void admit(BindingProvider port, Access access) {
        if (access == Access.BASIC || access == Access.WRONG_PASSWORD) {
            String password = access == Access.BASIC ? PASSWORD : "not-" + PASSWORD;
            port.getRequestContext().put(BindingProvider.USERNAME_PROPERTY, "admin");
            port.getRequestContext().put(BindingProvider.PASSWORD_PROPERTY, password);
        }
    }

    private static void configure(Client client, Framing framing) {
        HTTPClientPolicy policy = new HTTPClientPolicy();
        policy.setConnectionTimeout(10_000);
        policy.setReceiveTimeout(60_000);
        policy.setAllowChunking(framing == Framing.CHUNKED);
        // Without this, CXF announces the length of bodies shorter than 4 KiB.
        policy.setChunkingThreshold(1);
        ((HTTPConduit) client.getConduit()).setClient(policy);
        if (framing == Framing.GZIP) {
            GZIPOutInterceptor gzip = new GZIPOutInterceptor(0);
            gzip.setForce(true);
            client.getOutInterceptors().add(gzip);
        }
    }

    /** A UsernameToken, which WSS4J marks as one that must be understood. */
    private static void secure(Client client, String name, String password, String type, String actions) {
        CallbackHandler callback =
                asked -> ((WSPasswordCallback) asked[0]).setPassword(password);
        Map<String, Object> settings = new HashMap<>();
        settings.put("action", actions);
        settings.put("user", name);
        settings.put("passwordType", type);
        settings.put("passwordCallbackRef", callback);
        client.getOutInterceptors().add(new WSS4JOutInterceptor(settings));
    }

    private static DataHandler streamed(Path file) {
        return new DataHandler(new FileDataSource(file.toFile()));
    }

    private static Suite.Mode imports(String prefix, String version, boolean mtom, Access access, Framing framing) {
        return () -> {
            UserAdminPortType port = port(version, mtom, access, framing);
            String answer = port.bulkImportUsers(null, "users.csv", streamed(Suite.file(prefix)), "admin");
            expect(answer == null, "the answer is " + answer);
            imported(prefix);
            return switch (access) {
                case TEXT -> "WSS4J, mustUnderstand";
                case DIGEST -> "WSS4J, with Timestamp";
                default -> mtom ? "DataHandler of a FileDataSource" : "";
            };
        };
    }

    private static Suite.Mode importsBig(String prefix, Access access, Framing framing) {
        return () -> {
            Path file = Suite.bigFile(prefix);
            port("1.1", true, access, framing).bulkImportUsers(null, "users.csv", streamed(file), "admin");
            say("imported-many", prefix, "5000");
            return "streamed from disk";
        };
    }

    /** A call whose content is written by hand, as users do who need what the classes cannot say. */
    private static Dispatch<Source> dispatch(String version) throws Exception {
        Dispatch<Source> dispatch =
                service().createDispatch(Suite.PORTS.get(version), Source.class, Service.Mode.PAYLOAD);
        admit(dispatch, Access.BASIC);
        return dispatch;
    }

    private static Source payload(String handler) {
        return new StreamSource(
                new StringReader(
                        "<bulkImportUsers xmlns='http://org.apache.axis2/xsd'><fileName>users.csv</fileName>"
                                + "<handler>" + handler + "</handler>"
                                + "<defaultPassword>admin</defaultPassword></bulkImportUsers>"));
    }

    private static Suite.Mode attachment(String prefix, String version) {
        return () -> {
            Dispatch<Source> dispatch = dispatch(version);
            dispatch.getRequestContext()
                    .put(
                            MessageContext.OUTBOUND_MESSAGE_ATTACHMENTS,
                            Map.of("133299223356", streamed(Suite.file(prefix))));
            expect(dispatch.invoke(payload("cid:133299223356")) != null, "there is no answer");
            imported(prefix);
            return "Dispatch with cid: text and OUTBOUND_MESSAGE_ATTACHMENTS";
        };
    }

    /** A call that is to end in a fault; told whether to have CXF read the body of an HTTP 400. */
    private interface Attempt {
        void call(boolean reads400) throws Exception;
    }

    /** What CXF had to be told before it gave the fault to its caller. */
    private static String told = "";

    private static void attempt(Attempt attempt) throws Exception {
        told = "";
        try {
            attempt.call(false);
        } catch (WebServiceException lost) {
            if (!(lost.getCause() instanceof HTTPException http && http.getResponseCode() == 400)) {
                throw lost;
            }
            told = "; only with " + READ_400 + ", else CXF takes HTTP 400 for a failure of the transport";
            attempt.call(true);
        }
    }

    private static UserAdminPortType port(String version, Access access, boolean reads400) throws Exception {
        UserAdminPortType port = port(version, true, access, Framing.LENGTH);
        ((BindingProvider) port).getRequestContext().put(READ_400, reads400);
        return port;
    }

    private static String typedMessage(UserAdminUserAdminException fault) {
        return fault.getFaultInfo().getUserAdminException().getValue().getMessage().getValue();
    }

    private static Suite.Mode faultRows(String version) {
        return () -> {
            Path file = Suite.file("cxf-rows" + version.replace(".", ""));
            UserAdminPortType port = port(version, true, Access.BASIC, Framing.LENGTH);
            port.bulkImportUsers(null, "users.csv", streamed(file), "admin");
            try {
                port.bulkImportUsers(null, "users.csv", streamed(file), "admin");
            } catch (UserAdminUserAdminException fault) {
                expect(DUPLICATES.equals(fault.getMessage()), "the fault says " + fault.getMessage());
                expect(DUPLICATES.equals(typedMessage(fault)), "the detail says " + typedMessage(fault));
                return "UserAdminUserAdminException with getFaultInfo()";
            }
            throw new AssertionError("the second import raised no fault");
        };
    }

    private static Suite.Mode faultPassword(String version) {
        return () -> {
            String prefix = "cxf-stranger";
            try {
                attempt(
                        reads400 ->
                                port(version, Access.WRONG_PASSWORD, reads400)
                                        .bulkImportUsers(null, "users.csv", streamed(Suite.file(prefix)), "admin"));
            } catch (SOAPFaultException fault) {
                expect(DENIED.equals(fault.getFault().getFaultString()), fault.getFault().getFaultString());
                say("refused", names(prefix).get(0));
                if (version.equals("1.1")) {
                    String code = fault.getFault().getFaultCodeAsQName().getLocalPart();
                    expect(code.equals("50977"), "the code is " + code);
                    return "SOAPFaultException, its code 50977";
                }
                QName first = (QName) fault.getFault().getFaultSubcodes().next();
                String subcode = first.getLocalPart();
                expect(subcode.equals("IMP-ACCESS-CREDENTIALS"), "the subcode is " + subcode);
                expect(fault.getFault().getDetail().getTextContent().contains("50977"), "no number in the detail");
                return "SOAPFaultException, its subcode IMP-ACCESS-CREDENTIALS; the number is in the detail" + told;
            }
            throw new AssertionError("a wrong password raised no fault");
        };
    }

    private static Suite.Mode fault401(Path file, String prefix, Framing framing) {
        return () -> {
            UserAdminPortType port = port("1.1", true, Access.NONE, framing);
            try {
                port.bulkImportUsers(null, "users.csv", streamed(file), "admin");
            } catch (WebServiceException failure) {
                expect(
                        failure.getCause() instanceof HTTPException http && http.getResponseCode() == 401,
                        "the cause is " + failure.getCause());
                say("imported-many", prefix, "0");
                return "WebServiceException caused by HTTPException with response code 401";
            }
            throw new AssertionError("a call without credentials raised nothing");
        };
    }

    private static Suite.Mode faultHandler(String version) {
        return () -> {
            String prefix = "cxf-raw";
            try {
                attempt(
                        reads400 -> {
                            Dispatch<Source> dispatch = dispatch(version);
                            dispatch.getRequestContext().put(READ_400, reads400);
                            dispatch.invoke(payload(sample(prefix)));
                        });
            } catch (SOAPFaultException fault) {
                String message = fault.getFault().getFaultString();
                expect(message.contains("base64"), "the fault says " + message);
                say("refused", names(prefix).get(0));
                return "the CSV as plain text: the message names base64" + told;
            }
            throw new AssertionError("a handler that is not base64 raised no fault");
        };
    }

    private static Suite.Mode faultDomain(String version) {
        return () -> {
            String prefix = "cxf-nowhere";
            try {
                attempt(
                        reads400 ->
                                port(version, Access.BASIC, reads400)
                                        .bulkImportUsers(
                                                "NOWHERE", "users.csv", streamed(Suite.file(prefix)), "admin"));
            } catch (UserAdminUserAdminException fault) {
                expect(fault.getMessage().contains("NOWHERE"), "the fault says " + fault.getMessage());
                expect(typedMessage(fault).contains("NOWHERE"), "the detail says " + typedMessage(fault));
                say("refused", names(prefix).get(0));
                return "typed; the message names the domain" + told;
            }
            throw new AssertionError("an unknown domain raised no fault");
        };
    }

    private CxfClient() {}
}
