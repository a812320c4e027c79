import java.io.ByteArrayOutputStream;
import java.net.URL;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import javax.activation.DataHandler;
import javax.activation.FileDataSource;
import javax.xml.ws.BindingProvider;
import javax.xml.ws.soap.MTOMFeature;
import muster.userimport.ImportFailure;
import muster.userimport.ImportRecord;
import muster.userimport.ImportState;
import muster.userimport.RejectFile;
import muster.userimport.Report;
import muster.userimport.Undone;
import muster.userimport.UserImport;
import muster.userimport.UserImportPortType;

/**
 * Muster's own service through the classes that wsimport generated: the file goes as an MTOM
 * attachment and the rejected rows come back as one. The argument is the file to write and send.
 */
public final class OwnImport {
    private static final String BASE = System.getenv("INTEROP_BASE");

    public static void main(String[] arguments) throws Exception {
        Path file = Path.of(arguments[0]);
        for (String version : new String[] {"1.1", "1.2"}) {
            String prefix = "jaxws-own" + version.replace(".", "");
            Files.writeString(file, "username,password\n" + prefix + "-ann,\n" + prefix + " bob,\n");
            run(file, version, prefix);
        }
    }

    private static void run(Path file, String version, String prefix) throws Exception {
        UserImportPortType port = port(version);
        Report report =
                port.importUsers(
                        new DataHandler(new FileDataSource(file.toFile())),
                        "users.csv", null, "Initial-Pass-1", null, null, null, null, null, null, null,
                        null, null, null);
        expect(report.getState() == ImportState.COMPLETED, "the state is " + report.getState());
        expect(report.getCounters().getCreated() == 1, "created " + report.getCounters().getCreated());
        expect("name-white-space".equals(report.getProblem().get(0).getCode()), "another problem");
        System.out.println("result\town mtom " + version + "\tworks\tthe file as a DataHandler, the report typed");

        ImportRecord record = port.getImport(report.getId());
        expect(record.getStartedAt() != null, "it has no start time");
        RejectFile rejects = port.getRejectFile(report.getId(), true);
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        rejects.getFile().writeTo(bytes);
        String text = bytes.toString(StandardCharsets.UTF_8);
        expect(text.startsWith("username,password,_line"), text);
        expect(text.endsWith("\r\n") && text.contains(prefix + " bob"), text);
        System.out.println("result\town attachment " + version + "\tworks\tan MTOM answer, as a DataHandler");

        Undone undone = port.undoImport(report.getId());
        expect(undone.getRemoved() == 1, "removed " + undone.getRemoved());
        System.out.println("refused\t" + prefix + "-ann");
        try {
            port.undoImport(report.getId());
            expect(false, "the second undo raised no fault");
        } catch (ImportFailure fault) {
            expect("IMP-IMPORT-UNDONE".equals(fault.getFaultInfo().getCode()), fault.getMessage());
            expect(fault.getMessage().equals(fault.getFaultInfo().getMessage()), fault.getMessage());
            System.out.println("result\town fault " + version + "\tworks\tImportFailure with getFaultInfo()");
        }
    }

    private static UserImportPortType port(String version) throws Exception {
        UserImport service = new UserImport(new URL(BASE + "/services/UserImport?wsdl"));
        UserImportPortType port =
                version.equals("1.1")
                        ? service.getUserImportSoap11Port(new MTOMFeature())
                        : service.getUserImportSoap12Port(new MTOMFeature());
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
