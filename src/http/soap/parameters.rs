//! Reads the parameters of an operation, in any order and any namespace, each at most once unless it is
//! repeatable. They are short and kept in memory, except a file (`file_element.rs`).
//!
//! Like the original, this rejects unknown names; the message lists the valid ones.

use std::io::Read;

use crate::http::soap::elements::is_nil;
use crate::http::soap::elements::{TEXT_LIMIT, next_child, read_text};
use crate::http::soap::fault::Fault;
use crate::http::soap::file_element::FileElement;
use crate::http::soap::operation::{Entry, Shape};
use crate::http::soap::xml::{Element, XmlReader};
use crate::passwords::secret::Secret;
use crate::quoted;
use crate::wire::spool::SpoolSettings;

/// Maximum number of values of a repeatable parameter.
const REPEATS: usize = 10_000;

/// Maximum size of all parameters together, in bytes.
const BYTES: usize = 16 * TEXT_LIMIT;

/// A value. It may be a password, so it does not implement `Debug`.
enum Value {
    Text(Secret),
    Bean(Vec<(String, Secret)>),
    File(FileElement),
}

/// The parameters of a call. A parameter that is nil counts as absent.
pub struct Parameters {
    operation: &'static str,
    values: Vec<(&'static str, Value)>,
}

impl Parameters {
    /// Reads the parameters of the operation that has just begun, in any order and any namespace.
    ///
    /// # Errors
    /// A parameter is unknown, comes too often, or has the wrong shape.
    pub fn read<R: Read>(
        entry: &'static Entry,
        xml: &mut XmlReader<R>,
        spool: &SpoolSettings,
    ) -> Result<Self, Fault> {
        let mut parameters = Parameters {
            operation: entry.name,
            values: Vec::new(),
        };
        let mut seen: Vec<&str> = Vec::new();
        let mut bytes = 0;
        while let Some(element) = next_child(xml, entry.name)? {
            let Some((name, shape)) = entry
                .parameters
                .iter()
                .find(|(name, _)| *name == element.local)
            else {
                return Err(unknown_parameter(entry, &element.local));
            };
            let times = seen.iter().filter(|before| *before == name).count();
            let max = match shape {
                Shape::Text | Shape::File => 1,
                Shape::Texts | Shape::Beans => REPEATS,
            };
            if times >= max {
                return Err(repeated_parameter(name));
            }
            seen.push(name);
            let value = match shape {
                Shape::Beans => read_bean(&element, xml)?.map(Value::Bean),
                Shape::Text | Shape::Texts => text(&element, xml)?.map(Value::Text),
                Shape::File => {
                    let file = FileElement::read(name, &element, xml, spool)?;
                    Some(Value::File(file))
                }
            };
            if let Some(value) = value {
                bytes += value.len();
                if bytes > BYTES {
                    return Err(parameter_fault(format!(
                        "The parameters of {} are longer than {BYTES} bytes together.",
                        entry.name
                    )));
                }
                parameters.values.push((name, value));
            }
        }
        Ok(parameters)
    }

    /// The text of a parameter, if it was sent.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.texts(name).next()
    }

    /// The text of a parameter that must be present and not blank.
    ///
    /// # Errors
    /// It is absent or blank.
    pub fn required(&self, name: &str) -> Result<&str, Fault> {
        self.text(name)
            .filter(|text| !text.trim().is_empty())
            .ok_or_else(|| {
                let operation = self.operation;
                Fault::operation(
                    "IMP-SOAP-PARAMETER",
                    format!(
                        "Required data not provided. The parameter {name} of {operation} is missing \
                         or blank."
                    ),
                )
            })
    }

    /// Takes a secret parameter out, so that no other copy remains, if it was sent.
    pub fn take_secret(&mut self, name: &str) -> Option<Secret> {
        let matches =
            |(found, value): &(&str, Value)| *found == name && matches!(value, Value::Text(_));
        let position = self.values.iter().position(matches)?;
        match self.values.swap_remove(position).1 {
            Value::Text(text) => Some(text),
            Value::Bean(_) | Value::File(_) => None,
        }
    }

    /// The file in the parameter `name`, or its reference.
    pub fn take_file(&mut self, name: &'static str) -> FileElement {
        let matches =
            |(_, value): &(&str, Value)| matches!(value, Value::File(file) if file.name == name);
        let found = self.values.iter().position(matches);
        match found.map(|position| self.values.swap_remove(position).1) {
            Some(Value::File(file)) => file,
            _ => FileElement::absent(name),
        }
    }

