package interop;

import java.io.IOException;
import java.io.InputStream;
import java.util.List;
import java.util.Properties;
import org.wso2.carbon.user.mgt.stub.UserAdminStub;

/**
 * The original's published stubs against Muster: the import, also with WS-Addressing, its companions,
 * and the login.
 */
public final class StubClient {
    private static final String PROPERTIES =
            "/META-INF/maven/org.wso2.carbon.identity.framework/org.wso2.carbon.user.mgt.stub/pom.properties";

    private StubClient() {}

    public static void main(String[] arguments) throws IOException {
        Suite.say("client", "WSO2's published stub (Axis2 ADB)", version());
        for (String version : List.of("1.1", "1.2")) {
            Import.run(version);
            Addressed.run(version);
            Companions.run(version);
            Login.run(version);
        }
        Suite.end();
    }

    /** As the stub's own jar has it. */
    private static String version() throws IOException {
        Properties properties = new Properties();
        try (InputStream source = UserAdminStub.class.getResourceAsStream(PROPERTIES)) {
            properties.load(source);
        }
        return properties.getProperty("version");
    }
}
