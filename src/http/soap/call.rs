//! One call from its first byte to its answer, on one blocking thread.

use std::cell::Cell;
use std::io::{self, Read};
use std::rc::Rc;

use crate::access::gate::Caller;
use crate::app::App;
use crate::formats::kind::FileKind;
use crate::http::soap::addressing::Addressing;
use crate::http::soap::answer::{Answer, Done};
use crate::http::soap::beans::nil_return;
use crate::http::soap::bulk_import_users::{self, BulkImportUsers, Handler};
use crate::http::soap::charset;
use crate::http::soap::companions::{self, Companion};
use crate::http::soap::envelope::{self, Header};
use crate::http::soap::fault::Fault;
use crate::http::soap::head::{Form, Head};
use crate::http::soap::mtom::{Related, file_of_bare_envelope};
use crate::http::soap::operation::{Entry, Operation};
use crate::http::soap::parameters::Parameters;
use crate::http::soap::security::Verifier;
use crate::http::soap::service::Service;
use crate::http::soap::settings::Settings;
use crate::http::soap::version::SoapVersion;
use crate::http::soap::xml::{XmlLimits, XmlReader};
use crate::import::jobs::{Ended, can_be_key};
use crate::import::report::Report;
use crate::import::request::ImportRequest;
use crate::users::import_record::{Door, ImportState};
use crate::users::operator::Role;
use crate::users::options::ImportOptions;
use crate::wire::error::WireError;
use crate::wire::inflate;

/// Bytes in which a sender who has no HTTP credentials has to say who is calling.
const STRANGERS_BYTES: u64 = 1024 * 1024;

/// A call and all it needs.
#[derive(Debug)]
pub struct Call<'a> {
    /// The service that is called.
    pub service: Service,
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

