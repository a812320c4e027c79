//! Parses the response: a SOAP response, a SOAP 1.1 or 1.2 fault, and the additional details of a Muster server.

use std::io::{self, Write};
use std::time::Duration;

use crate::cli::output;
use crate::cli::send::client::Received;
use crate::http::soap::fault_xml::FAULT_NAMESPACE;
use crate::http::soap::xml::{Element, XmlEvent, XmlLimits, XmlReader};
use crate::users::problem::{Problem, Severity};

/// The beginning of the original service's message about an import with failed rows.
const COMPLETED_WITH_ERRORS: &str = "Bulk User Import was completed with Errors";

/// Maximum size of a non-SOAP response that is shown, in bytes.
const SHOWN: usize = 2_000;

/// The result of the import.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pending {
    /// Every row created a user.
    Clean,
    /// Some rows failed.
    SomeFailed,
    /// Nothing was stored.
    NothingDone,
}

/// A response.
#[derive(Debug, Default)]
pub(super) struct Answer {
    success: bool,
    fault: Option<Fault>,
    /// The members of the header field `Muster-Import`.
    import: Vec<(String, String)>,
}

/// A SOAP fault.
#[derive(Debug, Default)]
struct Fault {
    code: String,
    text: String,
    own: Option<OwnDetail>,
}

/// The Muster-specific detail of a fault.
#[derive(Debug, Default)]
struct OwnDetail {
    code: String,
    rows_stored: u64,
    import: String,
    state: String,
    problems: Vec<Problem>,
    problems_total: u64,
}

impl Answer {
    /// Parses a response.
    pub(super) fn read(received: &Received) -> Self {
        let fault = Reading::of(&received.body);
        let success = matches!(received.status, 200..=299) && fault.is_none();
        Answer {
            success,
            fault,
            import: received
                .header("muster-import")
                .map(dictionary)
                .unwrap_or_default(),
        }
    }

    /// The result of the import, as far as the server reports it.
    pub(super) fn ending(&self) -> Pending {
        if self.success {
            return Pending::Clean;
        }
        let own = self.fault.as_ref().and_then(|fault| fault.own.as_ref());
        let stored = own.is_some_and(|own| own.rows_stored > 0 || own.state == "completed")
            || self.member("state") == Some("completed")
            || self.member("created").is_some_and(|created| created != "0");
        let original = self
            .fault
            .as_ref()
            .is_some_and(|fault| fault.text.contains(COMPLETED_WITH_ERRORS));
        match stored || original {
            true => Pending::SomeFailed,
            false => Pending::NothingDone,
        }
    }

    /// Writes the response for the user.
    pub(super) fn write(
        &self,
        out: &mut dyn Write,
        received: &Received,
        took: Duration,
    ) -> io::Result<()> {
        let (status, seconds) = (received.status, took.as_secs_f64());
        match &self.fault {
            None if self.success => writeln!(out, "done: HTTP {status} after {seconds:.2} s")?,
            None => write_foreign(out, received)?,
            Some(fault) => {
                let code = output::plain(&fault.code);
                writeln!(out, "fault {code}: HTTP {status} after {seconds:.2} s")?;
                writeln!(out, "{}", output::plain(&fault.text))?;
            }
        }
        self.write_import(out)?;
        let Some(own) = self.fault.as_ref().and_then(|fault| fault.own.as_ref()) else {
            return Ok(());
        };
        writeln!(out, "code {}", output::plain(&own.code))?;
        if !own.problems.is_empty() {
            output::write_table(out, &output::findings(&own.problems), "")?;
            let left = own.problems_total.saturating_sub(own.problems.len() as u64);
            if left > 0 {
                writeln!(
                    out,
                    "… and {left} more; run `muster imports show {}` on the server to list them",
                    output::plain(&own.import)
                )?;
            }
        }
        Ok(())
    }

    fn write_import(&self, out: &mut dyn Write) -> io::Result<()> {
        if let Some(id) = self.member("id") {
            let counters: Vec<String> = self
                .import
                .iter()
                .filter(|(name, _)| !matches!(name.as_str(), "id" | "state"))
                .map(|(name, value)| format!("{value} {name}"))
                .collect();
            let state = output::plain(self.member("state").unwrap_or_default());
            let counters = output::plain(&counters.join(", "));
            return writeln!(out, "import {} {state}: {counters}", output::plain(id));
        }
        let own = self.fault.as_ref().and_then(|fault| fault.own.as_ref());
        match own.filter(|own| !own.import.is_empty()) {
            Some(own) => {
                let (import, state) = (output::plain(&own.import), output::plain(&own.state));
                writeln!(out, "import {import} {state}: {} stored", own.rows_stored)
            }
            None => Ok(()),
        }
    }

    fn member(&self, name: &str) -> Option<&str> {
        let found = self.import.iter().find(|(found, _)| found == name);
        found.map(|(_, value)| value.as_str())
    }
}

/// Writes a response that is not SOAP, such as a proxy's.
fn write_foreign(out: &mut dyn Write, received: &Received) -> io::Result<()> {
    let Received { status, reason, .. } = received;
    writeln!(
        out,
        "refused: HTTP {status} {reason}, without a SOAP message"
    )?;
    if let Some(place) = received.header("location") {
        let place = output::plain(place);
        writeln!(out, "the server redirects to {place}; use that as --url")?;
    }
    if *status == 401 {
        writeln!(out, "the server rejected this name and password")?;
    }
    let text: String = received.body.trim().chars().take(SHOWN).collect();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        writeln!(out, "  {}", output::plain(line))?;
    }
    Ok(())
}

