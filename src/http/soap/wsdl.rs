//! The WSDL, compiled in, with the addresses filled in that callers can use.
//!
//! Never with the request's own Host: a stranger could put any address into somebody's client.

/// Declares the answer, so that every tool takes it.
const WITH_OUTPUT: &str = include_str!("../../../wsdl/UserAdmin.wsdl");

/// The original's shape, without one.
const IN_ONLY: &str = include_str!("../../../wsdl/UserAdmin-in-only.wsdl");

/// Stands in the files for the base URL.
const PLACEHOLDER: &str = "@BASE_URL@";

/// What the query of a GET asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// The WSDL that declares an answer.
    WithOutput,
    /// The WSDL in the original's shape.
    InOnly,
    /// A schema: there is none, all of them stand in the WSDL.
    Schema,
    /// Neither.
    Nothing,
}

/// Reads the query: `wsdl` in any case, `shape=in-only`, `xsd=…`.
pub fn asked(query: &str) -> Asked {
    let names = || {
        query
            .split('&')
            .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
    };
    let has = |wanted: &str| names().any(|(name, _)| name.eq_ignore_ascii_case(wanted));
    if has("wsdl") {
        let in_only =
            names().any(|(name, value)| name.eq_ignore_ascii_case("shape") && value == "in-only");
        return if in_only {
            Asked::InOnly
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

/// The document for `asked`, with `base_url` in its addresses.
pub fn document(asked: Asked, base_url: &str) -> Option<String> {
    let text = match asked {
        Asked::WithOutput => WITH_OUTPUT,
        Asked::InOnly => IN_ONLY,
        Asked::Schema | Asked::Nothing => return None,
    };
    Some(text.replace(PLACEHOLDER, base_url))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_query_is_read_in_any_case() {
        assert_eq!(asked("wsdl"), Asked::WithOutput);
        assert_eq!(asked("WSDL"), Asked::WithOutput);
        assert_eq!(asked("wsdl&shape=in-only"), Asked::InOnly);
        assert_eq!(asked("xsd=xsd0"), Asked::Schema);
        assert_eq!(asked("x=wsdl"), Asked::Nothing);
    }

    #[test]
    fn both_documents_are_well_formed_and_have_the_address() {
        for (shape, outputs) in [(Asked::WithOutput, true), (Asked::InOnly, false)] {
            let text = document(shape, "https://users.example.com").unwrap();
            assert!(!text.contains(PLACEHOLDER));
            let wsdl = roxmltree::Document::parse(&text).unwrap();
            let addresses: Vec<&str> = wsdl
                .descendants()
                .filter(|node| node.tag_name().name() == "address")
                .filter_map(|node| node.attribute("location"))
                .collect();
            assert_eq!(addresses.len(), 3);
            assert_eq!(
                addresses[0],
                "https://users.example.com/services/UserAdmin.UserAdminHttpsSoap11Endpoint/"
            );
            let has = wsdl
                .descendants()
                .any(|node| node.tag_name().name() == "output");
            assert_eq!(has, outputs);
        }
    }
}
