import com.sun.xml.ws.developer.MemberSubmissionAddressingFeature;
import java.net.URL;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import javax.activation.DataHandler;
import javax.mail.util.ByteArrayDataSource;
import javax.xml.ws.BindingProvider;
import javax.xml.ws.WebServiceFeature;
import javax.xml.ws.soap.AddressingFeature;
import org.wso2.carbon.user.mgt.UserAdmin;
import org.wso2.carbon.user.mgt.UserAdminPortType;
import org.wso2.carbon.user.mgt.UserAdminUserAdminException;

/**
 * Imports with the headers of both WS-Addressing dialects, through the classes that wsimport
 * generated: a response without a header fails the call although the rows are stored, so the client's
 * report is compared with the rows. Address and password come from the environment, because a
 * process list would show arguments; the only argument is the prefix of the user names.
 *
 * <p>Written for JAX-WS 2.3. For 4.0, the script changes the package names.
 */
public final class Addressing {
    private static final String SUMMARY =
            "Bulk User Import was completed with Errors. "
                    + "Success count : 1,  Failed Count : 1, Duplicate Count : 0.";

    private static int bad;

    private interface Mode {
        void run() throws Exception;
    }

    public static void main(String[] arguments) throws Exception {
        UserAdmin service = new UserAdmin(new URL(System.getenv("INTEROP_BASE") + "/services/UserAdmin?wsdl"));
        for (String version : List.of("1.1", "1.2")) {
            for (String dialect : List.of("2004/08", "2005/08")) {
                String prefix =
                        String.join("-", arguments[0], version.replace(".", ""), dialect.substring(0, 4));
                WebServiceFeature feature =
                        dialect.equals("2004/08")
                                ? new MemberSubmissionAddressingFeature(true, true)
                                : new AddressingFeature(true, true);
                UserAdminPortType port = port(service, version, feature);
                String how = feature.getClass().getSimpleName();
                mode("inline " + version + " basic " + dialect, how, () -> success(port, prefix));
                mode("fault rows " + version + " " + dialect,
                        "UserAdminUserAdminException; the other row is imported",
                        () -> fault(port, prefix));
            }
        }
        System.exit(bad == 0 ? 0 : 1);
    }

    /** Runs one mode; a mode that fails does not keep the others from being tried. */
    private static void mode(String name, String remark, Mode mode) {
        try {
            mode.run();
            System.out.println("result\t" + name + "\tworks\t" + remark);
        } catch (Exception | AssertionError failure) {
            bad++;
            System.out.println(
                    "result\t" + name + "\tfails\t" + String.valueOf(failure).replaceAll("\\s+", " "));
            failure.printStackTrace(System.out);
        }
    }

    private static void success(UserAdminPortType port, String prefix) throws Exception {
        List<String> names = List.of(prefix + "-ann", prefix + "-bob");
        imported(names);
        String answer = send(port, row(names.get(0), "Passw0rd-1") + row(names.get(1), ""));
        expect(answer == null, "the answer is " + answer);
    }

    /** One good row and one whose password is refused. */
    private static void fault(UserAdminPortType port, String prefix) throws Exception {
        String good = prefix + "-good";
        imported(List.of(good));
        System.out.println("refused\t" + prefix + "-poor");
        try {
            send(port, row(good, "Passw0rd-1") + row(prefix + "-poor", "a b"));
        } catch (UserAdminUserAdminException fault) {
            String inside = fault.getFaultInfo().getUserAdminException().getValue().getMessage().getValue();
            expect(SUMMARY.equals(inside), "the fault's detail says " + inside);
            expect(SUMMARY.equals(fault.getMessage()), "the fault says " + fault.getMessage());
            return;
        }
        throw new AssertionError("no fault");
    }

    /** Said before the call: the rows are there whatever the client makes of the answer. */
    private static void imported(List<String> names) {
        for (String name : names) {
            System.out.println("imported\t" + name + "\t" + name + "@example.com");
        }
    }

    private static String send(UserAdminPortType port, String rows) throws Exception {
        byte[] file = ("UserName,Password,Claims\n" + rows).getBytes(StandardCharsets.UTF_8);
        DataHandler handler = new DataHandler(new ByteArrayDataSource(file, "application/octet-stream"));
        return port.bulkImportUsers(null, "users.csv", handler, "admin");
    }

    private static String row(String name, String password) {
        return name + "," + password + ",http://wso2.org/claims/emailaddress=" + name + "@example.com\n";
    }

    private static UserAdminPortType port(UserAdmin service, String version, WebServiceFeature feature) {
        UserAdminPortType port =
                version.equals("1.1")
                        ? service.getUserAdminHttpsSoap11Endpoint(feature)
                        : service.getUserAdminHttpsSoap12Endpoint(feature);
        Map<String, Object> context = ((BindingProvider) port).getRequestContext();
        context.put(BindingProvider.USERNAME_PROPERTY, "admin");
        context.put(BindingProvider.PASSWORD_PROPERTY, System.getenv("INTEROP_PASSWORD"));
        return port;
    }

    private static void expect(boolean holds, String what) {
        if (!holds) {
            throw new AssertionError(what);
        }
    }
}
