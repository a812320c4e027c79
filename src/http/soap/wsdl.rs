//! The WSDL documents, compiled in, with the server's configured addresses.
//!
//! The request's Host is never used: an attacker could direct another client to any address.
//!
//! Each service has one file for all shapes. Marker lines enclose what some shapes omit, and a shape is the
//! text without the sections that it omits. Muster's own service answers every operation, so its in-only
//! shape is the default one.

use crate::http::soap::service::Service;

/// The service that imports users, with all operations of the original.
const USER_ADMIN: &str = include_str!("../../../wsdl/UserAdmin.wsdl");

/// The service that opens and closes sessions.
const AUTHENTICATION_ADMIN: &str = include_str!("../../../wsdl/AuthenticationAdmin.wsdl");

/// The service that checks whether a user exists.
const REMOTE_USER_STORE_MANAGER: &str =
    include_str!("../../../wsdl/RemoteUserStoreManagerService.wsdl");

/// Muster's own service.
const USER_IMPORT: &str = include_str!("../../../wsdl/UserImport.wsdl");

/// The placeholder for the base URL in the files.
const PLACEHOLDER: &str = "@BASE_URL@";

/// The lines around the sections that the original's shape omits.
const ANSWER: [&str; 2] = ["<!--answer-->", "<!--/answer-->"];

/// The lines around the sections that the SOAP 1.1 shape omits.
const NOT_SOAP11: [&str; 2] = ["<!--not-soap11-->", "<!--/not-soap11-->"];

/// The lines around the sections that only the SOAP 1.1 shape has.
const SOAP11: [&str; 2] = ["<!--soap11-->", "<!--/soap11-->"];

/// All pairs of marker lines.
const MARKERS: [[&str; 2]; 3] = [ANSWER, NOT_SOAP11, SOAP11];

/// Marks an element as a file. Marker lines cannot enclose an attribute, so it is removed by its text.
const IS_FILE: &str = "xmime:expectedContentTypes=\"application/octet-stream\"";

/// A type that older generators do not know, and its substitute in the shape for them. Both have the same
/// lexical form, and no count of Muster's exceeds the second.
const COUNT: [&str; 2] = ["xs:unsignedLong", "xs:long"];

/// What a GET's query asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Query {
    /// The WSDL that declares an answer for every operation.
    WithOutput,
    /// The WSDL in the original's shape.
    InOnly,
    /// The WSDL with SOAP 1.1 only and each type name once, for older generators.
    Soap11,
    /// A separate schema, which does not exist: all schemas are in the WSDL.
    Schema,
    /// None of these.
    Nothing,
}

/// Parses the query: `wsdl` in any case, `shape=in-only`, `shape=soap11`, `xsd=…`.
pub fn parse_query(query: &str) -> Query {
    let names = || {
        query
            .split('&')
            .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
    };
    let has = |wanted: &str| names().any(|(name, _)| name.eq_ignore_ascii_case(wanted));
    if has("wsdl") {
        let shape = |wanted: &str| {
            names().any(|(name, value)| name.eq_ignore_ascii_case("shape") && value == wanted)
        };
        return if shape("in-only") {
            Query::InOnly
        } else if shape("soap11") {
            Query::Soap11
        } else {
            Query::WithOutput
        };
    }
    if has("xsd") {
        Query::Schema
    } else {
        Query::Nothing
    }
}

/// The document of `service` for `query`, with `base_url` in its addresses.
pub fn document(service: Service, query: Query, base_url: &str) -> Option<String> {
    let source = match service {
        Service::UserAdmin => USER_ADMIN,
        Service::AuthenticationAdmin => AUTHENTICATION_ADMIN,
        Service::RemoteUserStoreManager => REMOTE_USER_STORE_MANAGER,
        Service::UserImport => USER_IMPORT,
    };
    let text = match query {
        Query::InOnly if service.is_original() => {
            without(&[ANSWER, SOAP11], source).replace(IS_FILE, "")
        }
        Query::WithOutput | Query::InOnly => without(&[SOAP11], source),
        Query::Soap11 => without(&[NOT_SOAP11], source).replace(COUNT[0], COUNT[1]),
        Query::Schema | Query::Nothing => return None,
    };
    Some(text.replace(PLACEHOLDER, base_url))
}

