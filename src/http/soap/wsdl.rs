//! The descriptions, compiled in, with the addresses filled in that callers can use.
//!
//! Never with the request's own Host: a stranger could put any address into somebody's client.
//!
//! Each service has one file for all shapes. What some of them leave out stands between two marker
//! lines, and a shape is the text without what it leaves out. Our own service answers every operation,
//! so the original's shape of it is the default one.

use crate::http::soap::service::Service;

/// The service that imports users, with all operations of the original.
const USER_ADMIN: &str = include_str!("../../../wsdl/UserAdmin.wsdl");

/// The service that opens and closes sessions.
const AUTHENTICATION_ADMIN: &str = include_str!("../../../wsdl/AuthenticationAdmin.wsdl");

/// The service that is asked whether a user exists.
const REMOTE_USER_STORE_MANAGER: &str =
    include_str!("../../../wsdl/RemoteUserStoreManagerService.wsdl");

/// The service of our own.
const USER_IMPORT: &str = include_str!("../../../wsdl/UserImport.wsdl");

/// Stands in the files for the base URL.
const PLACEHOLDER: &str = "@BASE_URL@";

/// The lines before and after what the original's shape leaves out.
const ANSWER: [&str; 2] = ["<!--answer-->", "<!--/answer-->"];

/// Those around what the shape with SOAP 1.1 alone leaves out.
const NOT_SOAP11: [&str; 2] = ["<!--not-soap11-->", "<!--/not-soap11-->"];

/// Those around what only that shape has.
const SOAP11: [&str; 2] = ["<!--soap11-->", "<!--/soap11-->"];

/// All pairs of marker lines.
const MARKERS: [[&str; 2]; 3] = [ANSWER, NOT_SOAP11, SOAP11];

/// Says that an element is a file. An attribute has no room for markers, so it is left out by name.
const IS_FILE: &str = "xmime:expectedContentTypes=\"application/octet-stream\"";

/// A type that older generators do not know, and the one that stands for it in the shape for them.
/// Both are written the same, and no count of ours is too large for the second.
const COUNT: [&str; 2] = ["xs:unsignedLong", "xs:long"];

/// What the query of a GET asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// The WSDL that declares an answer for every operation.
    WithOutput,
    /// The WSDL in the original's shape.
    InOnly,
    /// The WSDL with SOAP 1.1 alone and each type name once, for older generators.
    Soap11,
    /// A schema: there is none, all of them stand in the WSDL.
    Schema,
    /// Neither.
    Nothing,
}

/// Reads the query: `wsdl` in any case, `shape=in-only`, `shape=soap11`, `xsd=…`.
pub fn asked(query: &str) -> Asked {
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
            Asked::InOnly
        } else if shape("soap11") {
            Asked::Soap11
        } else {
            Asked::WithOutput
        };
    }
    if has("xsd") {
        Asked::Schema
    } else {
        Asked::Nothing
    }
}

/// The document of `service` for `asked`, with `base_url` in its addresses.
pub fn document(service: Service, asked: Asked, base_url: &str) -> Option<String> {
    let source = match service {
        Service::UserAdmin => USER_ADMIN,
        Service::AuthenticationAdmin => AUTHENTICATION_ADMIN,
        Service::RemoteUserStoreManager => REMOTE_USER_STORE_MANAGER,
        Service::UserImport => USER_IMPORT,
    };
    let text = match asked {
        Asked::InOnly if service.is_the_originals() => {
            without(&[ANSWER, SOAP11], source).replace(IS_FILE, "")
        }
        Asked::WithOutput | Asked::InOnly => without(&[SOAP11], source),
        Asked::Soap11 => without(&[NOT_SOAP11], source).replace(COUNT[0], COUNT[1]),
        Asked::Schema | Asked::Nothing => return None,
    };
    Some(text.replace(PLACEHOLDER, base_url))
}

