package example;

import jakarta.activation.DataHandler;
import jakarta.activation.FileDataSource;
import jakarta.xml.ws.BindingProvider;
import jakarta.xml.ws.handler.MessageContext;
import jakarta.xml.ws.soap.MTOMFeature;
import java.net.URI;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.apache.cxf.frontend.ClientProxy;
import org.apache.cxf.transport.http.HTTPConduit;
import org.apache.cxf.transports.http.configuration.HTTPClientPolicy;
import org.wso2.carbon.user.mgt.UserAdmin;
import org.wso2.carbon.user.mgt.UserAdminPortType;
import org.wso2.carbon.user.mgt.UserAdminUserAdminException;

/**
 * Imports a file by {@code bulkImportUsers}, through the classes that the build makes from the WSDL. The file is an MTOM
 * attachment, read from disk while it is sent.
 *
 * <p>The argument is the file. MUSTER_URL (http://127.0.0.1:9763), MUSTER_USER, MUSTER_PASSWORD and
 * MUSTER_DEFAULT_PASSWORD come from the environment, where a list of processes does not show them. The exit code is 0 when
 * each row made a user, 2 when some did not, 1 when nothing was imported.
 */
public final class ImportUsers {
    /** How the fault begins that says which rows made no users; the others are stored. */
    private static final String SUMMARY = "Bulk User Import was completed with Errors.";

    public static void main(String[] arguments) throws Exception {
        if (arguments.length != 1) {
            System.err.println("usage: ImportUsers FILE");
            System.exit(1);
        }
        System.exit(run(Path.of(arguments[0])));
    }

    private static int run(Path file) throws Exception {
        Map<String, String> environment = System.getenv();
        String base = environment.getOrDefault("MUSTER_URL", "http://127.0.0.1:9763");
        UserAdmin service = new UserAdmin(URI.create(base + "/services/UserAdmin?wsdl").toURL());
        UserAdminPortType port = service.getUserAdminHttpsSoap11Endpoint(new MTOMFeature());
        BindingProvider binding = (BindingProvider) port;
        binding.getRequestContext().put(BindingProvider.USERNAME_PROPERTY, environment.get("MUSTER_USER"));
        binding.getRequestContext().put(BindingProvider.PASSWORD_PROPERTY, environment.get("MUSTER_PASSWORD"));
        setTimeouts(port);
        try {
            port.bulkImportUsers(
                    // The domain; null is the server's first one.
                    null,
                    file.getFileName().toString(),
                    new DataHandler(new FileDataSource(file.toFile())),
                    environment.get("MUSTER_DEFAULT_PASSWORD"));
            System.out.println(outcome(binding));
            return 0;
        } catch (UserAdminUserAdminException fault) {
            System.err.println(fault.getMessage());
            System.out.println(outcome(binding));
            return fault.getMessage().startsWith(SUMMARY) ? 2 : 1;
        }
    }

    /** The HTTP field with the import's id and counts; `muster imports show ID` has each problem. */
    private static String outcome(BindingProvider binding) {
        Object fields = binding.getResponseContext().get(MessageContext.HTTP_RESPONSE_HEADERS);
        if (fields instanceof Map<?, ?> map && map.get("Muster-Import") instanceof List<?> values) {
            return String.valueOf(values.get(0));
        }
        return "the answer names no import";
    }

    /** The answer comes when the last row is stored. */
    private static void setTimeouts(UserAdminPortType port) {
        HTTPClientPolicy policy = new HTTPClientPolicy();
        policy.setConnectionTimeout(10_000);
        policy.setReceiveTimeout(10 * 60_000);
        ((HTTPConduit) ClientProxy.getClient(port).getConduit()).setClient(policy);
    }
}
