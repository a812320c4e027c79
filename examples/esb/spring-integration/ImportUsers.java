import jakarta.activation.DataHandler;
import jakarta.activation.FileDataSource;
import jakarta.xml.bind.annotation.XmlAccessType;
import jakarta.xml.bind.annotation.XmlAccessorType;
import jakarta.xml.bind.annotation.XmlElement;
import jakarta.xml.bind.annotation.XmlMimeType;
import jakarta.xml.bind.annotation.XmlRootElement;
import jakarta.xml.bind.annotation.XmlType;
import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.net.HttpURLConnection;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.util.Base64;
import java.util.HexFormat;
import javax.xml.transform.TransformerFactory;
import javax.xml.transform.stream.StreamResult;
import org.springframework.context.annotation.AnnotationConfigApplicationContext;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.integration.config.EnableIntegration;
import org.springframework.integration.dsl.IntegrationFlow;
import org.springframework.integration.dsl.Pollers;
import org.springframework.integration.file.FileHeaders;
import org.springframework.integration.handler.advice.AbstractRequestHandlerAdvice;
import org.springframework.integration.ws.MarshallingWebServiceOutboundGateway;
import org.springframework.messaging.Message;
import org.springframework.oxm.jaxb.Jaxb2Marshaller;
import org.springframework.ws.client.core.WebServiceMessageCallback;
import org.springframework.ws.soap.SoapVersion;
import org.springframework.ws.soap.client.SoapFaultClientException;
import org.springframework.ws.soap.client.core.SoapActionCallback;
import org.springframework.ws.soap.saaj.SaajSoapMessageFactory;
import org.springframework.ws.transport.HeadersAwareSenderWebServiceConnection;
import org.springframework.ws.transport.context.TransportContextHolder;
import org.springframework.ws.transport.http.HttpUrlConnectionMessageSender;

/**
 * A folder whose files Spring Integration has Muster import, by its web service gateway. A file ends in {@code done}
 * when each of its rows made a user, else in {@code failed}, beside a text with the reason.
 *
 * <p>The environment says where and as whom: MUSTER_URL, MUSTER_USER, MUSTER_PASSWORD, MUSTER_DEFAULT_PASSWORD,
 * MUSTER_FOLDER; MUSTER_SOAP is 1.1 (as when it is not set) or 1.2, MUSTER_MTOM true (the same) or false.
 */
@Configuration
@EnableIntegration
public class ImportUsers {
    private static final String KEY = "importKey";

    private final String url = variable("MUSTER_URL", "http://127.0.0.1:9763/services/UserAdmin");
    private final Path folder = Path.of(variable("MUSTER_FOLDER", "."));
    private final boolean mtom = Boolean.parseBoolean(variable("MUSTER_MTOM", "true"));
    private final boolean soap11 = variable("MUSTER_SOAP", "1.1").equals("1.1");

    /** The operation's element. */
    @XmlRootElement(name = "bulkImportUsers", namespace = Request.NAMESPACE)
    @XmlType(propOrder = {"fileName", "defaultPassword", "handler"})
    @XmlAccessorType(XmlAccessType.FIELD)
    static class Request {
        static final String NAMESPACE = "http://org.apache.axis2/xsd";

        @XmlElement(namespace = NAMESPACE)
        String fileName;

        @XmlElement(namespace = NAMESPACE)
        String defaultPassword;

        @XmlElement(namespace = NAMESPACE)
        @XmlMimeType("text/csv")
        DataHandler handler;
    }

    /** The answer's element; that it came is all that it says. */
    @XmlRootElement(name = "bulkImportUsersResponse", namespace = Request.NAMESPACE)
    static class Response {}

    @Bean
    IntegrationFlow files(Gateway gateway) {
        return IntegrationFlow.from(
                        org.springframework.integration.file.dsl.Files.inboundAdapter(
                                        folder.resolve("inbox").toFile())
                                .patternFilter("*.csv")
                                // Else a file that is put back would be taken for one that is done.
                                .preventDuplicates(false),
                        endpoint -> endpoint.poller(Pollers.fixedDelay(500)))
                .enrichHeaders(headers -> headers.headerFunction(KEY, message -> sha256((File) message.getPayload())))
                .transform(File.class, this::request)
                .handle(gateway, endpoint -> endpoint.advice(new Outcome()))
                .nullChannel();
    }

    private Request request(File file) {
        Request request = new Request();
        request.fileName = file.getName();
        request.defaultPassword = variable("MUSTER_DEFAULT_PASSWORD", null);
        request.handler = new DataHandler(new FileDataSource(file));
        return request;
    }

    @Bean
    Gateway gateway(Jaxb2Marshaller marshaller, SaajSoapMessageFactory messages) {
        Gateway gateway = new Gateway(url, marshaller, messages);
        gateway.setMessageSenders(new Sender());
        gateway.setRequestCallback(new SoapActionCallback("urn:bulkImportUsers"));
        return gateway;
    }

    @Bean
    Jaxb2Marshaller marshaller() {
        Jaxb2Marshaller marshaller = new Jaxb2Marshaller();
        marshaller.setClassesToBeBound(Request.class, Response.class);
        marshaller.setMtomEnabled(mtom);
        return marshaller;
    }

