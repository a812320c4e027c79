package interop;

import static interop.Suite.DENIED;
import static interop.Suite.DUPLICATES;
import static interop.Suite.PASSWORD;
import static interop.Suite.expect;
import static interop.Suite.imported;
import static interop.Suite.mode;
import static interop.Suite.names;
import static interop.Suite.say;

import example.ImportRoute;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.stream.Stream;
import org.apache.camel.impl.DefaultCamelContext;

/** Puts files into the folders of {@link ImportRoute} and looks where they end. */
public final class CamelRoute {
    public static void main(String[] arguments) {
        try (DefaultCamelContext context = new DefaultCamelContext()) {
            say("client", "Apache Camel (camel-cxf)", context.getVersion());
        } catch (IOException failure) {
            throw new IllegalStateException(failure);
        }
        say("result", "generated", "works", "the classes of wsdl2java as serviceClass, and wsdlURL");
        for (String version : List.of("1.1", "1.2")) {
            String id = "camel" + version.replace(".", "");
            mode("mtom " + version + " basic", imports(id, version, true));
            mode("inline " + version + " basic", imports(id + "-inline", version, false));
        }
        mode("mtom 1.1 5mb chunked", CamelRoute::importsBig);
        mode("inline 1.1 one by one", CamelRoute::oneByOne);
        mode("fault rows 1.1 one by one", CamelRoute::faultOneByOne);
        for (String version : List.of("1.1", "1.2")) {
            mode("fault rows " + version, faultRows(version));
            mode("fault password " + version, fault(version, "camel-stranger", "not-" + PASSWORD, null, DENIED));
            mode("fault domain " + version, fault(version, "camel-nowhere", PASSWORD, "NOWHERE", "NOWHERE"));
            mode("fault handler " + version, faultHandler(version));
        }
        mode("fault 401", fault("1.1", "camel-unauthorized", null, null, "401"));
        Suite.end();
    }

    private static ImportRoute.Endpoint endpoint(String version, boolean mtom, String password, String domain) {
        String port = Suite.PORTS.get(version).getLocalPart();
        String user = password == null ? null : "admin";
        return new ImportRoute.Endpoint(
                Suite.BASE + "/services/UserAdmin." + port, port, mtom, user, password, domain);
    }

    /** Hands one file to the route; the folder that it ended in. */
    private static Path run(Path file, String inbox, ImportRoute.Endpoint endpoint) throws Exception {
        Path folder = Files.createTempDirectory(Suite.folder(), "camel");
        Files.createDirectories(folder.resolve(inbox));
        Files.copy(file, folder.resolve(inbox).resolve(file.getFileName()));
        ImportRoute.runOnce(new ImportRoute(folder, endpoint), Duration.ofSeconds(40));
        try (Stream<Path> found = Files.walk(folder)) {
            return found.filter(path -> path.getFileName().equals(file.getFileName()))
                    .findFirst()
                    .orElseThrow()
                    .getParent();
        }
    }

    private static void expectEnd(Path end, String outcome, String words) throws IOException {
        try (Stream<Path> reports = Files.list(end)) {
            StringBuilder said = new StringBuilder();
            for (Path report : reports.filter(path -> path.toString().endsWith(".txt")).toList()) {
                said.append(Files.readString(report));
            }
            expect(end.endsWith(outcome), "the file ended in " + end + ": " + said);
            expect(said.toString().contains(words), "the report says " + said);
        }
    }

    private static Suite.Mode imports(String prefix, String version, boolean mtom) {
        return () -> {
            Path end = run(Suite.file(prefix), "inbox", endpoint(version, mtom, PASSWORD, null));
            expectEnd(end, "done", "");
            imported(prefix);
            return "dataFormat=POJO" + (mtom ? ", mtomEnabled" : "");
        };
    }

    private static String importsBig() throws Exception {
        Path end = run(Suite.bigFile("camel-big"), "inbox", endpoint("1.1", true, PASSWORD, null));
        expectEnd(end, "done", "");
        say("imported-many", "camel-big", "5000");
        return "streamed from disk";
    }

    private static String oneByOne() throws Exception {
        Path end = run(Suite.file("camel-single"), "inbox-one-by-one", endpoint("1.1", false, PASSWORD, null));
        expectEnd(end, "done", "");
        imported("camel-single");
        return "one call a row, split(body()).streaming()";
    }

    /** The one in the middle has a password with a blank. */
    private static String faultOneByOne() throws Exception {
        Path file = Suite.folder().resolve("camel-middle.csv");
        Files.writeString(
                file,
                "username,password,emailaddress\n"
                        + "camel-middle-1,,camel-middle-1@example.com\n"
                        + "camel-middle-bad,a b,nobody@example.com\n"
                        + "camel-middle-2,,camel-middle-2@example.com\n");
        Path end = run(file, "inbox-one-by-one", endpoint("1.1", false, PASSWORD, null));
        expectEnd(end, "partly", "Success count : 0,  Failed Count : 1");
        say("imported-many", "camel-middle", "2");
        say("refused", "camel-middle-bad");
        return "doCatch(UserAdminUserAdminException.class); the other rows are imported";
    }

    private static Suite.Mode faultRows(String version) {
        return () -> {
            Path file = Suite.file("camel-rows" + version.replace(".", ""));
            run(file, "inbox", endpoint(version, true, PASSWORD, null));
            Path end = run(file, "inbox", endpoint(version, true, PASSWORD, null));
            expectEnd(end, "partly", DUPLICATES);
            return "onException(UserAdminUserAdminException.class)";
        };
    }

    private static Suite.Mode fault(String version, String prefix, String password, String domain, String words) {
        return () -> {
            Path end = run(Suite.file(prefix), "inbox", endpoint(version, true, password, domain));
            expectEnd(end, "failed", words);
            say("refused", names(prefix).get(0));
            return "the exception's message";
        };
    }

    /** Camel encodes the file rightly whatever is in it, so here the file itself is wrong. */
    private static Suite.Mode faultHandler(String version) {
        return () -> {
            Path file = Suite.folder().resolve("camel-quote.csv");
            Files.writeString(file, "UserName,Password,Claims\n\"camel-quote,,\n");
            Path end = run(file, "inbox", endpoint(version, true, PASSWORD, null));
            expectEnd(end, "failed", "quote");
            say("refused", "camel-quote");
            return "a quote that never closes: the exception's message names it";
        };
    }

    private CamelRoute() {}
}
