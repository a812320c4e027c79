package interop;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import javax.xml.namespace.QName;
import org.wso2.carbon.user.mgt.UserAdmin;

/** What both clients need of the suite: its settings, its lines of output, and files to import. */
final class Suite {
    static final String BASE = variable("INTEROP_BASE");
    static final String PASSWORD = variable("INTEROP_PASSWORD");
    static final String DIGEST_NAME = variable("INTEROP_DIGEST_NAME");
    static final String DIGEST_SECRET = variable("INTEROP_DIGEST_SECRET");
    static final String DUPLICATES =
            "Bulk User Import was completed with Errors. "
                    + "Success count : 0,  Failed Count : 0, Duplicate Count : 3.";
    static final String DENIED =
            "Access Denied. Authentication failed - Invalid credentials provided.";
    static final Map<String, QName> PORTS =
            Map.of(
                    "1.1", UserAdmin.UserAdminHttpsSoap11Endpoint,
                    "1.2", UserAdmin.UserAdminHttpsSoap12Endpoint);

    private static int bad;

    private Suite() {}

    /** One mode; what it returns is the remark. */
    interface Mode {
        String run() throws Exception;
    }

    /** Runs one mode; a mode that fails does not keep the others from being tried. */
    static void mode(String name, Mode mode) {
        try {
            say("result", name, "works", mode.run());
        } catch (Exception | AssertionError failure) {
            bad++;
            say("result", name, "fails", String.valueOf(failure).replaceAll("\\s+", " "));
            failure.printStackTrace(System.out);
        }
    }

    static void say(String... fields) {
        System.out.println(String.join("\t", fields));
    }

    /** Ends the process: threads of the clients must not keep it. */
    static void end() {
        System.exit(bad == 0 ? 0 : 1);
    }

    static void expect(boolean holds, String what) {
        if (!holds) {
            throw new AssertionError(what);
        }
    }

    static String variable(String name) {
        String value = System.getenv(name);
        if (value == null) {
            throw new IllegalStateException(name + " is not set");
        }
        return value;
    }

    static String url(String version) {
        return BASE + "/services/UserAdmin.UserAdminHttpsSoap" + version.replace(".", "") + "Endpoint/";
    }

    static List<String> names(String prefix) {
        return Stream.of("ann", "bob", "cleo").map(name -> prefix + "-" + name).toList();
    }

    static void imported(String prefix) {
        for (String name : names(prefix)) {
            say("imported", name, name + "@example.com");
        }
    }

    /** Three rows; the last leaves its password to defaultPassword. */
    static String sample(String prefix) {
        StringBuilder rows = new StringBuilder("UserName,Password,Claims\n");
        List<String> names = names(prefix);
        for (String name : names) {
            boolean last = name.equals(names.get(names.size() - 1));
            rows.append(name).append(',').append(last ? "" : "Passw0rd-1");
            rows.append(",http://wso2.org/claims/emailaddress=").append(name).append("@example.com\n");
        }
        return rows.toString();
    }

    /** A file with three rows, in a folder that is the suite's own. */
    static Path file(String prefix) throws IOException {
        return Files.writeString(folder().resolve(prefix + ".csv"), sample(prefix));
    }

    /** A file of 5 MB with 5000 users. */
    static Path bigFile(String prefix) throws IOException, InterruptedException {
        Path file = folder().resolve(prefix + ".csv");
        String script = variable("INTEROP_BIG_SCRIPT");
        int status = new ProcessBuilder("python3", script, prefix, file.toString()).inheritIO().start().waitFor();
        expect(status == 0, "big_file.py failed");
        return file;
    }

    static Path folder() throws IOException {
        return Files.createDirectories(Path.of(variable("INTEROP_FOLDER")));
    }
}
