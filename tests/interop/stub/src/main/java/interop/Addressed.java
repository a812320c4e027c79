package interop;

import static interop.Suite.expect;
import static interop.Suite.mode;

import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.List;
import java.util.function.UnaryOperator;
import org.apache.axiom.om.OMAbstractFactory;
import org.apache.axiom.om.OMElement;
import org.apache.axiom.om.OMFactory;
import org.apache.axiom.om.OMNamespace;
import org.apache.axis2.AxisFault;
import org.apache.axis2.addressing.AddressingConstants;
import org.apache.axis2.client.ServiceClient;
import org.wso2.carbon.user.mgt.stub.UserAdminStub;
import org.wso2.carbon.user.mgt.stub.UserAdminUserAdminException;

/**
 * The import with the headers of both dialects of WS-Addressing, with and without the stub. A
 * response without a header fails the call although the rows are stored, so the rows are reported before
 * the call and checked independently of Axis2's result.
 */
final class Addressed {
    private static final String NAMESPACE = "http://org.apache.axis2/xsd";
    private static final String SUMMARY =
            "Bulk User Import was completed with Errors. "
                    + "Success count : 1,  Failed Count : 1, Duplicate Count : 0.";

    private final String version;
    /** The namespace that names the dialect. */
    private final String dialect;
    private final String date;
    private final String prefix;

    private Addressed(String version, String dialect, String date) {
        this.version = version;
        this.dialect = dialect;
        this.date = date;
        prefix = "stub" + version.replace(".", "") + "-wsa" + date.substring(0, 4);
    }

    static void run(String version) {
        new Addressed(version, AddressingConstants.Submission.WSA_NAMESPACE, "2004/08").run();
        new Addressed(version, AddressingConstants.Final.WSA_NAMESPACE, "2005/08").run();
    }

    private void run() {
        mode("inline " + version + " basic " + date, this::stub);
        mode("mtom " + version + " basic " + date, this::mtom);
        mode("companion " + version + " listUsers " + date, this::list);
        mode("fault rows " + version + " " + date, this::stubFault);
        mode("inline " + version + " basic " + date + " ServiceClient", this::client);
        mode("fault rows " + version + " " + date + " ServiceClient", this::clientFault);
    }

    private UserAdminStub addressed() throws AxisFault {
        return Stubs.addressed(Stubs.basic(version), dialect);
    }

    private void importRows(UnaryOperator<UserAdminStub> manner, String rows) throws Exception {
        UserAdminStub stub = manner.apply(addressed());
        try {
            Import.call(stub, rows);
        } finally {
            release(stub._getServiceClient());
        }
    }

    /** With addressing Axis2 does not give every connection back by itself, and has only a few. */
    private static void release(ServiceClient client) throws AxisFault {
        client.cleanupTransport();
    }

    private String stub() throws Exception {
        Suite.imported(prefix + "-inline");
        importRows(stub -> stub, Suite.sample(prefix + "-inline"));
        return "engageModule(\"addressing\"), WS_ADDRESSING_VERSION";
    }

    private String mtom() throws Exception {
        Suite.imported(prefix + "-mtom");
        importRows(Stubs::mtom, Suite.sample(prefix + "-mtom"));
        return "DataHandler";
    }

    /** One that answers in the original too. */
    private String list() throws Exception {
        String name = prefix + "-inline-ann";
        UserAdminStub stub = addressed();
        try {
            String[] names = stub.listUsers(name, 10);
            expect(names != null && List.of(names).contains(name), "the user is not listed");
            return "";
        } finally {
            release(stub._getServiceClient());
        }
    }

    private String stubFault() throws Exception {
        try {
            importRows(stub -> stub, badRow("stub"));
        } catch (UserAdminUserAdminException fault) {
            expect(SUMMARY.equals(Stubs.text(fault)), "the fault says " + Stubs.text(fault));
            return "UserAdminUserAdminException; the other row is imported";
        }
        throw new AssertionError("no fault");
    }

    private String client() throws Exception {
        Suite.imported(prefix + "-client");
        String answer = send(Suite.sample(prefix + "-client"));
        expect(answer.equals("bulkImportUsersResponse"), "the answer is " + answer);
        return "sendReceive";
    }

    private String clientFault() throws Exception {
        try {
            send(badRow("client"));
        } catch (AxisFault fault) {
            expect(SUMMARY.equals(fault.getMessage()), "the fault says " + fault.getMessage());
            return "AxisFault with the summary; the other row is imported";
        }
        throw new AssertionError("no fault");
    }

    /** One good row and one whose password is refused. */
    private String badRow(String way) {
        String good = prefix + "-" + way + "-good";
        String poor = prefix + "-" + way + "-poor";
        Suite.importedOne(good);
        Suite.say("refused", poor);
        return Suite.sample(List.of(Suite.row(good, "Passw0rd-1"), Suite.row(poor, "a b")));
    }

    /** The name of the element that comes back. */
    private String send(String rows) throws AxisFault {
        ServiceClient client = Stubs.client(version);
        Stubs.address(client, dialect);
        client.getOptions().setAction("urn:bulkImportUsers");
        OMFactory factory = OMAbstractFactory.getOMFactory();
        OMNamespace namespace = factory.createOMNamespace(NAMESPACE, "ns");
        OMElement call = factory.createOMElement("bulkImportUsers", namespace);
        String file = Base64.getEncoder().encodeToString(rows.getBytes(StandardCharsets.UTF_8));
        List<List<String>> parameters =
                List.of(
                        List.of("fileName", "users.csv"),
                        List.of("handler", file),
                        List.of("defaultPassword", "admin"));
        for (List<String> parameter : parameters) {
            factory.createOMElement(parameter.get(0), namespace, call).setText(parameter.get(1));
        }
        try {
            return client.sendReceive(call).getLocalName();
        } finally {
            release(client);
        }
    }
}
