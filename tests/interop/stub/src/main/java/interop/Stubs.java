package interop;

import org.apache.axiom.soap.SOAP11Constants;
import org.apache.axiom.soap.SOAP12Constants;
import org.apache.axis2.AxisFault;
import org.apache.axis2.Constants;
import org.apache.axis2.addressing.AddressingConstants;
import org.apache.axis2.addressing.EndpointReference;
import org.apache.axis2.client.Options;
import org.apache.axis2.client.ServiceClient;
import org.apache.axis2.client.Stub;
import org.apache.axis2.context.ConfigurationContext;
import org.apache.axis2.context.ConfigurationContextFactory;
import org.apache.axis2.transport.http.HTTPConstants;
import org.apache.axis2.transport.http.HttpTransportProperties;
import org.wso2.carbon.authenticator.stub.AuthenticationAdminStub;
import org.wso2.carbon.user.mgt.stub.UserAdminStub;
import org.wso2.carbon.user.mgt.stub.UserAdminUserAdminException;

/** Makes the published stubs, set up as a client of the original sets them up. */
final class Stubs {
    /** How long a call may take, in milliseconds: a file of 5 MB is hashed row by row. */
    private static final long PATIENCE = 120_000;

    private static final ConfigurationContext CONTEXT = context();

    private Stubs() {}

    /** Without credentials, for the SOAP version. The stub itself would take 1.2. */
    static UserAdminStub bare(String version) throws AxisFault {
        UserAdminStub stub = new UserAdminStub(CONTEXT, Suite.BASE + "/services/UserAdmin");
        prepare(options(stub), version);
        return stub;
    }

    /** With HTTP Basic that does not wait to be asked. */
    static UserAdminStub basic(String version, String password) throws AxisFault {
        UserAdminStub stub = bare(version);
        options(stub).setProperty(HTTPConstants.AUTHENTICATE, credentials(password));
        return stub;
    }

    static UserAdminStub basic(String version) throws AxisFault {
        return basic(version, Suite.PASSWORD);
    }

    /** With the cookie of a login and nothing else. */
    static UserAdminStub session(String version, String cookie) throws AxisFault {
        UserAdminStub stub = bare(version);
        options(stub).setManageSession(true);
        options(stub).setProperty(HTTPConstants.COOKIE_STRING, cookie);
        return stub;
    }

    static AuthenticationAdminStub authentication(String version) throws AxisFault {
        AuthenticationAdminStub stub =
                new AuthenticationAdminStub(CONTEXT, Suite.BASE + "/services/AuthenticationAdmin");
        prepare(options(stub), version);
        options(stub).setManageSession(true);
        return stub;
    }

    static Options options(Stub stub) {
        return stub._getServiceClient().getOptions();
    }

    /** The file as an attachment. */
    static UserAdminStub mtom(UserAdminStub stub) {
        options(stub).setProperty(Constants.Configuration.ENABLE_MTOM, Constants.VALUE_TRUE);
        return stub;
    }

    /** A Content-Length instead of chunks, which are Axis2's habit. */
    static UserAdminStub whole(UserAdminStub stub) {
        options(stub).setProperty(HTTPConstants.CHUNKED, Boolean.FALSE);
        return stub;
    }

    /** With the headers of WS-Addressing, in the dialect of the namespace. */
    static UserAdminStub addressed(UserAdminStub stub, String namespace) throws AxisFault {
        address(stub._getServiceClient(), namespace);
        return stub;
    }

    static void address(ServiceClient client, String namespace) throws AxisFault {
        client.engageModule("addressing");
        client.getOptions().setProperty(AddressingConstants.WS_ADDRESSING_VERSION, namespace);
    }

    /** Axis2 without a stub: what is sent and read is the XML in the Body. */
    static ServiceClient client(String version) throws AxisFault {
        ServiceClient client = new ServiceClient(CONTEXT, null);
        client.setTargetEPR(new EndpointReference(Suite.BASE + "/services/UserAdmin"));
        prepare(client.getOptions(), version);
        client.getOptions().setProperty(HTTPConstants.AUTHENTICATE, credentials(Suite.PASSWORD));
        return client;
    }

    static UserAdminStub gzip(UserAdminStub stub) {
        options(stub).setProperty(HTTPConstants.MC_GZIP_REQUEST, Boolean.TRUE);
        return stub;
    }

    /** What a typed fault says: the exception's own message is only the name of its class. */
    static String text(UserAdminUserAdminException fault) {
        return fault.getFaultMessage().getUserAdminException().getMessage();
    }

    private static void prepare(Options options, String version) {
        options.setSoapVersionURI(
                version.equals("1.1")
                        ? SOAP11Constants.SOAP_ENVELOPE_NAMESPACE_URI
                        : SOAP12Constants.SOAP_ENVELOPE_NAMESPACE_URI);
        options.setTimeOutInMilliSeconds(PATIENCE);
    }

    private static HttpTransportProperties.Authenticator credentials(String password) {
        HttpTransportProperties.Authenticator basic = new HttpTransportProperties.Authenticator();
        basic.setUsername("admin");
        basic.setPassword(password);
        basic.setPreemptiveAuthentication(true);
        return basic;
    }

    private static ConfigurationContext context() {
        try {
            return ConfigurationContextFactory.createConfigurationContextFromFileSystem(null, null);
        } catch (AxisFault fault) {
            throw new IllegalStateException("Axis2 does not start", fault);
        }
    }
}
