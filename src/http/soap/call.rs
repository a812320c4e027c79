//! One call from its first byte to the last step of its work, on one blocking thread, and its answer.

use std::cell::Cell;
use std::io::{self, Read};
use std::rc::Rc;
use std::sync::Arc;

use bytes::{Buf, Bytes};

use crate::access::gate::Caller;
use crate::app::App;
use crate::formats::charset::TextCharset;
use crate::http::soap::addressing::Addressing;
use crate::http::soap::answer::{Answer, Done};
use crate::http::soap::bulk_import_users;
use crate::http::soap::charset;
use crate::http::soap::companions::{self, Companion};
use crate::http::soap::envelope;
use crate::http::soap::fault::Fault;
use crate::http::soap::front_end::SoapFrontEnd;
use crate::http::soap::head::{Form, Head};
use crate::http::soap::import_call::{ImportCall, ImportWork};
use crate::http::soap::mtom::{Related, file_of_bare_envelope};
use crate::http::soap::operation::{Entry, Operation};
use crate::http::soap::parameters::Parameters;
use crate::http::soap::service::Service;
use crate::http::soap::user_import::{self, ImportDesk};
use crate::http::soap::version::SoapVersion;
use crate::http::soap::xml::{XmlLimits, XmlReader};
use crate::import::jobs::can_be_key;
use crate::import::pending::Pending;
use crate::wire::error::WireError;
use crate::wire::inflate;

/// Bytes in which a sender who has no HTTP credentials has to say who is calling.
pub const STRANGERS_BYTES: usize = 1024 * 1024;

/// Bytes of a body that is small: what it holds is read and judged in a millisecond or two, so that it may be
/// done on a thread that has other connections to look after.
const SMALL_BYTES: u64 = 8 * 1024;