/// The text without its marker lines, and without what stands between those of `left_out`.
fn without(left_out: &[[&str; 2]], source: &str) -> String {
    let mut text = String::with_capacity(source.len());
    // Parts stand inside each other: an answer of a binding that is left out.
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
    use crate::http::soap::operation::Entry;

    #[test]
    fn the_query_is_read_in_any_case() {
        assert_eq!(asked("wsdl"), Asked::WithOutput);
        assert_eq!(asked("WSDL"), Asked::WithOutput);
        assert_eq!(asked("wsdl&shape=in-only"), Asked::InOnly);
        assert_eq!(asked("WSDL&Shape=soap11"), Asked::Soap11);
        assert_eq!(asked("wsdl&shape=another"), Asked::WithOutput);
        assert_eq!(asked("xsd=xsd0"), Asked::Schema);
        assert_eq!(asked("x=wsdl"), Asked::Nothing);
    }

    const SHAPES: [Asked; 3] = [Asked::WithOutput, Asked::InOnly, Asked::Soap11];

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

    /// Those whose answer is an empty message.
    const EMPTY: [&str; 5] = [
        "addUser",
        "deleteUser",
        "changePassword",
        "changePasswordByUser",
        "updateUsersOfRole",
    ];

    /// Those without an answer.
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

    fn text(service: Service, shape: Asked) -> String {
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

    /// The portType and the bindings, all of which list the operations.
    fn places<'a, 'b>(document: &'b roxmltree::Document<'a>) -> Vec<Element<'b, 'a>> {
        all(document, "portType")
            .chain(all(document, "binding"))
            .filter(|node| node.tag_name().namespace() == Some(WSDL_NS))
            .collect()
    }

    /// The children of `parent` in the WSDL's namespace that are called so.
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
    fn every_shape_has_the_addresses_and_no_trace_of_its_making() {
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
                    name == "UserAdmin" && shape != Asked::InOnly
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
                if shape == Asked::Soap11 {
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
    fn all_thirty_operations_stand_in_the_port_type_and_in_each_binding() {
        for shape in SHAPES {
            let text = text(Service::UserAdmin, shape);
            let wsdl = roxmltree::Document::parse(&text).unwrap();
            let places = places(&wsdl);
            assert_eq!(places.len(), if shape == Asked::Soap11 { 2 } else { 4 });
            for place in places {
                assert_eq!(names(&parts(place, "operation")), thirty());
            }
        }
    }

    #[test]
    fn every_operation_answers_and_the_originals_shape_keeps_its_silence() {
        for shape in SHAPES {
            let text = text(Service::UserAdmin, shape);
            let wsdl = roxmltree::Document::parse(&text).unwrap();
            let operations =
                all(&wsdl, "operation").filter(|node| node.has_tag_name((WSDL_NS, "operation")));
            for operation in operations {
                let name = operation.attribute("name").unwrap();
                let outputs = parts(operation, "output").len();
                let silent = shape == Asked::InOnly && UNANSWERED.contains(&name);
                assert_eq!(outputs, usize::from(!silent), "{name}");
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
                    Asked::InOnly if UNANSWERED.contains(&name.as_str()) => &[],
                    Asked::InOnly if EMPTY.contains(&name.as_str()) => &[0],
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
            for place in places(&wsdl) {
                let has_faults = !place.attribute("name").unwrap().ends_with("HttpBinding");
                for operation in parts(place, "operation") {
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
    fn every_name_that_is_referred_to_is_there() {
        for service in Service::ALL {
            for shape in SHAPES {
                let text = text(service, shape);
                let wsdl = roxmltree::Document::parse(&text).unwrap();
                let home = wsdl.root_element().attribute("targetNamespace").unwrap();
                let mut known = Vec::new();
                for node in wsdl.root_element().children().filter(Element::is_element) {
                    known.push((
                        node.tag_name().name(),
                        home,
                        node.attribute("name").unwrap_or_default(),
                    ));
                }
                for schema in all(&wsdl, "schema") {
                    let home = schema.attribute("targetNamespace").unwrap();
                    for node in schema.children().filter(Element::is_element) {
                        known.push((
                            node.tag_name().name(),
                            home,
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
    fn the_shape_for_older_generators_speaks_soap_1_1_alone() {
        for service in Service::ALL {
            let text = text(service, Asked::Soap11);
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
    fn the_shape_for_older_generators_has_each_name_once() {
        for service in Service::ALL {
            let text = text(service, Asked::Soap11);
            assert!(!text.contains(COUNT[0]));
            let wsdl = roxmltree::Document::parse(&text).unwrap();
            // Some generators make a class of a type and of an element without a named one, in one
            // package for all namespaces, and some without regard to the case.
            let mut classes = Vec::new();
            let mut elements = Vec::new();
            for schema in all(&wsdl, "schema") {
                let home = schema.attribute("targetNamespace").unwrap();
                for node in schema.children().filter(Element::is_element) {
                    let Some(name) = node.attribute("name") else {
                        continue;
                    };
                    if node.attribute("type").is_none() {
                        classes.push(name.to_lowercase());
                    }
                    if node.has_tag_name((SCHEMA_NS, "element")) {
                        elements.push((home, name));
                    }
                }
            }
            let count = classes.len();
            classes.sort_unstable();
            classes.dedup();
            assert_eq!(classes.len(), count);
            // Axis 1.4 takes the message of a fault for the element of the same name.
            let home = wsdl.root_element().attribute("targetNamespace").unwrap();
            for fault in all(&wsdl, "fault").filter_map(|fault| fault.attribute("message")) {
                let (_, name) = fault.split_once(':').unwrap();
                assert!(!elements.contains(&(home, name)), "{name}");
            }
        }
    }

    #[test]
    fn the_shape_for_older_generators_is_the_default_one_in_every_message() {
        for service in Service::ALL {
            let [default, older] =
                [Asked::WithOutput, Asked::Soap11].map(|shape| text(service, shape));
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
    fn our_own_service_has_the_operations_and_parameters_of_the_table() {
        let text = text(Service::UserImport, Asked::InOnly);
        assert!(!text.contains(PLACEHOLDER) && text.contains(IS_FILE));
        let wsdl = roxmltree::Document::parse(&text).unwrap();
        let entries: Vec<_> = Entry::of(Service::UserImport).collect();
        let mut expected: Vec<&str> = entries.iter().map(|entry| entry.name).collect();
        expected.sort_unstable();
        for place in places(&wsdl) {
            let operations = parts(place, "operation");
            assert_eq!(names(&operations), expected);
            for operation in operations {
                let one_each = ["input", "output", "fault"].map(|it| parts(operation, it).len());
                assert_eq!(one_each, [1, 1, 1]);
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
    fn login_answers_a_boolean_and_logout_only_in_our_shape() {
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
            assert_eq!(outputs, [1, usize::from(shape != Asked::InOnly)]);
        }
    }
}