/// What an envelope asks for, by whom where that matters.
enum Asked {
    /// The import of the file that the handler holds or names.
    Import(&'static Entry, Box<ImportRequest>, Handler),
    /// Something small.
    Companion(&'static Entry, Parameters, Caller),
    /// A session.
    Login(&'static Entry, Parameters),
    /// The end of one.
    Logout(&'static Entry),
}

impl Call<'_> {
    /// Reads the message, imports the file, answers.
    pub fn answer(&self, body: impl Read) -> Answer {
        let strangers_bytes = self.caller.is_none().then_some(STRANGERS_BYTES);
        let mut progress = Progress {
            version: self.head.version(),
            strangers_bytes: Rc::new(Cell::new(strangers_bytes)),
            addressing: None,
        };
        let form = self.head.form();
        let result = form.and_then(|form| self.serve(&form, body, &mut progress));
        let (version, addressing) = (progress.version, progress.addressing.as_ref());
        let fault = match result {
            Ok(done) => return Answer::success(version, addressing, done, self.settings),
            // Whatever else is wrong with it: whoever has not said who is calling is asked that first.
            Err(fault)
                if self.service.asks_for_credentials()
                    && progress.is_stranger()
                    && fault.yields_to_the_challenge() =>
            {
                return Answer::challenge();
            }
            Err(fault) => {
                tracing::info!(rule = fault.rule, "call refused");
                fault
            }
        };
        Answer::fault(version, addressing, &fault, self.settings)
    }

    fn serve(&self, form: &Form, body: impl Read, progress: &mut Progress) -> Result<Done, Fault> {
        let encoding = self.head.content_encoding.as_deref();
        let body = inflate::decode(encoding, body, self.body_limit)?;
        let body = progress.watch(body);
        match form {
            Form::Related(related) => {
                let mut message = Related::new(related, body)?;
                let spool = self.caller.as_ref().map(|_| &self.app.spool);
                let (root, charset) = message.root(spool)?;
                match self.read_envelope(root, charset.as_deref(), progress)? {
                    Asked::Import(entry, request, handler) => {
                        let unreferenced = self.settings.take_unreferenced_attachment;
                        self.import(
                            entry,
                            *request,
                            message.file(handler, unreferenced)?,
                            progress,
                        )
                    }
                    other => {
                        message.drain()?;
                        self.carry_out(other)
                    }
                }
            }
            Form::Bare(bare) => match self.read_envelope(body, bare.param("charset"), progress)? {
                Asked::Import(entry, request, handler) => {
                    self.import(entry, *request, file_of_bare_envelope(handler)?, progress)
                }
                other => self.carry_out(other),
            },
        }
    }

    fn read_envelope(
        &self,
        source: impl Read,
        charset: Option<&str>,
        progress: &mut Progress,
    ) -> Result<Asked, Fault> {
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
            if !self.service.asks_for_credentials() {
                let entry = Entry::find(self.service, element)?;
                let parameters = Parameters::read(entry, xml)?;
                return Ok(match entry.operation {
                    Operation::Logout => Asked::Logout(entry),
                    _ => Asked::Login(entry, parameters),
                });
            }
            let caller = self.identify(header)?;
            strangers_bytes.set(None);
            let entry = Entry::find(self.service, element)?;
            if let Some(addressing) = addressing {
                addressing.operation = Some(entry.name);
            }
            if entry
                .right
                .is_some_and(|right| !caller.role.includes(right))
            {
                return Err(Fault::access_denied());
            }
            if entry.operation != Operation::BulkImportUsers {
                return Ok(Asked::Companion(
                    entry,
                    Parameters::read(entry, xml)?,
                    caller,
                ));
            }
            let call = bulk_import_users::read(entry, xml, &self.app.spool)?;
            let (request, handler) = self.request(call, &caller)?;
            Ok(Asked::Import(entry, Box::new(request), handler))
        })
    }

    fn import(
        &self,
        entry: &'static Entry,
        mut request: ImportRequest,
        file: impl Read,
        progress: &Progress,
    ) -> Result<Done, Fault> {
        // Nobody sends it to be told that it is too long.
        let message_id = || {
            let id = progress.addressing.as_ref()?.message_id.clone();
            id.filter(|id| can_be_key(id))
        };
        request.key = self.head.key.clone().or_else(message_id);
        let organization = request.organization.clone();
        let ended = match self.head.respond_async {
            true => self.app.jobs.queue(request, file)?,
            false => self.app.jobs.run(request, file)?,
        };
        let report = match ended {
            Ended::Ran(report) => *report,
            Ended::Recorded(record) => {
                let most = self.settings.problems_in_fault;
                let store = &self.app.store;
                let findings = store.findings(&organization, record.id, 0, most)?;
                Report::of_record(&record, findings)
            }
        };
        match report.state {
            ImportState::Completed if report.counters.clean() => {}
            ImportState::Completed => return Err(Fault::completed_with_errors(report)),
            ImportState::Queued if self.head.respond_async => {}
            ImportState::Running if self.head.respond_async => {}
            _ => return Err(Fault::earlier_call(report)),
        }
        let done = Done::new(entry, nil_return());
        Ok(Done {
            report: Some(report),
            ..done
        })
    }

    /// What does not need the rest of the message.
    fn carry_out(&self, asked: Asked) -> Result<Done, Fault> {
        match asked {
            Asked::Companion(entry, parameters, caller) => Companion {
                app: self.app,
                settings: self.settings,
                caller: &caller,
            }
            .run(entry, &parameters),
            Asked::Login(entry, parameters) => companions::log_in(self.app, entry, &parameters),
            Asked::Logout(entry) => Ok(companions::log_out(
                self.app,
                entry,
                self.head.session.as_deref(),
            )),
            Asked::Import(..) => Err(Fault::server(
                "IMP-INTERNAL",
                "The import was led astray; nothing was stored.",
            )),
        }
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
        if FileKind::called(&file_name).is_none() {
            return Err(Fault::operation(
                "IMP-FILE-FORMAT",
                "Unsupported format. The fileName has to end in csv, xlsx or xls, and the file has to \
                 be what it ends in.",
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
            options: ImportOptions::default(),
            key: None,
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
