package interop;

import static interop.Suite.expect;
import static interop.Suite.mode;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import javax.activation.DataHandler;
import javax.activation.FileDataSource;
import org.apache.axiom.attachments.ByteArrayDataSource;
import org.apache.axis2.AxisFault;
import org.wso2.carbon.user.mgt.stub.UserAdminStub;
import org.wso2.carbon.user.mgt.stub.UserAdminUserAdminException;

/** bulkImportUsers: each way the stub can send the file, and what it makes of a fault. */
final class Import {
    private static final String ERRORS = "Bulk User Import was completed with Errors. ";
    private static final String DENIED =
            "Access Denied. Authentication failed - Invalid credentials provided.";

    private Import() {}

    /** Sets the stub up further. */
    private interface Manner {
        UserAdminStub of(UserAdminStub stub);
    }

    static void run(String version) {
        send(version, "inline", "basic", "", Stubs::whole);
        send(version, "mtom", "basic", "DataHandler", stub -> Stubs.mtom(Stubs.whole(stub)));
        send(version, "inline", "basic chunked", "", stub -> stub);
        send(version, "mtom", "basic chunked", "DataHandler", Stubs::mtom);
        send(version, "inline", "basic gzip", "", Stubs::gzip);
        send(version, "mtom", "basic gzip", "DataHandler", stub -> Stubs.mtom(Stubs.gzip(stub)));
        mode("mtom " + version + " 5mb chunked", () -> big(version));

        mode("fault rows " + version, () -> duplicates(version));
        mode("fault rows password " + version, () -> poorPassword(version));
        mode("fault domain " + version, () -> unknownDomain(version));
        mode("fault handler " + version, () -> openQuote(version));
        mode("fault password " + version, () -> wrongPassword(version));
        mode("fault 401 " + version, () -> noCredentials(version));
    }

    private static void send(String version, String way, String how, String remark, Manner manner) {
        mode(
                way + " " + version + " " + how,
                () -> {
                    String prefix = prefix(version, way + "-" + how.replace(' ', '-'));
                    call(manner.of(Stubs.basic(version)), Suite.sample(prefix));
                    Suite.imported(prefix);
                    return remark;
                });
    }

    private static String big(String version) throws Exception {
        String prefix = prefix(version, "big");
        DataHandler file = new DataHandler(new FileDataSource(Suite.bigFile(prefix).toFile()));
        Stubs.mtom(Stubs.basic(version)).bulkImportUsers(null, "users.csv", file, "admin");
        Suite.say("imported-many", prefix, "5000");
        return "streamed from disk";
    }

    /** The same file twice: the second time nothing is left to do. */
    private static String duplicates(String version) throws Exception {
        String rows = Suite.sample(prefix(version, "twice"));
        call(Stubs.mtom(Stubs.basic(version)), rows);
        Suite.imported(prefix(version, "twice"));
        typed(version, rows, ERRORS + "Success count : 0,  Failed Count : 0, Duplicate Count : 3.");
        return "UserAdminUserAdminException; its text is in getFaultMessage(), not in getMessage()";
    }

    private static String poorPassword(String version) throws Exception {
        String good = prefix(version, "poor-good");
        String bad = prefix(version, "poor-bad");
        String rows = Suite.sample(List.of(Suite.row(good, "Passw0rd-1"), Suite.row(bad, "a b")));
        typed(version, rows, ERRORS + "Success count : 1,  Failed Count : 1, Duplicate Count : 0.");
        Suite.importedOne(good);
        Suite.say("refused", bad);
        return "the other row is imported";
    }

    /** Expects the original's exception with the text. */
    private static void typed(String version, String rows, String text) throws Exception {
        try {
            call(Stubs.basic(version), rows);
        } catch (UserAdminUserAdminException fault) {
            expect(text.equals(Stubs.text(fault)), "the fault says " + Stubs.text(fault));
            return;
        }
        throw new AssertionError("no fault");
    }

    private static String unknownDomain(String version) throws Exception {
        DataHandler file = file(Suite.sample(prefix(version, "nowhere")));
        try {
            Stubs.basic(version).bulkImportUsers("NOWHERE", "users.csv", file, "admin");
        } catch (UserAdminUserAdminException fault) {
            expect(Stubs.text(fault).contains("NOWHERE"), "the fault says " + Stubs.text(fault));
            return "typed; the message names the domain";
        }
        throw new AssertionError("no fault");
    }

    private static String openQuote(String version) throws Exception {
        try {
            call(Stubs.basic(version), "UserName,Password\n\"" + prefix(version, "open") + ",Passw0rd-1\n");
        } catch (UserAdminUserAdminException fault) {
            expect(Stubs.text(fault).contains("quot"), "the fault says " + Stubs.text(fault));
            return "a quote that never closes: typed; the message names it";
        }
        throw new AssertionError("no fault");
    }

    private static String wrongPassword(String version) throws Exception {
        try {
            call(Stubs.basic(version, "wrong"), Suite.sample(prefix(version, "stranger")));
        } catch (AxisFault fault) {
            expect(DENIED.equals(fault.getMessage()), "the fault says " + fault.getMessage());
            return "AxisFault, its code " + fault.getFaultCode().getLocalPart();
        }
        throw new AssertionError("no fault");
    }

    private static String noCredentials(String version) throws Exception {
        try {
            call(Stubs.bare(version), Suite.sample(prefix(version, "unauthorized")));
        } catch (AxisFault fault) {
            expect(fault.getMessage().contains("401"), "the fault says " + fault.getMessage());
            return "AxisFault: " + fault.getMessage();
        }
        throw new AssertionError("no fault");
    }

    static void call(UserAdminStub stub, String rows) throws Exception {
        stub.bulkImportUsers(null, "users.csv", file(rows), "admin");
    }

    private static DataHandler file(String rows) throws IOException {
        return new DataHandler(
                new ByteArrayDataSource(rows.getBytes(StandardCharsets.UTF_8), "application/octet-stream"));
    }

    private static String prefix(String version, String rest) {
        return "stub" + version.replace(".", "") + "-" + rest;
    }
}