/// A call and all it needs.
#[derive(Debug)]
pub struct Call {
    /// The service that is called.
    pub service: Service,
    /// The app.
    pub app: Arc<App>,
    /// What the slice needs besides.
    pub state: Arc<SoapFrontEnd>,
    /// Who calls, when that is known: the HTTP head has said so, or the envelope has.
    pub caller: Option<Caller>,
    /// Why the caller that the envelope names is not let in.
    pub refused: Option<Fault>,
    /// The session that a login has opened.
    pub session: Option<String>,
    /// What the HTTP head says.
    pub head: Head,
    /// How the message travels.
    pub form: Form,
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
    /// The import of the file that the call holds or names.
    Import(Box<ImportCall>),
    /// Something small.
    Small(&'static Entry, Parameters, Caller),
    /// A session, which is open by now if the credentials were right.
    Login(&'static Entry),
    /// The end of one.
    Logout(&'static Entry),
}

impl Call {
    /// Reads the message, imports the file, answers.
    pub fn answer(self: Arc<Self>, body: impl Read) -> Pending<Answer> {
        let mut progress = self.progress();
        let served = self.serve(body, &mut progress);
        self.tell(served, progress)
    }

    /// Whether it is worth a try to [answer it at once](Self::answer_at_once): a file came with a small body
    /// from somebody who is known, and the head asks neither for an earlier call nor for an early answer.
    pub fn is_small(&self) -> bool {
        let length = self.head.content_length.unwrap_or(u64::MAX);
        length <= SMALL_BYTES
            && self.head.content_encoding.is_none()
            && self.head.key.is_none()
            && !self.head.respond_async
            && self.caller.is_some()
            && matches!(self.form, Form::Related(_))
    }

    /// The same for a small call whose body is all there, without waiting for anything: it reads no file and
    /// hashes nothing. None when that cannot be done; then nothing has happened.
    pub fn answer_at_once(self: Arc<Self>, body: Bytes) -> Option<Pending<Answer>> {
        let mut progress = self.progress();
        let served = self.serve_at_once(body, &mut progress).transpose()?;
        Some(self.tell(served, progress))
    }

    fn progress(&self) -> Progress {
        let strangers_bytes = self.caller.is_none().then_some(STRANGERS_BYTES as u64);
        Progress {
            version: self.form.version(),
            strangers_bytes: Rc::new(Cell::new(strangers_bytes)),
            addressing: None,
        }
    }

    /// The answer, when the work has ended.
    fn tell(
        self: Arc<Self>,
        served: Result<Pending<Result<Done, Fault>>, Fault>,
        progress: Progress,
    ) -> Pending<Answer> {
        let is_stranger = progress.is_stranger();
        let Progress {
            version,
            addressing,
            ..
        } = progress;
        let ending = served.unwrap_or_else(|fault| Pending::Ended(Err(fault)));
        ending.map(move |result| {
            let (addressing, settings) = (addressing.as_ref(), &self.state.settings);
            let fault = match result {
                Ok(done) => return Answer::success(version, addressing, done, settings),
                // Whatever else is wrong with it: whoever has not said who is calling is asked that first.
                Err(fault)
                    if self.service.asks_for_credentials()
                        && is_stranger
                        && fault.yields_to_the_challenge() =>
                {
                    return Answer::challenge();
                }
                Err(fault) => fault,
            };
            tracing::info!(rule = fault.rule, "call refused");
            let id = self.head.request_id.clone();
            Answer::fault(self.service, version, addressing, &fault, id, settings)
        })
    }

    fn serve(
        &self,
        body: impl Read,
        progress: &mut Progress,
    ) -> Result<Pending<Result<Done, Fault>>, Fault> {
        let encoding = self.head.content_encoding.as_deref();
        let body = inflate::decode(encoding, body, self.state.body_limit)?;
        let body = progress.watch(body);
        match &self.form {
            Form::Related(related) => {
                let mut message = Related::new(related, body)?;
                let spool = self.caller.as_ref().map(|_| &self.app.spool);
                let (root, charset) = message.root(spool)?;
                match self.read_envelope(root, charset.as_deref(), progress)? {
                    Asked::Import(call) => {
                        let ImportCall { mut work, file } = *call;
                        self.name(&mut work, progress);
                        let (file, charset) = message.file(file, self.takes_unreferenced())?;
                        work.request.options.charset = charset.map(TextCharset::label);
                        self.import(work, file)
                    }
                    other => {
                        message.drain()?;
                        Ok(Pending::Ended(self.carry_out(other)))
                    }
                }
            }
            Form::Bare(bare) => match self.read_envelope(body, bare.param("charset"), progress)? {
                Asked::Import(call) => {
                    let ImportCall { mut work, file } = *call;
                    self.name(&mut work, progress);
                    self.import(work, file_of_bare_envelope(file)?)
                }
                other => Ok(Pending::Ended(self.carry_out(other))),
            },
        }
    }

    fn serve_at_once(
        &self,
        body: Bytes,
        progress: &mut Progress,
    ) -> Result<Option<Pending<Result<Done, Fault>>>, Fault> {
        let Form::Related(related) = &self.form else {
            return Ok(None);
        };
        // What begins otherwise may be compressed.
        if !body.starts_with(b"--") {
            return Ok(None);
        }
        let body: Box<dyn Read> = Box::new(body.reader());
        let mut message = Related::new(related, progress.watch(body))?;
        let (root, charset) = message.root(Some(&self.app.spool))?;
        let Asked::Import(call) = self.read_envelope(root, charset.as_deref(), progress)? else {
            return Ok(None);
        };
        let ImportCall { mut work, file } = *call;
        self.name(&mut work, progress);
        work.at_once = work.needs_no_waiting();
        if !work.at_once {
            return Ok(None);
        }
        let (file, charset) = message.file(file, self.takes_unreferenced())?;
        work.request.options.charset = charset.map(TextCharset::label);
        self.import(work, file).map(Some)
    }

    fn takes_unreferenced(&self) -> bool {
        self.state.settings.take_unreferenced_attachment
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
                Parameters::read(entry, xml, &self.app.spool)?;
                return Ok(match entry.operation {
                    Operation::Logout => Asked::Logout(entry),
                    _ => Asked::Login(entry),
                });
            }
            let caller = self.identify()?;
            strangers_bytes.set(None);
            let entry = Entry::find(self.service, element)?;
            if let Some(addressing) = addressing {
                addressing.operation = Some(entry);
            }
            if entry
                .right
                .is_some_and(|right| !caller.role.includes(right))
            {
                return Err(Fault::access_denied());
            }
            let mut parameters = Parameters::read(entry, xml, &self.app.spool)?;
            let (app, given) = (self.app.as_ref(), &mut parameters);
            let call = match entry.operation {
                Operation::BulkImportUsers => bulk_import_users::asked(entry, given, &caller, app)?,
                Operation::ImportUsers | Operation::PreviewImport => {
                    user_import::asked(entry, given, &caller, app)?
                }
                _ => return Ok(Asked::Small(entry, parameters, caller)),
            };
            Ok(Asked::Import(Box::new(call)))
        })
    }

