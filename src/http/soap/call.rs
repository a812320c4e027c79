//! One call from its first byte to its answer, on one blocking thread.

use std::io::Read;

use crate::access::gate::Caller;
use crate::app::App;
use crate::http::soap::answer::Answer;
use crate::http::soap::envelope::{self, Addressing, Envelope};
use crate::http::soap::fault::Fault;
use crate::http::soap::mtom::{Related, file_of_bare_envelope};
use crate::http::soap::operation::{self, BulkImportUsers};
use crate::http::soap::settings::Settings;
use crate::http::soap::version::SoapVersion;
use crate::http::soap::xml::{XmlLimits, XmlReader};
use crate::import::report::Report;
use crate::import::request::ImportRequest;
use crate::users::import_record::Door;
use crate::users::operator::Role;
use crate::wire::error::WireError;
use crate::wire::inflate;
use crate::wire::media_type::MediaType;

/// What the HTTP head says of the body.
#[derive(Debug, Clone, Default)]
pub struct Head {
    /// `Content-Type`.
    pub content_type: Option<String>,
    /// `Content-Encoding`.
    pub content_encoding: Option<String>,
}

/// A call and all it needs.
#[derive(Debug)]
pub struct Call<'a> {
    /// The house.
    pub app: &'a App,
    /// `[soap]` of the settings.
    pub settings: &'a Settings,
    /// Who calls.
    pub caller: &'a Caller,
    /// What the HTTP head says.
    pub head: &'a Head,
    /// Bytes that the body may have.
    pub body_limit: u64,
}

impl Call<'_> {
    /// Reads the message, imports the file, answers.
    pub fn answer(&self, body: impl Read) -> Answer {
        let media_type = self
            .head
            .content_type
            .as_deref()
            .map(MediaType::parse)
            .transpose();
        let guess = media_type.as_ref().ok().and_then(Option::as_ref);
        let mut version = SoapVersion::guess(guess);
        let result = media_type
            .map_err(Fault::from)
            .and_then(|media_type| self.serve(media_type.as_ref(), body, &mut version));
        match result {
            Ok((addressing, report)) if report.counters.clean() => {
                Answer::success(version, addressing.as_ref(), &report, self.settings)
            }
            Ok((_, report)) => Answer::fault(
                version,
                &Fault::completed_with_errors(report),
                self.settings,
            ),
            Err(fault) => {
                tracing::info!(
                    rule = fault.rule,
                    operator = self.caller.name,
                    "call refused"
                );
                Answer::fault(version, &fault, self.settings)
            }
        }
    }

    fn serve(
        &self,
        media_type: Option<&MediaType>,
        body: impl Read,
        version: &mut SoapVersion,
    ) -> Result<(Option<Addressing>, Report), Fault> {
        let encoding = self.head.content_encoding.as_deref();
        match media_type {
            Some(related) if related.essence == "multipart/related" => {
                let body = inflate::decode(encoding, body, self.body_limit)?;
                let mut message = Related::new(related, body)?;
                let root = message.root(&self.app.spool)?;
                let Envelope {
                    addressing,
                    operation,
                } = self.read_envelope(root, version)?;
                let (request, handler) = self.request(operation)?;
                let file = message.file(handler)?;
                Ok((addressing, self.app.importer.run(request, file)?))
            }
            Some(bare) if is_envelope(&bare.essence) => {
                let body = inflate::decode(encoding, body, self.body_limit)?;
                let Envelope {
                    addressing,
                    operation,
                } = self.read_envelope(body, version)?;
                let (request, handler) = self.request(operation)?;
                let file = file_of_bare_envelope(handler)?;
                Ok((addressing, self.app.importer.run(request, file)?))
            }
            other => Err(unsupported(other)),
        }
    }

    fn read_envelope(
        &self,
        source: impl Read,
        version: &mut SoapVersion,
    ) -> Result<Envelope<BulkImportUsers>, Fault> {
        let mut xml = XmlReader::new(source, XmlLimits::default());
        envelope::read(&mut xml, version, |element, xml| {
            operation::read(element, xml, self.caller, &self.app.spool)
        })
    }

    /// Everything that can be refused without reading the file.
    fn request(&self, call: BulkImportUsers) -> Result<(ImportRequest, operation::Handler), Fault> {
        let file_name = call.file_name.filter(|name| !name.trim().is_empty()).ok_or_else(|| {
            Fault::operation(
                "IMP-FILE-NAME",
                "Required data not provided. The parameter fileName is missing; it tells the file's \
                 type by its end, such as users.csv.",
            )
        })?;
        if !file_name.trim().to_ascii_lowercase().ends_with("csv") {
            return Err(Fault::operation(
                "IMP-FILE-FORMAT",
                "Unsupported format. The fileName has to end in csv, and the file has to be CSV.",
            ));
        }
        let request = ImportRequest {
            organization: self.caller.organization.clone(),
            domain: self.app.domains.find(call.user_store_domain.as_deref())?,
            door: Door::Soap,
            operator: self.caller.name.clone(),
            may_grant_admin: self.caller.role == Role::Admin,
            file_name: file_name.trim().to_owned(),
            default_password: call.default_password,
            dry_run: false,
        };
        Ok((request, call.handler))
    }
}

/// The media types that an envelope travels under.
fn is_envelope(essence: &str) -> bool {
    matches!(
        essence,
        "text/xml" | "application/soap+xml" | "application/xml" | "application/xop+xml"
    )
}

fn unsupported(media_type: Option<&MediaType>) -> Fault {
    let found = match media_type {
        Some(media_type) => format!("The Content-Type {} is not taken here", media_type.essence),
        None => "The request has no Content-Type".to_owned(),
    };
    Fault::client(
        WireError::MediaType { what: "" }.code(),
        format!(
            "{found}; send text/xml, application/soap+xml, or multipart/related with the file as an \
             attachment."
        ),
    )
}
