package interop;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/** What all parts need of the suite: its settings, its lines of output, and files to import. */
final class Suite {
    static final String BASE = variable("INTEROP_BASE");
    static final String PASSWORD = variable("INTEROP_PASSWORD");

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

    /** Ends the process: threads of Axis2 must not keep it. */
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

    static List<String> names(String prefix) {
        return Stream.of("ann", "bob", "cleo").map(name -> prefix + "-" + name).toList();
    }

    static void imported(String prefix) {
        names(prefix).forEach(Suite::importedOne);
    }

    static void importedOne(String name) {
        say("imported", name, name + "@example.com");
    }

    /** Three rows; the last leaves its password to defaultPassword. */
    static String sample(String prefix) {
        List<String> names = names(prefix);
        return sample(
                List.of(
                        row(names.get(0), "Passw0rd-1"),
                        row(names.get(1), "Passw0rd-1"),
                        row(names.get(2), "")));
    }

    static String sample(List<String> rows) {
        return "UserName,Password,Claims\n" + String.join("\n", rows) + "\n";
    }

    static String row(String name, String password) {
        return "%s,%s,http://wso2.org/claims/emailaddress=%s@example.com".formatted(name, password, name);
    }

    /** A file of 5 MB with 5000 users. */
    static Path bigFile(String prefix) throws IOException, InterruptedException {
        Path file = Files.createDirectories(Path.of(variable("INTEROP_FOLDER"))).resolve(prefix + ".csv");
        String script = variable("INTEROP_BIG_SCRIPT");
        int status =
                new ProcessBuilder("python3", script, prefix, file.toString()).inheritIO().start().waitFor();
        expect(status == 0, "big_file.py failed");
        return file;
    }
}