    @Bean
    SaajSoapMessageFactory messages() {
        SaajSoapMessageFactory messages = new SaajSoapMessageFactory();
        messages.setSoapVersion(soap11 ? SoapVersion.SOAP_11 : SoapVersion.SOAP_12);
        return messages;
    }

    /** The gateway, which also names each call by the content of its file: a repeated file finds its import. */
    static class Gateway extends MarshallingWebServiceOutboundGateway {
        Gateway(String url, Jaxb2Marshaller marshaller, SaajSoapMessageFactory messages) {
            super(url, marshaller, messages);
        }

        @Override
        protected Object doHandle(String url, Message<?> message, WebServiceMessageCallback callback) {
            return super.doHandle(url, message, request -> {
                callback.doWithMessage(request);
                var connection = TransportContextHolder.getTransportContext().getConnection();
                ((HeadersAwareSenderWebServiceConnection) connection)
                        .addRequestHeader("Idempotency-Key", message.getHeaders().get(KEY, String.class));
            });
        }
    }

    /** Sends the credentials with the first request, and does not hold the request in memory. */
    static class Sender extends HttpUrlConnectionMessageSender {
        Sender() {
            setConnectionTimeout(Duration.ofSeconds(10));
            // The answer comes when the last row is stored.
            setReadTimeout(Duration.ofSeconds(Long.parseLong(variable("MUSTER_SECONDS", "600"))));
        }

        @Override
        protected void prepareConnection(HttpURLConnection connection) throws IOException {
            super.prepareConnection(connection);
            connection.setChunkedStreamingMode(0);
            String credentials = variable("MUSTER_USER", null) + ":" + variable("MUSTER_PASSWORD", null);
            byte[] bytes = credentials.getBytes(StandardCharsets.UTF_8);
            connection.setRequestProperty("Authorization", "Basic " + Base64.getEncoder().encodeToString(bytes));
        }
    }

    /** Where the file ends. */
    class Outcome extends AbstractRequestHandlerAdvice {
        @Override
        protected Object doInvoke(ExecutionCallback callback, Object target, Message<?> message) {
            File file = message.getHeaders().get(FileHeaders.ORIGINAL_FILE, File.class);
            try {
                Object answer = callback.execute();
                move(file, "done", null);
                return answer;
            } catch (RuntimeException failure) {
                move(file, "failed", reason(failure));
                return null;
            }
        }

        private void move(File file, String end, String reason) {
            try {
                Path to = Files.createDirectories(folder.resolve(end)).resolve(file.getName());
                if (reason != null) {
                    Files.writeString(to.resolveSibling(file.getName() + ".txt"), reason);
                }
                Files.move(file.toPath(), to, StandardCopyOption.REPLACE_EXISTING);
            } catch (IOException failure) {
                throw new IllegalStateException(failure);
            }
        }
    }

    /** The fault's text and its detail, in which Muster lists the rows; or what the transport says. */
    private static String reason(Throwable failure) {
        Throwable cause = failure;
        while (!(cause instanceof SoapFaultClientException) && cause.getCause() != null) {
            cause = cause.getCause();
        }
        StringBuilder reason = new StringBuilder(cause.getMessage() == null ? cause.toString() : cause.getMessage());
        if (cause instanceof SoapFaultClientException fault && fault.getSoapFault().getFaultDetail() != null) {
            var entries = fault.getSoapFault().getFaultDetail().getDetailEntries();
            while (entries.hasNext()) {
                StringBuilderResult text = new StringBuilderResult();
                try {
                    TransformerFactory.newInstance().newTransformer().transform(entries.next().getSource(), text);
                } catch (javax.xml.transform.TransformerException unreadable) {
                    text.getWriter().append(unreadable.getMessage());
                }
                reason.append('\n').append(text.getWriter());
            }
        }
        return reason.append('\n').toString();
    }

    private static final class StringBuilderResult extends StreamResult {
        StringBuilderResult() {
            super(new java.io.StringWriter());
        }

        @Override
        public java.io.StringWriter getWriter() {
            return (java.io.StringWriter) super.getWriter();
        }
    }

    private static String sha256(File file) {
        try (InputStream in = Files.newInputStream(file.toPath())) {
            MessageDigest digest = MessageDigest.getInstance("SHA-256");
            byte[] piece = new byte[65536];
            for (int length; (length = in.read(piece)) >= 0; ) {
                digest.update(piece, 0, length);
            }
            return HexFormat.of().formatHex(digest.digest());
        } catch (IOException | NoSuchAlgorithmException failure) {
            throw new IllegalStateException(failure);
        }
    }

    private static String variable(String name, String otherwise) {
        String value = System.getenv(name);
        if (value == null && otherwise == null) {
            throw new IllegalStateException(name + " is not set");
        }
        return value == null ? otherwise : value;
    }

    public static void main(String[] arguments) {
        new AnnotationConfigApplicationContext(ImportUsers.class).registerShutdownHook();
    }
}
