//! The beans in answers, serialized like the original's: every field, in alphabetical order, absent ones
//! as nil.

use std::fmt::Write;

use crate::http::soap::namespace::COMMON;
use crate::http::soap::xml::escape::escape;

/// A field of a bean.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Field {
    /// Text; none is nil.
    Text(Option<String>),
    /// Text, any number of times.
    Texts(Vec<String>),
    /// A boolean.
    Boolean(bool),
    /// An integer.
    Int(i32),
    /// Other beans.
    Beans(Vec<Bean>),
}

/// A bean: its type in the namespace [`COMMON`], and its fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bean {
    kind: &'static str,
    fields: Vec<(&'static str, Field)>,
}

impl Bean {
    /// A bean of the type `kind`.
    pub fn new(kind: &'static str, fields: Vec<(&'static str, Field)>) -> Self {
        Bean { kind, fields }
    }

    /// The bean as one `return` of an answer; the prefix `ns` must be declared around it.
    pub fn to_return(&self) -> String {
        let kind = self.kind;
        let mut xml = format!(
            "<ns:return xmlns:ax=\"{COMMON}\" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" \
             xsi:type=\"ax:{kind}\">"
        );
        self.write_fields(&mut xml);
        xml.push_str("</ns:return>");
        xml
    }

    fn write_fields(&self, xml: &mut String) {
        for (name, field) in &self.fields {
            // Writing to a string does not fail.
            let _ = match field {
                Field::Text(Some(text)) => write!(xml, "<ax:{name}>{}</ax:{name}>", escape(text)),
                Field::Text(None) => write!(xml, "<ax:{name} xsi:nil=\"true\"/>"),
                Field::Boolean(truth) => write!(xml, "<ax:{name}>{truth}</ax:{name}>"),
                Field::Int(number) => write!(xml, "<ax:{name}>{number}</ax:{name}>"),
                Field::Texts(texts) => texts
                    .iter()
                    .try_for_each(|text| write!(xml, "<ax:{name}>{}</ax:{name}>", escape(text))),
                Field::Beans(beans) => {
                    for bean in beans {
                        let kind = bean.kind;
                        let _ = write!(xml, "<ax:{name} xsi:type=\"ax:{kind}\">");
                        bean.write_fields(xml);
                        let _ = write!(xml, "</ax:{name}>");
                    }
                    Ok(())
                }
            };
        }
    }
}

/// `FlaggedName`: a user or a role in a list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FlaggedName {
    /// The name as callers use it.
    pub item_name: String,
    /// The name as it is shown.
    pub item_display_name: String,
    /// The domain, where the original reports it.
    pub domain_name: Option<String>,
    /// `External` or `Internal` for a role.
    pub role_type: Option<&'static str>,
    /// Whether it can be changed.
    pub editable: bool,
    /// Whether the user in question has it.
    pub selected: bool,
}

impl FlaggedName {
    /// The last entry of a list, which is not a name: whether the list of `PRIMARY` was truncated, and the
    /// other domains whose lists were, separated by colons.
    pub fn last_entry(primary_truncated: bool, others_truncated: &[String]) -> Self {
        FlaggedName {
            item_name: primary_truncated.to_string(),
            item_display_name: others_truncated.join(":"),
            ..FlaggedName::default()
        }
    }

    /// The name as one `return` of an answer.
    pub fn to_return(&self) -> String {
        let text = |text: &str| Field::Text(Some(text.to_owned()));
        let fields = vec![
            ("dn", Field::Text(None)),
            ("domainName", Field::Text(self.domain_name.clone())),
            ("editable", Field::Boolean(self.editable)),
            ("itemDisplayName", text(&self.item_display_name)),
            ("itemName", text(&self.item_name)),
            ("readOnly", Field::Boolean(false)),
            ("roleType", Field::Text(self.role_type.map(str::to_owned))),
            ("selected", Field::Boolean(self.selected)),
            ("shared", Field::Boolean(false)),
        ];
        Bean::new("FlaggedName", fields).to_return()
    }
}

/// A text as one `return` of an answer.
pub fn text_return(text: &str) -> String {
    format!("<ns:return>{}</ns:return>", escape(text))
}

/// No value as the `return` of an answer.
pub fn nil_return() -> String {
    "<ns:return xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:nil=\"true\"/>".into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn last_entry_of_a_list_names_the_truncated_domains() {
        let tail = FlaggedName::last_entry(true, &["SALES".into(), "HR".into()]).to_return();
        assert!(tail.contains("<ax:itemName>true</ax:itemName>"), "{tail}");
        assert!(
            tail.contains("<ax:itemDisplayName>SALES:HR</ax:itemDisplayName>"),
            "{tail}"
        );
        assert!(tail.contains("<ax:domainName xsi:nil=\"true\"/>"), "{tail}");
    }

    #[test]
    fn text_is_escaped() {
        assert_eq!(text_return("a<b&c"), "<ns:return>a&lt;b&amp;c</ns:return>");
    }
}
