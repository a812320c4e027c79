package interop;

import static interop.Suite.expect;
import static interop.Suite.mode;

import org.apache.axis2.AxisFault;
import org.apache.axis2.client.Stub;
import org.apache.axis2.transport.http.HTTPConstants;
import org.wso2.carbon.authenticator.stub.AuthenticationAdminStub;
import org.wso2.carbon.authenticator.stub.LoginAuthenticationExceptionException;

/** Login with AuthenticationAdmin's stub, and its cookie instead of credentials. */
final class Login {
    private static final String HERE = "127.0.0.1";

    private final String version;
    private AuthenticationAdminStub authentication;
    private String cookie;

    private Login(String version) {
        this.version = version;
    }

    static void run(String version) {
        Login login = new Login(version);
        mode("session " + version + " login", login::login);
        mode("session " + version + " mtom", login::bulkImport);
        mode("session " + version + " logout", login::logout);
        mode("fault login " + version, login::wrongPassword);
    }

    private String login() throws Exception {
        authentication = Stubs.authentication(version);
        expect(authentication.login("admin", Suite.PASSWORD, HERE), "login returns false");
        cookie = cookie(authentication);
        expect(cookie != null, "login sets no cookie that Axis2 keeps");
        return "setManageSession(true), COOKIE_STRING";
    }

    private String bulkImport() throws Exception {
        expect(cookie != null, "there is no cookie to call with");
        String prefix = "stub" + version.replace(".", "") + "-session";
        Import.call(Stubs.mtom(Stubs.session(version, cookie)), Suite.sample(prefix));
        Suite.imported(prefix);
        return "with the cookie and no credentials";
    }

    private String logout() throws Exception {
        expect(cookie != null, "there is no cookie to delete");
        authentication.logout();
        try {
            Stubs.session(version, cookie).hasMultipleUserStores();
        } catch (AxisFault fault) {
            return "the cookie is invalid afterwards: " + fault.getMessage();
        }
        throw new AssertionError("the cookie outlives its session");
    }

    private String wrongPassword() throws Exception {
        try {
            expect(!Stubs.authentication(version).login("admin", "wrong", HERE), "login returns true");
            return "login says false";
        } catch (LoginAuthenticationExceptionException fault) {
            return "LoginAuthenticationExceptionException";
        } catch (AxisFault fault) {
            expect(!fault.getMessage().contains("404"), "the fault says " + fault.getMessage());
            return "AxisFault: " + fault.getMessage();
        }
    }

    private static String cookie(Stub stub) {
        Object cookie =
                stub._getServiceClient().getServiceContext().getProperty(HTTPConstants.COOKIE_STRING);
        return (String) cookie;
    }
}
