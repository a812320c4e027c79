//! One call from its first byte to its answer, on one blocking thread.

use std::cell::Cell;
use std::io::{self, Read};
use std::rc::Rc;

use crate::access::gate::Caller;
use crate::app::App;
use crate::http::soap::addressing::Addressing;
use crate::http::soap::answer::Answer;
use crate::http::soap::charset;
use crate::http::soap::envelope::{self, Header};
use crate::http::soap::fault::Fault;
use crate::http::soap::mtom::{Related, file_of_bare_envelope};
use crate::http::soap::operation::{self, BulkImportUsers, Handler};
use crate::http::soap::security::Verifier;
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

/// Bytes in which a sender who has no HTTP credentials has to say who is calling.
const STRANGERS_BYTES: u64 = 1024 * 1024;

/// A call and all it needs.
#[derive(Debug)]
pub struct Call<'a> {
    /// The house.
    pub app: &'a App,
    /// `[soap]` of the settings.
    pub settings: &'a Settings,
    /// Who checks WS-Security headers.
    pub verifier: &'a Verifier,
    /// Who calls, when the HTTP head says so.
    pub caller: Option<Caller>,
    /// What the HTTP head says.
    pub head: &'a Head,
    /// Bytes that the body may have.
    pub body_limit: u64,
}

/// What is found out while the message is read.
struct Progress {
    version: SoapVersion,
    /// Bytes that may still be read while nobody has said who is calling; none: somebody has.
    strangers_bytes: Rc<Cell<Option<u64>>>,
    addressing: Option<Addressing>,
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
        let strangers_bytes = self.caller.is_none().then_some(STRANGERS_BYTES);
        let mut progress = Progress {
            version: SoapVersion::guess(guess),
            strangers_bytes: Rc::new(Cell::new(strangers_bytes)),
            addressing: None,
        };
        let result = media_type
            .map_err(Fault::from)
            .and_then(|media_type| self.serve(media_type.as_ref(), body, &mut progress));
        let (version, addressing) = (progress.version, progress.addressing.as_ref());
        let fault = match result {
            Ok(report) if report.counters.clean() => {
                return Answer::success(version, addressing, &report, self.settings);
            }
            Ok(report) => Fault::completed_with_errors(report),
            // Whatever else is wrong with it: whoever has not said who is calling is asked that first.
            Err(fault) if progress.is_stranger() && fault.yields_to_the_challenge() => {
                return Answer::challenge();
            }
            Err(fault) => {
                tracing::info!(rule = fault.rule, "call refused");
                fault
            }
        };
        Answer::fault(version, addressing, &fault, self.settings)
    }

    fn serve(
        &self,
        media_type: Option<&MediaType>,
        body: impl Read,
        progress: &mut Progress,
    ) -> Result<Report, Fault> {
        let encoding = self.head.content_encoding.as_deref();
        match media_type {
            Some(related) if related.essence == "multipart/related" => {
                let body = inflate::decode(encoding, body, self.body_limit)?;
                let body = progress.watch(body);
                let mut message = Related::new(related, body)?;
                let spool = self.caller.as_ref().map(|_| &self.app.spool);
                let (root, charset) = message.root(spool)?;
                let (request, handler) = self.read_envelope(root, charset.as_deref(), progress)?;
                let file = message.file(handler, self.settings.take_unreferenced_attachment)?;
                Ok(self.app.importer.run(request, file)?)
            }
            Some(bare) if is_envelope(&bare.essence) => {
                let body = inflate::decode(encoding, body, self.body_limit)?;
                let body = progress.watch(body);
                let (request, handler) =
                    self.read_envelope(body, bare.param("charset"), progress)?;
                let file = file_of_bare_envelope(handler)?;
                Ok(self.app.importer.run(request, file)?)
            }
            other => Err(unsupported(other)),
        }
    }

    fn read_envelope(
        &self,
        source: impl Read,
        charset: Option<&str>,
        progress: &mut Progress,
    ) -> Result<(ImportRequest, Handler), Fault> {
        let (source, declared) = charset::to_utf8(source, charset)?;
        let limits = XmlLimits::default();
        let mut xml = XmlReader::with_declared_encoding(source, limits, declared);
        let Progress {
            version,
            strangers_bytes,
            addressing,
        } = progress;
        envelope::read(&mut xml, version, |header, element, xml| {
            addressing.clone_from(&header.addressing);
            let caller = self.identify(header)?;
            strangers_bytes.set(None);
            let call = operation::read(element, xml, &caller, &self.app.spool)?;
            self.request(call, &caller)
        })
    }

    /// Who is calling: the HTTP head has said so, or the WS-Security header does.
    fn identify(&self, header: &Header) -> Result<Caller, Fault> {
        match (&self.caller, &header.security) {
            (Some(caller), _) => Ok(caller.clone()),
            (None, Some(security)) => self.verifier.caller(security, self.app),
            (None, None) => Err(Fault::no_credentials()),
        }
    }

    /// Everything that can be refused without reading the file.
    fn request(
        &self,
        call: BulkImportUsers,
        caller: &Caller,
    ) -> Result<(ImportRequest, Handler), Fault> {
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
            organization: caller.organization.clone(),
            domain: self.app.domains.find(call.user_store_domain.as_deref())?,
            door: Door::Soap,
            operator: caller.name.clone(),
            may_grant_admin: caller.role == Role::Admin,
            file_name: file_name.trim().to_owned(),
            default_password: call.default_password,
            generated_passwords: None,
            dry_run: false,
        };
        Ok((request, call.handler))
    }
}

impl Progress {
    fn is_stranger(&self) -> bool {
        self.strangers_bytes.get().is_some()
    }

    /// The body, of which a stranger may send only a little.
    fn watch<R: Read>(&self, body: R) -> Watched<R> {
        Watched {
            body,
            left: Rc::clone(&self.strangers_bytes),
        }
    }
}

struct Watched<R> {
    body: R,
    left: Rc<Cell<Option<u64>>>,
}

impl<R: Read> Read for Watched<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(left) = self.left.get() else {
            return self.body.read(buffer);
        };
        let most = buffer
            .len()
            .min(usize::try_from(left).unwrap_or(usize::MAX));
        if most == 0 && !buffer.is_empty() {
            return Err(WireError::HttpTooLarge {
                limit: STRANGERS_BYTES,
            }
            .into());
        }
        let count = self.body.read(buffer.get_mut(..most).unwrap_or_default())?;
        self.left.set(Some(left - count as u64));
        Ok(count)
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