    /// Gives the import the key that it can be found by, and notes whether its answer may come early.
    fn name(&self, work: &mut ImportWork, progress: &Progress) {
        let key = work.request.key.take();
        if work.request.generated_passwords.is_some() {
            // Told once, and so not to a message id, which many send without a thought.
            work.request.key = key.or_else(|| self.head.key.clone());
            work.respond_async |= self.head.respond_async;
        } else if !work.request.options.dry_run {
            // A dry run leaves nothing that a later call could find, or that could wait for its turn. A
            // message id that cannot be a key is none: nobody sends it to be told that it is too long.
            let message_id = || {
                let id = progress.addressing.as_ref()?.message_id.clone();
                id.filter(|id| can_be_key(id))
            };
            work.request.key = key.or_else(|| self.head.key.clone()).or_else(message_id);
            work.respond_async |= self.head.respond_async;
        }
    }

    fn import(
        &self,
        work: ImportWork,
        file: impl Read,
    ) -> Result<Pending<Result<Done, Fault>>, Fault> {
        Ok(match work.entry.service {
            Service::UserImport => user_import::import(work, file, &self.app),
            Service::UserAdmin | Service::AuthenticationAdmin | Service::RemoteUserStoreManager => {
                bulk_import_users::import(work, file, &self.app, &self.state.settings)
            }
        })
    }

    /// What does not need the rest of the message.
    fn carry_out(&self, asked: Asked) -> Result<Done, Fault> {
        match asked {
            Asked::Small(entry, parameters, caller) if entry.service.is_the_originals() => {
                let companion = Companion {
                    app: &self.app,
                    settings: &self.state.settings,
                    caller: &caller,
                };
                companion.run(entry, &parameters)
            }
            Asked::Small(entry, parameters, caller) => {
                let desk = ImportDesk {
                    app: &self.app,
                    caller: &caller,
                    came_as_mtom: self.form.is_mtom(),
                };
                desk.run(entry, &parameters)
            }
            Asked::Login(entry) => match &self.refused {
                Some(fault) => Err(fault.clone()),
                None => Ok(companions::logged_in(entry, self.session.clone())),
            },
            Asked::Logout(entry) => Ok(companions::log_out(
                &self.app,
                entry,
                self.head.session.as_deref(),
            )),
            Asked::Import(..) => Err(Fault::server(
                "IMP-INTERNAL",
                "The import was led astray; nothing was stored.",
            )),
        }
    }

    /// Who is calling, as it is known by now.
    fn identify(&self) -> Result<Caller, Fault> {
        match (&self.caller, &self.refused) {
            (Some(caller), _) => Ok(caller.clone()),
            (None, Some(fault)) => Err(fault.clone()),
            (None, None) => Err(Fault::no_credentials()),
        }
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
                limit: STRANGERS_BYTES as u64,
            }
            .into());
        }
        let count = self.body.read(buffer.get_mut(..most).unwrap_or_default())?;
        self.left.set(Some(left - count as u64));
        Ok(count)
    }
}
