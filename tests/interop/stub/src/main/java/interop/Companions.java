package interop;

import static interop.Suite.expect;
import static interop.Suite.mode;

import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.stream.Stream;
import org.apache.axis2.AxisFault;
import org.wso2.carbon.user.mgt.stub.UserAdminStub;
import org.wso2.carbon.user.mgt.stub.UserAdminUserAdminException;
import org.wso2.carbon.user.mgt.stub.types.carbon.ClaimValue;
import org.wso2.carbon.user.mgt.stub.types.carbon.FlaggedName;
import org.wso2.carbon.user.mgt.stub.types.carbon.UserRealmInfo;
import org.wso2.carbon.user.mgt.stub.types.carbon.UserStoreInfo;

/** The operations around an import, in the order in which a client would call them. */
final class Companions {
    private static final String MAIL = "http://wso2.org/claims/emailaddress";

    private final String version;
    private final UserAdminStub stub;
    private final String role;
    /** Stays, and is looked up afterwards. */
    private final String dora;
    /** Is deleted again. */
    private final String eve;

    private Companions(String version) throws AxisFault {
        this.version = version;
        stub = Stubs.basic(version);
        String prefix = "stub" + version.replace(".", "");
        role = prefix + "-readers";
        dora = prefix + "-dora";
        eve = prefix + "-eve";
    }

    static void run(String version) throws AxisFault {
        new Companions(version).run();
    }

    private void run() {
        companion("hasMultipleUserStores", () -> "says " + stub.hasMultipleUserStores());
        companion("getUserRealmInfo", this::realm);
        companion("addRole", this::addRole);
        companion("getAllRolesNames", this::roles);
        companion("addUser", this::addUsers);
        companion("getRolesOfUser", this::rolesOfUser);
        companion("listUsers", this::list);
        companion("listAllUsers", this::listFlagged);
        companion("changePassword", this::changePassword);
        companion("deleteUser", this::delete);
        mode("fault companion " + version, this::refused);
        mode("fault not offered " + version, this::notOffered);
    }

    private void companion(String operation, Suite.Mode mode) {
        mode("companion " + version + " " + operation, mode);
    }

    private String realm() throws Exception {
        UserRealmInfo realm = stub.getUserRealmInfo();
        expect(realm.getBulkImportSupported(), "the realm does not support imports");
        expect(
                realm.getMultipleUserStore() == stub.hasMultipleUserStores(),
                "the realm and hasMultipleUserStores differ");
        UserStoreInfo first = realm.getPrimaryUserStoreInfo();
        expect(first != null, "no primaryUserStoreInfo");
        expect(first.getDomainName() != null, "the primary store has no domainName");
        expect(first.getBulkImportSupported(), "the primary store does not support imports");
        expect(!first.getReadOnly(), "the primary store is read-only");
        UserStoreInfo[] stores = realm.getUserStoresInfo();
        expect(stores != null && stores.length > 0 && stores[0] != null, "no userStoresInfo");
        return "the primary store is " + first.getDomainName();
    }

    private String addRole() throws Exception {
        stub.addRole(role, null, null, false);
        return "";
    }

    private String roles() throws Exception {
        FlaggedName found = named(stub.getAllRolesNames("*", 1000), role);
        expect(found != null, "the new role is not listed");
        tail(stub.getAllRolesNames("*", 1000));
        return "the last entry says whether the list was cut";
    }

    private String addUsers() throws Exception {
        for (String name : List.of(dora, eve)) {
            ClaimValue mail = new ClaimValue();
            mail.setClaimURI(MAIL);
            mail.setValue(name + "@example.com");
            stub.addUser(name, "Passw0rd-1", new String[] {role}, new ClaimValue[] {mail}, null);
        }
        Suite.importedOne(dora);
        return "with a role and a ClaimValue";
    }

    private String rolesOfUser() throws Exception {
        FlaggedName found = named(stub.getRolesOfUser(dora, "*", 1000), role);
        expect(found != null && found.getSelected(), "the role is not among them, or not selected");
        return "the user's own are selected";
    }

    private String list() throws Exception {
        expect(listed(dora).equals(List.of(dora)), "listUsers gives " + listed(dora));
        String prefix = dora.substring(0, dora.indexOf('-'));
        // The pattern must not match the users of the large file: a list has at most a hundred names.
        List<String> all = Stream.concat(listed(prefix + "-d*").stream(), listed(prefix + "-e*").stream())
                .toList();
        expect(all.containsAll(List.of(dora, eve)), "listUsers gives " + all);
        List<String> none = listed(prefix + "-none-of-them");
        expect(none.isEmpty(), "listUsers gives " + none);
        return "a name, a pattern, and no user";
    }

    private List<String> listed(String filter) throws Exception {
        String[] names = stub.listUsers(filter, 1000);
        return names == null ? List.of() : Stream.of(names).filter(Objects::nonNull).toList();
    }

    private String listFlagged() throws Exception {
        FlaggedName[] users = stub.listAllUsers(dora, 10);
        expect(named(users, dora) != null, "the user is not listed");
        tail(users);
        return "the last entry is not a user: it says whether the list was cut";
    }

    private String changePassword() throws Exception {
        stub.changePassword(dora, "An0ther-Passw0rd");
        return "";
    }

    private String delete() throws Exception {
        stub.deleteUser(eve);
        expect(listed(eve).isEmpty(), "the user is still listed");
        Suite.say("refused", eve);
        return "";
    }

    private String refused() throws Exception {
        try {
            stub.deleteUser(eve + "-who-never-was");
        } catch (UserAdminUserAdminException fault) {
            expect(Stubs.text(fault) != null, "the fault's detail is empty");
            return "deleting an unknown user: typed";
        }
        throw new AssertionError("no fault");
    }

    /** One that answers with an element in the original, and one that answers nothing there. */
    private String notOffered() throws Exception {
        for (Suite.Mode call : List.<Suite.Mode>of(this::askPermissions, this::askDeletion)) {
            try {
                call.run();
            } catch (UserAdminUserAdminException fault) {
                offersNot(Stubs.text(fault));
                continue;
            } catch (AxisFault fault) {
                offersNot(fault.getMessage());
                continue;
            }
            throw new AssertionError("no fault");
        }
        return "getAllUIPermissions and deleteRole: the fault says so";
    }

    private static void offersNot(String text) {
        expect(text != null && text.contains("not supported here"), "the fault says " + text);
    }

    private String askPermissions() throws Exception {
        return String.valueOf(stub.getAllUIPermissions());
    }

    private String askDeletion() throws Exception {
        stub.deleteRole(role);
        return "";
    }

    private static FlaggedName named(FlaggedName[] names, String wanted) {
        expect(names != null, "the answer has no entries");
        return Arrays.stream(names)
                .filter(name -> name != null && wanted.equals(name.getItemName()))
                .findFirst()
                .orElse(null);
    }

    private static void tail(FlaggedName[] names) {
        String last = names[names.length - 1].getItemName();
        expect("true".equals(last) || "false".equals(last), "the last entry is " + last);
    }
}