/// Parses a dictionary of structured fields (RFC 9651 §3.2), in the subset that Muster writes.
fn dictionary(field: &str) -> Vec<(String, String)> {
    let member = |member: &str| {
        let (name, value) = member.trim().split_once('=')?;
        Some((name.to_owned(), value.trim_matches('"').to_owned()))
    };
    field.split(',').filter_map(member).collect()
}

/// Walks through an envelope and collects the content of a fault.
struct Reading {
    /// Local names of the open elements.
    path: Vec<String>,
    text: String,
    problem: Option<Problem>,
    fault: Option<Fault>,
}

impl Reading {
    /// The fault in the body, if `body` is an envelope with a fault. Unreadable text is not a fault.
    fn of(body: &str) -> Option<Fault> {
        let mut xml = XmlReader::new(body.trim_start().as_bytes(), XmlLimits::default());
        let mut reading = Reading {
            path: Vec::new(),
            text: String::new(),
            problem: None,
            fault: None,
        };
        loop {
            match xml.next() {
                Ok(XmlEvent::Start(element)) => reading.start(&element),
                Ok(XmlEvent::Text(piece)) => reading.text.push_str(piece),
                Ok(XmlEvent::End) => reading.end(),
                Ok(XmlEvent::Eof) | Err(_) => return reading.fault,
            }
        }
    }

    fn start(&mut self, element: &Element) {
        self.path.push(element.local.clone());
        self.text.clear();
        if element.local == "Fault" && self.path.len() == 3 {
            self.fault = Some(Fault::default());
        }
        if element.is(FAULT_NAMESPACE, "importFault")
            && let Some(fault) = &mut self.fault
        {
            fault.own = Some(OwnDetail::default());
        }
        let attribute = |name| element.attribute(None, name).map(str::to_owned);
        let own = self.fault.as_mut().and_then(|fault| fault.own.as_mut());
        if let Some(own) = own {
            if element.is(FAULT_NAMESPACE, "problems") {
                own.problems_total = number(attribute("total"));
            }
            if element.is(FAULT_NAMESPACE, "problem") {
                let kind = attribute("kind").unwrap_or_default();
                self.problem = Some(Problem {
                    line: number(attribute("line")),
                    column: attribute("column").map(Into::into),
                    severity: Severity::parse(&kind).unwrap_or(Severity::Failed),
                    code: attribute("code").unwrap_or_default().into(),
                    message: String::new(),
                    user_name: attribute("userName"),
                });
            }
        }
    }

    fn end(&mut self) {
        let text = std::mem::take(&mut self.text);
        let Some(name) = self.path.pop() else { return };
        let Some(fault) = &mut self.fault else { return };
        let parent = self.path.last().map_or("", String::as_str);
        match (parent, name.as_str()) {
            (_, "faultcode") | ("Code", "Value") => fault.code = text.trim().to_owned(),
            (_, "faultstring") | ("Reason", "Text") => fault.text = text.trim().to_owned(),
            _ => {}
        }
        let Some(own) = &mut fault.own else { return };
        match (parent, name.as_str()) {
            ("importFault", "code") => own.code = text,
            ("importFault", "rowsStored") => own.rows_stored = number(Some(text)),
            ("importFault", "import") => own.import = text,
            ("importFault", "state") => own.state = text,
            ("problems", "problem") => {
                if let Some(mut problem) = self.problem.take() {
                    problem.message = text;
                    own.problems.push(problem);
                }
            }
            _ => {}
        }
    }
}

fn number(text: Option<String>) -> u64 {
    text.and_then(|text| text.trim().parse().ok())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str, import: Option<&str>) -> Answer {
        let headers = import.map(|value| ("muster-import".to_owned(), value.to_owned()));
        Answer::read(&Received {
            status,
            reason: String::new(),
            headers: headers.into_iter().collect(),
            body: body.to_owned(),
        })
    }

    #[test]
    fn message_of_the_original_service_means_that_some_rows_failed() {
        let body = |text: &str| {
            format!(
                "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Body><s:Fault>\
                 <faultcode>s:Server</faultcode><faultstring>{text}</faultstring><detail/></s:Fault>\
                 </s:Body></s:Envelope>"
            )
        };
        let some = body(
            "Bulk User Import was completed with Errors. Success count : 1,  Failed Count : 1, \
             Duplicate Count : 0.",
        );
        assert_eq!(answer(500, &some, None).ending(), Pending::SomeFailed);
        let none = body("Access Denied.");
        assert_eq!(answer(500, &none, None).ending(), Pending::NothingDone);
    }

    #[test]
    fn response_without_soap_succeeds_only_by_its_status() {
        assert_eq!(answer(202, "", None).ending(), Pending::Clean);
        assert_eq!(
            answer(502, "<html>bad", None).ending(),
            Pending::NothingDone
        );
        assert_eq!(answer(302, "", None).ending(), Pending::NothingDone);
    }

    #[test]
    fn fault_with_status_200_is_a_fault() {
        let body = "<e:Envelope xmlns:e=\"http://www.w3.org/2003/05/soap-envelope\"><e:Body><e:Fault>\
            <e:Code><e:Value>e:Sender</e:Value></e:Code><e:Reason><e:Text>no</e:Text></e:Reason>\
            </e:Fault></e:Body></e:Envelope>";
        let answer = answer(200, body, None);
        let fault = answer.fault.as_ref().unwrap();
        assert_eq!(
            (fault.code.as_str(), fault.text.as_str()),
            ("e:Sender", "no")
        );
        assert_eq!(answer.ending(), Pending::NothingDone);
    }

    #[test]
    fn muster_import_field_is_a_dictionary() {
        let field = "id=\"7\", state=interrupted, created=3";
        let answer = answer(500, "", Some(field));
        assert_eq!(answer.member("id"), Some("7"));
        assert_eq!(answer.ending(), Pending::SomeFailed);
    }
}
