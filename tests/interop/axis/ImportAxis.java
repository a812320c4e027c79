import axis2.apache.org.xsd.UserAdminUserAdminException;
import java.net.URL;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import javax.activation.DataHandler;
import javax.mail.util.ByteArrayDataSource;
import javax.xml.namespace.QName;
import org.apache.axis.AxisFault;
import org.apache.axis.client.Call;
import org.apache.axis.client.Service;
import org.apache.axis.client.Stub;
import org.apache.axis.constants.Style;
import org.apache.axis.constants.Use;
import org.apache.axis.description.OperationDesc;
import org.apache.axis.description.ParameterDesc;
import org.apache.axis.encoding.XMLType;
import org.apache.axis.soap.SOAPConstants;
import org.wso2.carbon.user.mgt.UserAdminLocator;
import org.wso2.carbon.user.mgt.UserAdminPortType;

/**
 * Axis 1.4: imports through the classes that WSDL2Java generated, and with a hand-written Call, which
 * Axis requires for attachments. Address and password come from the environment, because a process list
 * would show arguments.
 */
public final class ImportAxis {
    private static final String NAMESPACE = "http://org.apache.axis2/xsd";
    private static final QName DATA_HANDLER = new QName("http://xml.apache.org/xml-soap", "DataHandler");
    private static final String BASE = System.getenv("INTEROP_BASE");
    private static final String PASSWORD = System.getenv("INTEROP_PASSWORD");
    private static final String SUMMARY =
            "Bulk User Import was completed with Errors. "
                    + "Success count : 1,  Failed Count : 1, Duplicate Count : 0.";

    private static int bad;

    private interface Mode {
        String run() throws Exception;
    }

    public static void main(String[] arguments) throws Exception {
        UserAdminPortType stub = stub(PASSWORD);
        mode("inline 1.1 basic", () -> generated(stub));
        mode("companion 1.1 listUsers", () -> list(stub));
        mode("fault rows 1.1", () -> rows(stub));
        mode("fault password 1.1", ImportAxis::password);
        mode("fault 401 1.1", ImportAxis::unauthorized);
        mode("inline 1.2 basic", () -> inline("1.2"));
        mode("fault rows 1.2", () -> rows("1.2"));
        for (String version : List.of("1.1", "1.2")) {
            mode("swa " + version + " basic", () -> attached(version, null));
            mode("mtom " + version + " basic", () -> attached(version, Call.ATTACHMENT_ENCAPSULATION_FORMAT_MTOM));
            mode("fault rows " + version + " swa", () -> attachedRows(version));
        }
        say("result", "chunked", "cannot", "Axis 1.4's own HTTP sender speaks HTTP/1.0 and announces the length");
        System.exit(bad == 0 ? 0 : 1);
    }

    /** Runs one mode; a mode that fails does not keep the others from being tried. */
    private static void mode(String name, Mode mode) {
        try {
            say("result", name, "works", mode.run());
        } catch (Exception | AssertionError failure) {
            bad++;
            say("result", name, "fails", String.valueOf(failure).replaceAll("\\s+", " "));
            failure.printStackTrace(System.out);
        }
    }

    private static String generated(UserAdminPortType stub) throws Exception {
        String answer = stub.bulkImportUsers(null, "users.csv", bytes(good("axis-stub")), "admin");
        expect(answer == null, "the answer is " + answer);
        return "the generated stub";
    }

    private static String list(UserAdminPortType stub) throws Exception {
        String[] names = stub.listUsers("axis-stub-*", 10);
        expect(names != null && names.length == 2, "listUsers gives " + Arrays.toString(names));
        return "";
    }

    private static String rows(UserAdminPortType stub) throws Exception {
        try {
            stub.bulkImportUsers(null, "users.csv", bytes(poor("axis-rows")), "admin");
        } catch (UserAdminUserAdminException fault) {
            String inside = fault.getUserAdminException().getMessage();
            expect(SUMMARY.equals(inside), "the fault's detail says " + inside);
            expect(SUMMARY.equals(fault.getFaultString()), "the fault says " + fault.getFaultString());
            return "UserAdminUserAdminException with getUserAdminException(); the other row is imported";
        }
        throw new AssertionError("no fault");
    }

    private static String password() throws Exception {
        try {
            stub("wrong").bulkImportUsers(null, "users.csv", bytes(file("axis-stranger")), "admin");
        } catch (AxisFault fault) {
            String code = fault.getFaultCode().getLocalPart();
            expect(code.equals("50977"), "the code is " + code);
            return "AxisFault, its code 50977";
        }
        throw new AssertionError("no fault");
    }

    private static String unauthorized() throws Exception {
        UserAdminPortType stub = stub(PASSWORD);
        ((Stub) stub).setUsername(null);
        ((Stub) stub).setPassword(null);
        try {
            stub.bulkImportUsers(null, "users.csv", bytes(file("axis-unauthorized")), "admin");
        } catch (AxisFault fault) {
            expect(fault.getFaultString().contains("401"), "the fault says " + fault.getFaultString());
            return "AxisFault: " + fault.getFaultString();
        }
        throw new AssertionError("no fault");
    }

