//! The parameters of an operation, in any order and any namespace, each at most once unless it can be
//! repeated. They are short and read whole, but for a file (`file_element.rs`).
//!
//! The original refuses names it does not know, and so does this, with a sentence that lists the right
//! ones.

use crate::http::soap::elements::is_nil;
use std::io::Read;

use crate::http::soap::elements::{TEXT_LIMIT, next_child, read_text};
use crate::http::soap::fault::Fault;
use crate::http::soap::file_element::FileElement;
use crate::http::soap::operation::{Entry, Shape};
use crate::http::soap::xml::{Element, XmlReader};
use crate::passwords::secret::Secret;
use crate::quoted;
use crate::wire::spool::SpoolSettings;

/// How often a repeatable parameter may come.
const REPEATS: usize = 10_000;

/// Bytes that all parameters together may have.
const BYTES: usize = 16 * TEXT_LIMIT;

/// A value; it may be a password, so it has no debug output.
enum Value {
    Text(Secret),
    Bean(Vec<(String, Secret)>),
    File(FileElement),
}

/// What a call was sent with. A parameter that is nil is as one that is absent.
pub struct Parameters {
    operation: &'static str,
    values: Vec<(&'static str, Value)>,
}

impl Parameters {
    /// Reads the parameters of the operation that has just begun, in any order and any namespace.
    ///
    /// # Errors
    /// One of them is unknown, comes too often, or is not of its shape.
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
            let most = match shape {
                Shape::Text | Shape::File => 1,
                Shape::Texts | Shape::Beans => REPEATS,
            };
            if times >= most {
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

    /// The text of a parameter that has to be there and not blank.
    ///
    /// # Errors
    /// It is not.
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

    /// A parameter that nobody else is to have, if it was sent.
    pub fn take_secret(&mut self, name: &str) -> Option<Secret> {
        let is_it =
            |(found, value): &(&str, Value)| *found == name && matches!(value, Value::Text(_));
        let position = self.values.iter().position(is_it)?;
        match self.values.swap_remove(position).1 {
            Value::Text(text) => Some(text),
            Value::Bean(_) | Value::File(_) => None,
        }
    }

    /// The file in the parameter `name`, or where it is.
    pub fn take_file(&mut self, name: &'static str) -> FileElement {
        let is_it =
            |(_, value): &(&str, Value)| matches!(value, Value::File(file) if file.name == name);
        let found = self.values.iter().position(is_it);
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

    /// Two fields of every bean of a repeatable parameter; an absent one is empty.
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

    /// A whole number (xs:int), if it was sent.
    ///
    /// # Errors
    /// It is no such number.
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
                "The parameter {name} has to be a whole number such as 100."
            ))
        })?;
        Ok(Some(number))
    }

    /// A whole number that is not negative (xs:unsignedLong), if it was sent.
    ///
    /// # Errors
    /// It is no such number; neither is a blank.
    pub fn number(&self, name: &str) -> Result<Option<u64>, Fault> {
        let Some(text) = self.text(name) else {
            return Ok(None);
        };
        let number = text.trim().parse().map_err(|_| {
            parameter_fault(format!(
                "The parameter {name} has to be a whole number such as 100, or left out."
            ))
        })?;
        Ok(Some(number))
    }

    /// A truth value (xs:boolean), if it was sent.
    ///
    /// # Errors
    /// It is none; neither is a blank.
    pub fn flag(&self, name: &str) -> Result<Option<bool>, Fault> {
        match self.text(name).map(str::trim) {
            None => Ok(None),
            Some("false" | "0") => Ok(Some(false)),
            Some("true" | "1") => Ok(Some(true)),
            Some(_) => Err(parameter_fault(format!(
                "The parameter {name} has to be true or false, or left out."
            ))),
        }
    }

    /// A truth value of the original's; one that was not sent or is blank is false.
    ///
    /// # Errors
    /// It is none.
    pub fn boolean(&self, name: &str) -> Result<bool, Fault> {
        match self.text(name).map(str::trim) {
            None | Some("" | "false" | "0") => Ok(false),
            Some("true" | "1") => Ok(true),
            Some(_) => Err(parameter_fault(format!(
                "The parameter {name} has to be true or false."
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
            // Put aside, where it has a limit of its own.
            Value::File(_) => 0,
        }
    }
}

/// The text of a parameter; `xsi:nil` is none.
///
/// # Errors
/// It holds an element, or is too long.
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

/// The fault for a name that the operation does not have.
fn unknown_parameter(entry: &Entry, name: &str) -> Fault {
    let names: Vec<&str> = entry.parameters.iter().map(|(name, _)| *name).collect();
    let known = match names.as_slice() {
        [] => "no parameters".to_owned(),
        [only] => (*only).to_owned(),
        [all @ .., last] => format!("{} and {last}", all.join(", ")),
    };
    parameter_fault(format!(
        "There is no parameter {}; {} has {known}.",
        quoted::word(name),
        entry.name
    ))
}

/// The fault for a parameter that comes again.
fn repeated_parameter(name: &str) -> Fault {
    let name = quoted::word(name);
    parameter_fault(format!("The parameter {name} comes twice; send it once."))
}

/// The fault for a value that is not what the parameter takes.
pub fn parameter_fault(message: String) -> Fault {
    Fault::client("IMP-SOAP-PARAMETER", message)
}
