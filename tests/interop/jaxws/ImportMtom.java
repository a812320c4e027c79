import java.net.URL;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import javax.activation.DataHandler;
import javax.activation.FileDataSource;
import javax.xml.ws.BindingProvider;
import javax.xml.ws.soap.MTOMFeature;
import org.wso2.carbon.user.mgt.UserAdmin;
import org.wso2.carbon.user.mgt.UserAdminPortType;
import org.wso2.carbon.user.mgt.UserAdminUserAdminException;

/**
 * Calls the classes that wsimport generated: one import with the file as an MTOM attachment, and the
 * same again for the typed fault. The only argument is the file to write and send; address and
 * password come from the environment, because a process list would show arguments.
 */
public final class ImportMtom {
    private static final String DUPLICATES =
            "Bulk User Import was completed with Errors. "
                    + "Success count : 0,  Failed Count : 0, Duplicate Count : 3.";

    public static void main(String[] arguments) throws Exception {
        Path file = Path.of(arguments[0]);

        List<String> names = List.of("jaxws-ann", "jaxws-bob", "jaxws-cleo");
        Files.writeString(file, sample(names));
        UserAdminPortType port =
                port(System.getenv("INTEROP_BASE"), System.getenv("INTEROP_PASSWORD"));

        // A nil "return" arrives as null; the description allows nothing else.
        String answer = port.bulkImportUsers(null, "users.csv", attachment(file), "admin");
        expect(answer == null, "the answer is " + answer);
        for (String name : names) {
            System.out.println("imported\t" + name + "\t" + name + "@example.com");
        }
        System.out.println("result\tgenerated 1.1\tworks\tthe SOAP 1.1 port");
        System.out.println("result\tmtom 1.1 basic\tworks\tDataHandler of a FileDataSource");

        try {
            port.bulkImportUsers(null, "users.csv", attachment(file), "admin");
            expect(false, "the second import raised no fault");
        } catch (UserAdminUserAdminException fault) {
            String inside = fault.getFaultInfo().getUserAdminException().getValue().getMessage().getValue();
            expect(DUPLICATES.equals(inside), "the fault's detail says " + inside);
            expect(DUPLICATES.equals(fault.getMessage()), "the fault says " + fault.getMessage());
            System.out.println("result\tfault rows 1.1\tworks\tUserAdminUserAdminException with getFaultInfo()");
        }
    }

    private static UserAdminPortType port(String base, String password) throws Exception {
        URL wsdl = new URL(base + "/services/UserAdmin?wsdl");
        UserAdminPortType port =
                new UserAdmin(wsdl).getUserAdminHttpsSoap11Endpoint(new MTOMFeature());
        Map<String, Object> context = ((BindingProvider) port).getRequestContext();
        context.put(BindingProvider.USERNAME_PROPERTY, "admin");
        context.put(BindingProvider.PASSWORD_PROPERTY, password);
        return port;
    }

    private static DataHandler attachment(Path file) {
        return new DataHandler(new FileDataSource(file.toFile()));
    }

    /** Three rows; the last leaves its password to defaultPassword. */
    private static String sample(List<String> names) {
        StringBuilder rows = new StringBuilder("UserName,Password,Claims\n");
        for (String name : names) {
            boolean last = name.equals(names.get(names.size() - 1));
            rows.append(name).append(',').append(last ? "" : "Passw0rd-1");
            rows.append(",http://wso2.org/claims/emailaddress=").append(name).append("@example.com\n");
        }
        return rows.toString();
    }

    private static void expect(boolean holds, String what) {
        if (!holds) {
            throw new AssertionError(what);
        }
    }
}