    private static String inline(String version) throws Exception {
        call(version, XMLType.XSD_BASE64, bytes(good("axis-call")), null);
        return "a separate Call";
    }

    private static String rows(String version) throws Exception {
        return summary(() -> call(version, XMLType.XSD_BASE64, bytes(poor("axis-call-rows")), null));
    }

    private static String attached(String version, String format) throws Exception {
        String prefix = "axis" + version.replace(".", "") + (format == null ? "-swa" : "-mtom");
        call(version, DATA_HANDLER, attachment(good(prefix)), format);
        if (format != null) {
            return "DataHandler, ATTACHMENT_ENCAPSULATION_FORMAT_MTOM";
        }
        return "DataHandler, which Axis writes as " + (version.equals("1.1") ? "href" : "ref") + "=\"cid:…\"";
    }

    private static String attachedRows(String version) throws Exception {
        String rows = poor("axis" + version.replace(".", "") + "-swa-rows");
        return summary(() -> call(version, DATA_HANDLER, attachment(rows), null));
    }

    /** Expects the fault of a file with one bad row. */
    private static String summary(Mode call) throws Exception {
        try {
            call.run();
        } catch (AxisFault fault) {
            expect(SUMMARY.equals(fault.getFaultString()), "the fault says " + fault.getFaultString());
            expect(fault.getFaultDetails().length > 0, "the fault has no detail");
            return "AxisFault with getFaultDetails(); the other row is imported";
        }
        throw new AssertionError("no fault");
    }

    /** A call without the stub: document style, wrapped, with the type of the handler given. */
    private static String call(String version, QName type, Object file, String format) throws Exception {
        OperationDesc operation = new OperationDesc();
        operation.setName("bulkImportUsers");
        operation.addParameter(parameter("fileName", XMLType.XSD_STRING, String.class));
        operation.addParameter(parameter("handler", type, file.getClass()));
        operation.addParameter(parameter("defaultPassword", XMLType.XSD_STRING, String.class));
        operation.setReturnType(XMLType.XSD_STRING);
        operation.setReturnClass(String.class);
        operation.setReturnQName(new QName(NAMESPACE, "return"));
        operation.setStyle(Style.WRAPPED);
        operation.setUse(Use.LITERAL);

        Call call = (Call) new Service().createCall();
        call.setTargetEndpointAddress(new URL(BASE + "/services/UserAdmin"));
        call.setUsername("admin");
        call.setPassword(PASSWORD);
        call.setOperation(operation);
        call.setOperationName(new QName(NAMESPACE, "bulkImportUsers"));
        call.setUseSOAPAction(true);
        call.setSOAPActionURI("urn:bulkImportUsers");
        call.setEncodingStyle(null);
        call.setProperty(Call.SEND_TYPE_ATTR, Boolean.FALSE);
        call.setSOAPVersion(
                version.equals("1.1") ? SOAPConstants.SOAP11_CONSTANTS : SOAPConstants.SOAP12_CONSTANTS);
        if (format != null) {
            call.setProperty(Call.ATTACHMENT_ENCAPSULATION_FORMAT, format);
        }
        Object answer = call.invoke(new Object[] {"users.csv", file, "admin"});
        expect(answer == null, "the answer is " + answer);
        return "";
    }

    private static ParameterDesc parameter(String name, QName type, Class<?> javaType) {
        return new ParameterDesc(new QName(NAMESPACE, name), ParameterDesc.IN, type, javaType, false, false);
    }

    private static UserAdminPortType stub(String password) throws Exception {
        UserAdminPortType stub =
                new UserAdminLocator().getUserAdminHttpsSoap11Endpoint(new URL(BASE + "/services/UserAdmin"));
        ((Stub) stub).setUsername("admin");
        ((Stub) stub).setPassword(password);
        return stub;
    }

    private static DataHandler attachment(String rows) {
        return new DataHandler(new ByteArrayDataSource(bytes(rows), "text/csv"));
    }

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    /** Two rows, said to be there before the call is made. */
    private static String good(String prefix) {
        imported(prefix + "-ann");
        imported(prefix + "-bob");
        return file(prefix);
    }

    /** One good row and one whose password is refused. */
    private static String poor(String prefix) {
        imported(prefix + "-good");
        say("refused", prefix + "-poor");
        return "UserName,Password,Claims\n" + row(prefix + "-good", "Passw0rd-1") + row(prefix + "-poor", "a b");
    }

    /** The second row leaves its password to defaultPassword. */
    private static String file(String prefix) {
        return "UserName,Password,Claims\n" + row(prefix + "-ann", "Passw0rd-1") + row(prefix + "-bob", "");
    }

    private static String row(String name, String password) {
        return name + "," + password + ",http://wso2.org/claims/emailaddress=" + name + "@example.com\n";
    }

    private static void imported(String name) {
        say("imported", name, name + "@example.com");
    }

    private static void say(String... fields) {
        System.out.println(String.join("\t", fields));
    }

    private static void expect(boolean holds, String what) {
        if (!holds) {
            throw new AssertionError(what);
        }
    }
}
