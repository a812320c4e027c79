package example;

import static java.nio.file.StandardOpenOption.APPEND;
import static java.nio.file.StandardOpenOption.CREATE;

import jakarta.activation.DataHandler;
import jakarta.activation.FileDataSource;
import jakarta.mail.util.ByteArrayDataSource;
import java.io.File;
import java.io.IOException;
import java.io.StringWriter;
import java.net.ConnectException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.apache.camel.Exchange;
import org.apache.camel.builder.NotifyBuilder;
import org.apache.camel.builder.RouteBuilder;
import org.apache.camel.component.cxf.jaxws.CxfConfigurer;
import org.apache.camel.component.file.FileComponent;
import org.apache.camel.component.file.GenericFile;
import org.apache.camel.dataformat.csv.CsvDataFormat;
import org.apache.camel.impl.DefaultCamelContext;
import org.apache.commons.csv.CSVFormat;
import org.apache.commons.csv.CSVPrinter;
import org.apache.cxf.endpoint.Client;
import org.apache.cxf.endpoint.Server;
import org.apache.cxf.frontend.AbstractWSDLBasedEndpointFactory;
import org.apache.cxf.transport.http.HTTPConduit;
import org.apache.cxf.transports.http.configuration.HTTPClientPolicy;
import org.wso2.carbon.user.mgt.UserAdminPortType;
import org.wso2.carbon.user.mgt.UserAdminUserAdminException;

/**
 * Apache Camel picks up CSV files from folders and has Muster import them by camel-cxf:
 *
 * <ul>
 *   <li>{@code inbox/}: one call a file, the file streamed from disk as an MTOM attachment;
 *   <li>{@code inbox-one-by-one/}: one call a row, read row by row.
 * </ul>
 *
 * A file ends in {@code done/} when every row made a user, in {@code partly/} when some did not, with
 * the server's words beside it, and in {@code failed/} when nothing was imported. docs/esb.md explains
 * the route.
 */
public class ImportRoute extends RouteBuilder {
    /** How the summary of an import begins in which some rows did not make users. */
    private static final String SUMMARY = "Bulk User Import was completed with Errors.";

    /** In SOAP 1.2 a fault of the sender's comes with HTTP 400, whose body CXF else leaves unread. */
    private static final String READ_400 = "org.apache.cxf.transport.process_fault_on_http_400";

    private final Path folder;
    private final Endpoint endpoint;

    /** Where Muster is, who calls it, and the domain that the users go into; null is the first one. */
    public record Endpoint(String url, String port, boolean mtom, String user, String password, String domain) {}

    public ImportRoute(Path folder, Endpoint endpoint) {
        this.folder = folder;
        this.endpoint = endpoint;
    }

    @Override
    public void configure() {
        getContext().getRegistry().bind("client", new Configurer());

        // The server is down: sending the file again does no harm, because existing users are not changed.
        onException(ConnectException.class).maximumRedeliveries(3).redeliveryDelay(500);
        // The valid rows are stored. This is not a failure of the call, and must not be repeated.
        onException(UserAdminUserAdminException.class)
                .onWhen(exchange -> caught(exchange).getMessage().startsWith(SUMMARY))
                .handled(true)
                .process(exchange -> report("partly", exchange))
                .setProperty("outcome", constant("partly"));
        // Anything else: the file is put aside with the reason. It is not handled, so the log has it too.
        onException(Exception.class).process(exchange -> report("failed", exchange));

        from(files("inbox"))
                .routeId("one call a file")
                .setProperty("outcome", constant("done"))
                .process(this::wholeFile)
                .to(muster());

        CsvDataFormat csv = new CsvDataFormat();
        csv.setLazyLoad(true);
        csv.setUseOrderedMaps(true);
        from(files("inbox-one-by-one"))
                .routeId("one call a row")
                .setProperty("outcome", constant("done"))
                .unmarshal(csv)
                .split(body(), ImportRoute::worse).streaming()
                    .doTry()
                        .process(this::oneRow)
                        .to(muster())
                    .doCatch(UserAdminUserAdminException.class)
                        .process(exchange -> report("partly", exchange))
                        .setProperty("outcome", constant("partly"))
                    .end()
                .end();
    }

    /** The file as it is found once nobody writes to it any more. */
    private String files(String inbox) {
        return "file:" + folder.resolve(inbox)
                + "?include=.*[.]csv&readLock=changed&readLockCheckInterval=100&initialDelay=0&delay=200"
                + "&move=../${exchangeProperty.outcome}/${file:name}&moveFailed=../failed/${file:name}";
    }