/// The text without its marker lines and without the sections enclosed by those of `left_out`.
fn without(left_out: &[[&str; 2]], source: &str) -> String {
    let mut text = String::with_capacity(source.len());
    // Sections can be nested: an answer inside a binding that is omitted.
    let mut depth = 0_usize;
    for line in source.lines() {
        let mark = line.trim();
        if left_out.iter().any(|[begin, _]| *begin == mark) {
            depth += 1;
        } else if left_out.iter().any(|[_, end]| *end == mark) {
            depth = depth.saturating_sub(1);
        } else if depth == 0 && !MARKERS.as_flattened().contains(&mark) {
            text.push_str(line);
            text.push('\n');
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::soap::operation::UserImportOperation;

    #[test]
    fn query_names_are_case_insensitive() {
        assert_eq!(parse_query("wsdl"), Query::WithOutput);
        assert_eq!(parse_query("WSDL"), Query::WithOutput);
        assert_eq!(parse_query("wsdl&shape=in-only"), Query::InOnly);
        assert_eq!(parse_query("WSDL&Shape=soap11"), Query::Soap11);
        assert_eq!(parse_query("wsdl&shape=another"), Query::WithOutput);
        assert_eq!(parse_query("xsd=xsd0"), Query::Schema);
        assert_eq!(parse_query("x=wsdl"), Query::Nothing);
    }

    const SHAPES: [Query; 3] = [Query::WithOutput, Query::InOnly, Query::Soap11];

    /// The operations of the original that answer with an element.
    const ANSWERED: [&str; 16] = [
        "listUsers",
        "listAllUsers",
        "listAllUsersWithPermission",
        "listUserByClaim",
        "listUserByClaimWithPermission",
        "getUserRealmInfo",
        "hasMultipleUserStores",
        "isSharedRolesEnabled",
        "getAllRolesNames",
        "getAllSharedRoleNames",
        "getAllPermittedRoleNames",
        "getRolesOfUser",
        "getRolesOfCurrentUser",
        "getUsersOfRole",
        "getAllUIPermissions",
        "getRolePermissions",
    ];

    /// The operations whose answer is an empty message.
    const EMPTY: [&str; 5] = [
        "addUser",
        "deleteUser",
        "changePassword",
        "changePasswordByUser",
        "updateUsersOfRole",
    ];

    /// The operations without an answer.
    const UNANSWERED: [&str; 9] = [
        "bulkImportUsers",
        "addRole",
        "addInternalRole",
        "deleteRole",
        "updateRoleName",
        "updateRolesOfUser",
        "addRemoveUsersOfRole",
        "addRemoveRolesOfUser",
        "setRoleUIPermission",
    ];

    const WSDL_NS: &str = "http://schemas.xmlsoap.org/wsdl/";
    const SCHEMA_NS: &str = "http://www.w3.org/2001/XMLSchema";

    type Element<'a, 'b> = roxmltree::Node<'a, 'b>;

    fn text(service: Service, shape: Query) -> String {
        document(service, shape, "https://users.example.com").unwrap()
    }

    fn all<'a, 'b>(
        document: &'b roxmltree::Document<'a>,
        name: &'static str,
    ) -> impl Iterator<Item = Element<'b, 'a>> {
        document
            .descendants()
            .filter(move |node| node.tag_name().name() == name)
    }

    /// The portType and the bindings; each lists all operations.
    fn operation_lists<'a, 'b>(document: &'b roxmltree::Document<'a>) -> Vec<Element<'b, 'a>> {
        all(document, "portType")
            .chain(all(document, "binding"))
            .filter(|node| node.tag_name().namespace() == Some(WSDL_NS))
            .collect()
    }

    /// The children of `parent` in the WSDL's namespace with this name.
    fn parts<'a, 'b>(parent: Element<'a, 'b>, name: &str) -> Vec<Element<'a, 'b>> {
        parent
            .children()
            .filter(|child| child.has_tag_name((WSDL_NS, name)))
            .collect()
    }

    fn names(elements: &[Element<'_, '_>]) -> Vec<String> {
        let mut names: Vec<String> = elements
            .iter()
            .map(|element| element.attribute("name").unwrap().to_owned())
            .collect();
        names.sort_unstable();
        names
    }

    fn thirty() -> Vec<String> {
        let mut names: Vec<String> = [&ANSWERED[..], &EMPTY, &UNANSWERED]
            .concat()
            .into_iter()
            .map(ToOwned::to_owned)
            .collect();
        names.sort_unstable();
        names
    }

    #[test]
    fn every_shape_has_the_addresses_and_no_markers() {
        for (service, name) in [
            (Service::UserAdmin, "UserAdmin"),
            (Service::AuthenticationAdmin, "AuthenticationAdmin"),
        ] {
            for shape in SHAPES {
                let text = text(service, shape);
                assert!(!text.contains(PLACEHOLDER));
                for trace in MARKERS.as_flattened() {
                    assert!(!text.contains(trace), "{trace}");
                }
                assert_eq!(
                    text.contains(IS_FILE),
                    name == "UserAdmin" && shape != Query::InOnly
                );
                let wsdl = roxmltree::Document::parse(&text).unwrap();
                let addresses: Vec<&str> = all(&wsdl, "address")
                    .filter_map(|node| node.attribute("location"))
                    .collect();
                let mut expected = ["Soap11", "Soap12", ""]
                    .map(|version| {
                        format!(
                            "https://users.example.com/services/{name}.{name}Https{version}Endpoint/"
                        )
                    })
                    .to_vec();
                if shape == Query::Soap11 {
                    expected.truncate(1);
                }
                assert_eq!(addresses, expected);
            }
        }
    }

    #[test]
    fn markers_come_in_pairs() {
        for source in [
            USER_ADMIN,
            AUTHENTICATION_ADMIN,
            REMOTE_USER_STORE_MANAGER,
            USER_IMPORT,
        ] {
            let mut open = Vec::new();
            let mut seen = 0;
            for line in source.lines().map(str::trim) {
                for [begin, end] in MARKERS {
                    if line == begin {
                        open.push(end);
                        seen += 1;
                    } else if line == end {
                        assert_eq!(open.pop(), Some(end));
                    } else {
                        assert!(!line.contains(begin) && !line.contains(end), "{line}");
                    }
                }
            }
            assert_eq!(open, [""; 0]);
            assert!(seen >= 2, "{seen}");
        }
    }

    #[test]
    fn port_type_and_each_binding_list_all_thirty_operations() {
        for shape in SHAPES {
            let text = text(Service::UserAdmin, shape);
            let wsdl = roxmltree::Document::parse(&text).unwrap();
            let operation_lists = operation_lists(&wsdl);
            assert_eq!(
                operation_lists.len(),
                if shape == Query::Soap11 { 2 } else { 4 }
            );
            for list in operation_lists {
                assert_eq!(names(&parts(list, "operation")), thirty());
            }
        }
    }

    #[test]
    fn every_operation_has_an_output_except_in_only_ones_in_the_original_shape() {
        for shape in SHAPES {
            let text = text(Service::UserAdmin, shape);
            let wsdl = roxmltree::Document::parse(&text).unwrap();
            let operations =
                all(&wsdl, "operation").filter(|node| node.has_tag_name((WSDL_NS, "operation")));
            for operation in operations {
                let name = operation.attribute("name").unwrap();
                let outputs = parts(operation, "output").len();
                let in_only = shape == Query::InOnly && UNANSWERED.contains(&name);
                assert_eq!(outputs, usize::from(!in_only), "{name}");
            }
            for name in thirty() {
                let response = format!("{name}Response");
                let found: Vec<_> = all(&wsdl, "message")
                    .filter(|message| message.attribute("name") == Some(&response))
                    .collect();
                let parts: Vec<usize> = found
                    .iter()
                    .map(|message| parts(*message, "part").len())
                    .collect();
                let expected: &[usize] = match shape {
                    Query::InOnly if UNANSWERED.contains(&name.as_str()) => &[],
                    Query::InOnly if EMPTY.contains(&name.as_str()) => &[0],
                    _ => &[1],
                };
                assert_eq!(parts, expected, "{name}");
            }
        }
    }

    #[test]
    fn every_operation_declares_its_faults() {
        for shape in SHAPES {
            let text = text(Service::UserAdmin, shape);
            let wsdl = roxmltree::Document::parse(&text).unwrap();
            for list in operation_lists(&wsdl) {
                let has_faults = !list.attribute("name").unwrap().ends_with("HttpBinding");
                for operation in parts(list, "operation") {
                    let mut expected = Vec::new();
                    if has_faults {
                        expected.push("UserAdminUserAdminException");
                        if operation.attribute("name") == Some("listUserByClaimWithPermission") {
                            expected.push("UserAdminUserStoreException");
                        }
                    }
                    assert_eq!(names(&parts(operation, "fault")), expected);
                }
            }
        }
    }

    #[test]
    fn every_referenced_name_is_defined() {
        for service in Service::ALL {
            for shape in SHAPES {
                let text = text(service, shape);
                let wsdl = roxmltree::Document::parse(&text).unwrap();
                let target_namespace = wsdl.root_element().attribute("targetNamespace").unwrap();
                let mut known = Vec::new();
                for node in wsdl.root_element().children().filter(Element::is_element) {
                    known.push((
                        node.tag_name().name(),
                        target_namespace,
                        node.attribute("name").unwrap_or_default(),
                    ));
                }
                for schema in all(&wsdl, "schema") {
                    let target_namespace = schema.attribute("targetNamespace").unwrap();
                    for node in schema.children().filter(Element::is_element) {
                        known.push((
                            node.tag_name().name(),
                            target_namespace,
                            node.attribute("name").unwrap_or_default(),
                        ));
                    }
                }
                let mut seen = 0;
                for node in wsdl.descendants() {
                    let own = node.tag_name().namespace();
                    let references: &[(&str, &str)] = match own {
                        Some(WSDL_NS) => &[
                            ("element", "element"),
                            ("message", "message"),
                            ("binding", "binding"),
                            ("type", "portType"),
                        ],
                        Some(SCHEMA_NS) => &[("type", "complexType"), ("base", "complexType")],
                        _ => continue,
                    };
                    for (attribute, kind) in references {
                        let Some(value) = node.attribute(*attribute) else {
                            continue;
                        };
                        let (prefix, name) = value.split_once(':').unwrap();
                        let namespace = node.lookup_namespace_uri(Some(prefix)).unwrap();
                        if namespace != SCHEMA_NS {
                            let is_there = |kind| known.contains(&(kind, namespace, name));
                            let simple = *kind == "complexType" && is_there("simpleType");
                            assert!(is_there(kind) || simple, "{value}");
                            seen += 1;
                        }
                    }
                }
                assert!(seen >= 6, "{seen}");
            }
        }
    }

    #[test]
    fn soap11_shape_has_only_soap_1_1() {
        for service in Service::ALL {
            let text = text(service, Query::Soap11);
            let wsdl = roxmltree::Document::parse(&text).unwrap();
            let of = |namespace: &'static str, name: &'static str| {
                all(&wsdl, name)
                    .filter(|node| node.has_tag_name((namespace, name)))
                    .count()
            };
            for name in ["binding", "port"] {
                assert_eq!(of(WSDL_NS, name), 1, "{name}");
            }
            for name in ["binding", "address"] {
                assert_eq!(
                    of("http://schemas.xmlsoap.org/wsdl/soap/", name),
                    1,
                    "{name}"
                );
                for other in ["soap12", "http"] {
                    let namespace = format!("http://schemas.xmlsoap.org/wsdl/{other}/");
                    assert!(
                        all(&wsdl, name).all(|node| !node.has_tag_name((&*namespace, name))),
                        "{other}"
                    );
                }
            }
        }
    }

    #[test]
    fn soap11_shape_has_each_name_once() {
        for service in Service::ALL {
            let text = text(service, Query::Soap11);
            assert!(!text.contains(COUNT[0]));
            let wsdl = roxmltree::Document::parse(&text).unwrap();
            // Some generators make a class of each type and of each element without a named type, in one
            // package for all namespaces, and some ignore case.
            let mut classes = Vec::new();
            let mut elements = Vec::new();
            for schema in all(&wsdl, "schema") {
                let target_namespace = schema.attribute("targetNamespace").unwrap();
                for node in schema.children().filter(Element::is_element) {
                    let Some(name) = node.attribute("name") else {
                        continue;
                    };
                    if node.attribute("type").is_none() {
                        classes.push(name.to_lowercase());
                    }
                    if node.has_tag_name((SCHEMA_NS, "element")) {
                        elements.push((target_namespace, name));
                    }
                }
            }
            let count = classes.len();
            classes.sort_unstable();
            classes.dedup();
            assert_eq!(classes.len(), count);
            // Axis 1.4 confuses the message of a fault with the element of the same name.
            let target_namespace = wsdl.root_element().attribute("targetNamespace").unwrap();
            for fault in all(&wsdl, "fault").filter_map(|fault| fault.attribute("message")) {
                let (_, name) = fault.split_once(':').unwrap();
                assert!(!elements.contains(&(target_namespace, name)), "{name}");
            }
        }
    }

    #[test]
    fn soap11_shape_has_the_messages_of_the_default_shape() {
        for service in Service::ALL {
            let [default, older] =
                [Query::WithOutput, Query::Soap11].map(|shape| text(service, shape));
            let [default, older] =
                [&default, &older].map(|text| roxmltree::Document::parse(text).unwrap());
            let [default, older] = [&default, &older].map(|wsdl| {
                let elements: Vec<String> = all(wsdl, "element")
                    .filter(|node| node.has_tag_name((SCHEMA_NS, "element")))
                    .map(|node| {
                        ["name", "type", "minOccurs", "maxOccurs", "nillable"]
                            .map(|it| node.attribute(it).unwrap_or_default())
                            .join(" ")
                            .replace(COUNT[0], COUNT[1])
                    })
                    .collect();
                let parts: Vec<_> = all(wsdl, "part")
                    .map(|it| it.attribute("element"))
                    .collect();
                (elements, parts)
            });
            assert_eq!(default, older);
        }
    }

    #[test]
    fn user_import_wsdl_matches_the_table_of_operations() {
        let text = text(Service::UserImport, Query::InOnly);
        assert!(!text.contains(PLACEHOLDER) && text.contains(IS_FILE));
        let wsdl = roxmltree::Document::parse(&text).unwrap();
        let rows = UserImportOperation::TABLE.rows.iter();
        let entries: Vec<_> = rows.map(|(_, entry)| entry).collect();
        let mut expected: Vec<&str> = entries.iter().map(|entry| entry.name).collect();
        expected.sort_unstable();
        for list in operation_lists(&wsdl) {
            let operations = parts(list, "operation");
            assert_eq!(names(&operations), expected);
            for operation in operations {
                let counts = ["input", "output", "fault"].map(|it| parts(operation, it).len());
                assert_eq!(counts, [1, 1, 1]);
            }
        }
        for entry in entries {
            let element = all(&wsdl, "element")
                .find(|node| node.attribute("name") == Some(entry.name))
                .unwrap();
            let declared: Vec<&str> = element
                .descendants()
                .filter(|node| node.has_tag_name((SCHEMA_NS, "element")) && *node != element)
                .filter_map(|node| node.attribute("name"))
                .collect();
            let taken: Vec<&str> = entry.parameters.iter().map(|(name, _)| *name).collect();
            assert_eq!(declared, taken, "{}", entry.name);
            for action in [entry.answer_action(), entry.fault_action()] {
                assert!(
                    text.contains(&format!("wsam:Action=\"{action}\"")),
                    "{action}"
                );
            }
        }
    }

    #[test]
    fn login_returns_a_boolean_and_logout_answers_only_in_the_default_shape() {
        for shape in SHAPES {
            let text = text(Service::AuthenticationAdmin, shape);
            let wsdl = roxmltree::Document::parse(&text).unwrap();
            let port_type = all(&wsdl, "portType").next().unwrap();
            let operations = parts(port_type, "operation");
            assert_eq!(names(&operations), ["login", "logout"]);
            let outputs: Vec<usize> = operations
                .iter()
                .map(|operation| parts(*operation, "output").len())
                .collect();
            assert_eq!(outputs, [1, usize::from(shape != Query::InOnly)]);
        }
    }
}