    /// All texts of a repeatable parameter.
    pub fn texts<'p>(&'p self, name: &str) -> impl Iterator<Item = &'p str> {
        self.values
            .iter()
            .filter_map(move |(found, value)| match value {
                Value::Text(text) if *found == name => Some(text.expose()),
                _ => None,
            })
    }

    /// Two fields of each bean of a repeatable parameter; an absent field is empty.
    pub fn pairs(&self, name: &str, fields: (&str, &str)) -> Vec<(String, String)> {
        let field = |bean: &[(String, Secret)], wanted: &str| {
            let found = bean.iter().find(|(field, _)| field == wanted);
            found.map_or_else(String::new, |(_, value)| value.expose().to_owned())
        };
        let bean = |(found, value): &(&str, Value)| match value {
            Value::Bean(bean) if *found == name => {
                Some((field(bean, fields.0), field(bean, fields.1)))
            }
            _ => None,
        };
        self.values.iter().filter_map(bean).collect()
    }

    /// An integer (xs:int), if it was sent.
    ///
    /// # Errors
    /// It is not an integer.
    pub fn int(&self, name: &str) -> Result<Option<i32>, Fault> {
        let Some(text) = self
            .text(name)
            .map(str::trim)
            .filter(|text| !text.is_empty())
        else {
            return Ok(None);
        };
        let number = text.parse().map_err(|_| {
            parameter_fault(format!(
                "The parameter {name} must be an integer such as 100."
            ))
        })?;
        Ok(Some(number))
    }

    /// A non-negative integer (xs:unsignedLong), if it was sent.
    ///
    /// # Errors
    /// It is not a non-negative integer; a blank value is an error too.
    pub fn number(&self, name: &str) -> Result<Option<u64>, Fault> {
        let Some(text) = self.text(name) else {
            return Ok(None);
        };
        let number = text.trim().parse().map_err(|_| {
            parameter_fault(format!(
                "The parameter {name} must be a non-negative integer such as 100, or absent."
            ))
        })?;
        Ok(Some(number))
    }

    /// A boolean (xs:boolean), if it was sent.
    ///
    /// # Errors
    /// It is not a boolean; a blank value is an error too.
    pub fn flag(&self, name: &str) -> Result<Option<bool>, Fault> {
        match self.text(name).map(str::trim) {
            None => Ok(None),
            Some("false" | "0") => Ok(Some(false)),
            Some("true" | "1") => Ok(Some(true)),
            Some(_) => Err(parameter_fault(format!(
                "The parameter {name} must be true or false, or absent."
            ))),
        }
    }

    /// A boolean of the original's operations; false if absent or blank.
    ///
    /// # Errors
    /// It is not a boolean.
    pub fn boolean(&self, name: &str) -> Result<bool, Fault> {
        match self.text(name).map(str::trim) {
            None | Some("" | "false" | "0") => Ok(false),
            Some("true" | "1") => Ok(true),
            Some(_) => Err(parameter_fault(format!(
                "The parameter {name} must be true or false."
            ))),
        }
    }
}

impl Value {
    fn len(&self) -> usize {
        match self {
            Value::Text(text) => text.expose().len(),
            Value::Bean(fields) => fields
                .iter()
                .map(|(name, value)| name.len() + value.expose().len())
                .sum(),
            // In a spool, which has its own limit.
            Value::File(_) => 0,
        }
    }
}

/// The text of a parameter; none if it has `xsi:nil`.
///
/// # Errors
/// It contains an element, or is too long.
fn text<R: Read>(element: &Element, xml: &mut XmlReader<R>) -> Result<Option<Secret>, Fault> {
    let text = Secret::new(read_text(xml, &element.local)?);
    Ok((!is_nil(element)).then_some(text))
}

fn read_bean<R: Read>(
    element: &Element,
    xml: &mut XmlReader<R>,
) -> Result<Option<Vec<(String, Secret)>>, Fault> {
    let mut fields: Vec<(String, Secret)> = Vec::new();
    while let Some(field) = next_child(xml, &element.local)? {
        if fields.iter().any(|(name, _)| *name == field.local) {
            return Err(repeated_parameter(&field.local));
        }
        if let Some(value) = text(&field, xml)? {
            fields.push((field.local, value));
        }
    }
    Ok((!is_nil(element)).then_some(fields))
}

/// The fault for an unknown parameter.
fn unknown_parameter(entry: &Entry, name: &str) -> Fault {
    let names: Vec<&str> = entry.parameters.iter().map(|(name, _)| *name).collect();
    let known = match names.as_slice() {
        [] => "no parameters".to_owned(),
        [only] => (*only).to_owned(),
        [all @ .., last] => format!("{} and {last}", all.join(", ")),
    };
    parameter_fault(format!(
        "Unknown parameter {}; {} has {known}.",
        quoted::word(name),
        entry.name
    ))
}

/// The fault for a repeated parameter.
fn repeated_parameter(name: &str) -> Fault {
    let name = quoted::word(name);
    parameter_fault(format!("The parameter {name} occurs twice; send it once."))
}

/// The fault for an invalid value of a parameter.
pub fn parameter_fault(message: String) -> Fault {
    Fault::client("IMP-SOAP-PARAMETER", message)
}