    private String muster() {
        return "cxf:" + endpoint.url()
                + "?serviceClass=" + UserAdminPortType.class.getName()
                + "&serviceName={http://mgt.user.carbon.wso2.org}UserAdmin"
                + "&portName={http://mgt.user.carbon.wso2.org}" + endpoint.port()
                + "&wsdlURL=" + endpoint.url() + "?wsdl"
                + "&defaultOperationName=bulkImportUsers"
                + "&dataFormat=POJO"
                + "&mtomEnabled=" + endpoint.mtom()
                + "&cxfConfigurer=#client";
    }

    /** The four parameters; the file is not read here but when it is sent. */
    private void wholeFile(Exchange exchange) {
        File file = exchange.getMessage().getBody(File.class);
        call(exchange, file.getName(), new DataHandler(new FileDataSource(file)));
    }

    /** A file of two lines: the column names and one row. */
    private void oneRow(Exchange exchange) throws IOException {
        Map<?, ?> row = exchange.getMessage().getBody(Map.class);
        StringWriter text = new StringWriter();
        try (CSVPrinter printer = new CSVPrinter(text, CSVFormat.RFC4180)) {
            printer.printRecord(row.keySet());
            printer.printRecord(row.values());
        }
        call(exchange, "row.csv", new DataHandler(new ByteArrayDataSource(text.toString(), "text/csv; charset=UTF-8")));
    }

    /** One bad row makes the whole file one that was imported partly. */
    private static Exchange worse(Exchange soFar, Exchange row) {
        boolean fine = soFar == null || "done".equals(soFar.getProperty("outcome"));
        return fine ? row : soFar;
    }

    private void call(Exchange exchange, String fileName, DataHandler file) {
        exchange.getMessage().setBody(Arrays.asList(endpoint.domain(), fileName, file, defaultPassword()));
    }

    /** For rows without a password of their own; from the environment, as every secret here. */
    private static String defaultPassword() {
        return System.getenv().getOrDefault("MUSTER_DEFAULT_PASSWORD", "admin");
    }

    private static Exception caught(Exchange exchange) {
        return exchange.getProperty(Exchange.EXCEPTION_CAUGHT, Exception.class);
    }

    /** Puts the server's words beside the file; several rows of one file go into one report. */
    private void report(String outcome, Exchange exchange) throws IOException {
        // The headers of the message are those of the answer by now.
        String name = exchange.getProperty(FileComponent.FILE_EXCHANGE_FILE, GenericFile.class).getFileNameOnly();
        Path report = Files.createDirectories(folder.resolve(outcome)).resolve(name + ".txt");
        Files.writeString(report, caught(exchange).getMessage() + "\n", CREATE, APPEND);
    }

    /** What the address of an endpoint has no room for: credentials and timeouts. */
    private final class Configurer implements CxfConfigurer {
        @Override
        public void configureClient(Client client) {
            HTTPConduit conduit = (HTTPConduit) client.getConduit();
            HTTPClientPolicy policy = new HTTPClientPolicy();
            policy.setConnectionTimeout(10_000);
            // The answer comes when the last row is stored.
            policy.setReceiveTimeout(10 * 60_000);
            policy.setAllowChunking(true);
            conduit.setClient(policy);
            if (endpoint.user() != null) {
                conduit.getAuthorization().setUserName(endpoint.user());
                conduit.getAuthorization().setPassword(endpoint.password());
            }
            client.getEndpoint().put(READ_400, true);
        }

        @Override
        public void configure(AbstractWSDLBasedEndpointFactory factory) {}

        @Override
        public void configureServer(Server server) {}
    }

    /** Runs the route until one file has been dealt with. */
    public static void runOnce(ImportRoute route, Duration atMost) throws Exception {
        try (DefaultCamelContext context = new DefaultCamelContext()) {
            context.addRoutes(route);
            NotifyBuilder done = new NotifyBuilder(context).from("file:*").whenDone(1).create();
            context.start();
            if (!done.matches(atMost.toMillis(), TimeUnit.MILLISECONDS)) {
                throw new IllegalStateException("no file was dealt with in time");
            }
        }
    }

    /** Imports the one file that is put into FOLDER/inbox or FOLDER/inbox-one-by-one, and ends. */
    public static void main(String[] arguments) throws Exception {
        Endpoint endpoint = new Endpoint(
                System.getenv().getOrDefault("MUSTER_URL", "http://127.0.0.1:9763/services/UserAdmin"),
                "UserAdminHttpsSoap11Endpoint",
                true,
                System.getenv("MUSTER_USER"),
                System.getenv("MUSTER_PASSWORD"),
                null);
        runOnce(new ImportRoute(Path.of(arguments[0]), endpoint), Duration.ofMinutes(11));
    }
}
