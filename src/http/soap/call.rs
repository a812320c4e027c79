//! One call on one blocking thread: from the first byte of its message to the last step of its work and its answer.

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
use crate::http::soap::file_element::FileElement;
use crate::http::soap::front_end::SoapFrontEnd;
use crate::http::soap::head::{Form, Head};
use crate::http::soap::import_call::ImportCall;
use crate::http::soap::mtom::{Related, file_of_bare_envelope};
use crate::http::soap::operation::{
    AuthenticationAdminOperation, CompanionOperation, Entry, ExistingImportOperation,
    RemoteUserStoreManagerOperation, Table, UserAdminOperation, UserImportOperation,
};
use crate::http::soap::parameters::Parameters;
use crate::http::soap::service::Service;
use crate::http::soap::user_import::{self, ImportOperations};
use crate::http::soap::version::SoapVersion;
use crate::http::soap::xml::{Element, XmlLimits, XmlReader};
use crate::import::keys::can_be_key;
use crate::import::pending::Pending;
use crate::wire::error::WireError;
use crate::wire::inflate;

/// Maximum bytes that an unauthenticated sender may send before the envelope names the caller.
pub const UNAUTHENTICATED_BYTES: usize = 1024 * 1024;

/// Maximum size of a small body: it is parsed and checked in a millisecond or two, so this may happen on a thread
/// that also serves other connections.
const SMALL_BYTES: u64 = 8 * 1024;

/// A call and everything it needs.
#[derive(Debug)]
pub struct Call {
    /// The service that is called.
    pub service: Service,
    /// The app.
    pub app: Arc<App>,
    /// The state of the SOAP front end.
    pub state: Arc<SoapFrontEnd>,
    /// The caller, once the HTTP head or the envelope has named them.
    pub caller: Option<Caller>,
    /// Why the caller named by the envelope is refused.
    pub refused: Option<Fault>,
    /// The session opened by a login.
    pub session: Option<String>,
    /// What the HTTP head says about the body.
    pub head: Head,
    /// How the message is packaged.
    pub form: Form,
}

/// What becomes known while the message is read.
struct Progress {
    version: SoapVersion,
    /// Bytes that may still be read while the caller is unknown; none once they are known.
    unauthenticated_bytes: Rc<Cell<Option<u64>>>,
    addressing: Option<Addressing>,
}

/// What an envelope asks for.
enum Requested {
    /// The import of the file that the call contains or refers to.
    Import(Box<ImportCall>, FileElement),
    /// An operation that does not need the rest of the message.
    Small(Small),
}

/// Any operation besides an import, by the part of the front end that runs it.
enum Small {
    /// `companions.rs`, for the service of users.
    Companion(Allowed<CompanionOperation>),
    /// `companions.rs`, for the service of user stores.
    InUserStore(Allowed<RemoteUserStoreManagerOperation>),
    /// `user_import.rs`.
    ExistingImport(Allowed<ExistingImportOperation>),
    /// A login, whose session is already open if the credentials were right, or a logout.
    Session(AuthenticationAdminOperation, &'static Entry),
}

/// An operation whose caller has the right to it.
struct Allowed<O> {
    operation: O,
    entry: &'static Entry,
    parameters: Parameters,
    caller: Caller,
}

impl<O> Allowed<O> {
    fn narrow<N>(self, operation: N) -> Allowed<N> {
        Allowed {
            operation,
            entry: self.entry,
            parameters: self.parameters,
            caller: self.caller,
        }
    }
}

impl Call {
    /// Reads the message, runs the operation and returns the answer.
    pub fn answer(self: Arc<Self>, body: impl Read) -> Pending<Answer> {
        let mut progress = self.progress();
        let served = self.serve(body, &mut progress);
        self.into_answer(served, progress)
    }

    /// Whether to try to [answer it at once](Self::answer_at_once): the call has a small multipart body from a
    /// known caller, and the head asks neither for an earlier call nor for an early answer.
    pub fn is_small(&self) -> bool {
        let length = self.head.content_length.unwrap_or(u64::MAX);
        length <= SMALL_BYTES
            && self.head.content_encoding.is_none()
            && self.head.key.is_none()
            && !self.head.respond_async
            && self.caller.is_some()
            && matches!(self.form, Form::Related(_))
    }

    /// Answers a small call whose body is complete, without blocking: it reads no file and hashes nothing.
    /// None if that is impossible; then nothing has happened.
    pub fn answer_at_once(self: Arc<Self>, body: Bytes) -> Option<Pending<Answer>> {
        let mut progress = self.progress();
        let served = self.serve_at_once(body, &mut progress).transpose()?;
        Some(self.into_answer(served, progress))
    }

    fn progress(&self) -> Progress {
        let unauthenticated_bytes = self
            .caller
            .is_none()
            .then_some(UNAUTHENTICATED_BYTES as u64);
        Progress {
            version: self.form.version(),
            unauthenticated_bytes: Rc::new(Cell::new(unauthenticated_bytes)),
            addressing: None,
        }
    }

    /// The answer, once the work has ended.
    fn into_answer(
        self: Arc<Self>,
        served: Result<Pending<Result<Done, Fault>>, Fault>,
        progress: Progress,
    ) -> Pending<Answer> {
        let is_unauthenticated = progress.is_unauthenticated();
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
                // An unauthenticated caller gets the challenge, whatever else is wrong with the request.
                Err(fault)
                    if self.service.asks_for_credentials()
                        && is_unauthenticated
                        && fault.is_replaced_by_challenge() =>
                {
                    return Answer::challenge();
                }
                Err(fault) => fault,
            };
            tracing::info!(rule = fault.rule, "a call was refused");
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
        let body = progress.limit(body);
        match &self.form {
            Form::Related(related) => {
                let mut message = Related::new(related, body)?;
                let spool = self.caller.as_ref().map(|_| &self.app.spool);
                let (root, charset) = message.root(spool)?;
                match self.read_envelope(root, charset.as_deref(), progress)? {
                    Requested::Import(mut call, file) => {
                        self.set_key(&mut call, progress);
                        let (file, charset) = message.file(file, self.takes_unreferenced())?;
                        call.request.options.charset = charset.map(TextCharset::label);
                        self.import(*call, file)
                    }
                    Requested::Small(small) => {
                        message.drain()?;
                        Ok(Pending::Ended(self.run_small(small)))
                    }
                }
            }
            Form::Bare(bare) => match self.read_envelope(body, bare.param("charset"), progress)? {
                Requested::Import(mut call, file) => {
                    self.set_key(&mut call, progress);
                    self.import(*call, file_of_bare_envelope(file)?)
                }
                Requested::Small(small) => Ok(Pending::Ended(self.run_small(small))),
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
        // Anything else at the start may be compressed data.
        if !body.starts_with(b"--") {
            return Ok(None);
        }
        let body: Box<dyn Read> = Box::new(body.reader());
        let mut message = Related::new(related, progress.limit(body))?;
        let (root, charset) = message.root(Some(&self.app.spool))?;
        let Requested::Import(mut call, file) =
            self.read_envelope(root, charset.as_deref(), progress)?
        else {
            return Ok(None);
        };
        self.set_key(&mut call, progress);
        call.at_once = call.needs_no_waiting();
        if !call.at_once {
            return Ok(None);
        }
        let (file, charset) = message.file(file, self.takes_unreferenced())?;
        call.request.options.charset = charset.map(TextCharset::label);
        self.import(*call, file).map(Some)
    }

    fn takes_unreferenced(&self) -> bool {
        self.state.settings.take_unreferenced_attachment
    }

    fn read_envelope(
        &self,
        source: impl Read,
        charset: Option<&str>,
        progress: &mut Progress,
    ) -> Result<Requested, Fault> {
        let (source, declared) = charset::to_utf8(source, charset)?;
        let limits = XmlLimits::default();
        let mut xml = XmlReader::with_declared_encoding(source, limits, declared);
        // The closure borrows the rest of `progress`.
        let mut version = progress.version;
        let read = envelope::read(&mut xml, &mut version, |header, element, xml| {
            progress.addressing.clone_from(&header.addressing);
            self.read_operation(element, xml, progress)
        });
        progress.version = version;
        read
    }

    /// Finds the operation in the table of the service that is called.
    fn read_operation<R: Read>(
        &self,
        element: &Element,
        xml: &mut XmlReader<R>,
        progress: &mut Progress,
    ) -> Result<Requested, Fault> {
        let app = self.app.as_ref();
        match self.service {
            Service::UserAdmin => {
                let table = UserAdminOperation::TABLE;
                let mut allowed = self.allow(table, element, xml, progress)?;
                match allowed.operation {
                    UserAdminOperation::BulkImportUsers => {
                        let Allowed {
                            entry,
                            parameters,
                            caller,
                            ..
                        } = &mut allowed;
                        let call = bulk_import_users::read_call(entry, parameters, caller, app)?;
                        let file = parameters.take_file(bulk_import_users::FILE);
                        Ok(Requested::Import(Box::new(call), file))
                    }
                    UserAdminOperation::Companion(operation) => Ok(Requested::Small(
                        Small::Companion(allowed.narrow(operation)),
                    )),
                }
            }
            Service::UserImport => {
                let table = UserImportOperation::TABLE;
                let allowed = self.allow(table, element, xml, progress)?;
                let is_preview = match allowed.operation {
                    UserImportOperation::ImportUsers => false,
                    UserImportOperation::PreviewImport => true,
                    UserImportOperation::Existing(operation) => {
                        let existing = allowed.narrow(operation);
                        return Ok(Requested::Small(Small::ExistingImport(existing)));
                    }
                };
                let Allowed {
                    entry,
                    mut parameters,
                    caller,
                    ..
                } = allowed;
                let given = &mut parameters;
                let call = user_import::read_call(entry, is_preview, given, &caller, app)?;
                let file = given.take_file(user_import::FILE);
                Ok(Requested::Import(Box::new(call), file))
            }
            Service::RemoteUserStoreManager => {
                let table = RemoteUserStoreManagerOperation::TABLE;
                let allowed = self.allow(table, element, xml, progress)?;
                Ok(Requested::Small(Small::InUserStore(allowed)))
            }
            Service::AuthenticationAdmin => {
                let (operation, entry) = AuthenticationAdminOperation::TABLE.find(element)?;
                Parameters::read(entry, xml, &app.spool)?;
                Ok(Requested::Small(Small::Session(operation, entry)))
            }
        }
    }

    /// Finds the operation in `table` and reads its parameters, if the caller is known and has the right to it.
    fn allow<O: Copy, R: Read>(
        &self,
        table: Table<O>,
        element: &Element,
        xml: &mut XmlReader<R>,
        progress: &mut Progress,
    ) -> Result<Allowed<O>, Fault> {
        let caller = self.identify()?;
        progress.unauthenticated_bytes.set(None);
        let (operation, entry) = table.find(element)?;
        if let Some(addressing) = &mut progress.addressing {
            addressing.operation = Some(entry);
        }
        if entry
            .right
            .is_some_and(|right| !caller.role.includes(right))
        {
            return Err(Fault::access_denied());
        }
        Ok(Allowed {
            operation,
            entry,
            parameters: Parameters::read(entry, xml, &self.app.spool)?,
            caller,
        })
    }

    /// Sets the import's key, and whether it may be answered early.
    fn set_key(&self, call: &mut ImportCall, progress: &Progress) {
        let key = call.request.key.take();
        if call.request.generated_passwords.is_some() {
            // The passwords are reported once, so a message id is not used as the key: many clients send one
            // without intending to repeat the call.
            call.request.key = key.or_else(|| self.head.key.clone());
            call.respond_async |= self.head.respond_async;
        } else if !call.request.options.dry_run {
            // A dry run leaves nothing for a later call to find and never waits in the queue. A message id that
            // cannot be a key is ignored: it was not meant as one, so its length is not an error.
            let message_id = || {
                let id = progress.addressing.as_ref()?.message_id.clone();
                id.filter(|id| can_be_key(id))
            };
            call.request.key = key.or_else(|| self.head.key.clone()).or_else(message_id);
            call.respond_async |= self.head.respond_async;
        }
    }

    fn import(
        &self,
        call: ImportCall,
        file: impl Read,
    ) -> Result<Pending<Result<Done, Fault>>, Fault> {
        Ok(match call.entry.service.is_original() {
            true => bulk_import_users::import(call, file, &self.app, &self.state.settings),
            false => user_import::import(call, file, &self.app),
        })
    }

    /// Runs an operation that does not need the rest of the message.
    fn run_small(&self, small: Small) -> Result<Done, Fault> {
        match small {
            Small::Companion(allowed) => {
                let companion = self.companion(&allowed.caller);
                companion.run(allowed.operation, allowed.entry, &allowed.parameters)
            }
            Small::InUserStore(allowed) => {
                let companion = self.companion(&allowed.caller);
                companion.run_in_user_store(allowed.operation, allowed.entry, &allowed.parameters)
            }
            Small::ExistingImport(allowed) => {
                let operations = ImportOperations {
                    app: &self.app,
                    caller: &allowed.caller,
                    came_as_mtom: self.form.is_mtom(),
                };
                operations.run(allowed.operation, allowed.entry, &allowed.parameters)
            }
            Small::Session(AuthenticationAdminOperation::Login, entry) => match &self.refused {
                Some(fault) => Err(fault.clone()),
                None => Ok(companions::logged_in(entry, self.session.clone())),
            },
            Small::Session(AuthenticationAdminOperation::Logout, entry) => {
                let session = self.head.session.as_deref();
                Ok(companions::log_out(&self.app, entry, session))
            }
        }
    }

    fn companion<'a>(&'a self, caller: &'a Caller) -> Companion<'a> {
        Companion {
            app: &self.app,
            settings: &self.state.settings,
            caller,
        }
    }

    /// The caller, as far as known by now.
    fn identify(&self) -> Result<Caller, Fault> {
        match (&self.caller, &self.refused) {
            (Some(caller), _) => Ok(caller.clone()),
            (None, Some(fault)) => Err(fault.clone()),
            (None, None) => Err(Fault::no_credentials()),
        }
    }
}

impl Progress {
    fn is_unauthenticated(&self) -> bool {
        self.unauthenticated_bytes.get().is_some()
    }

    /// The body, limited while the caller is unknown.
    fn limit<R: Read>(&self, body: R) -> Limited<R> {
        Limited {
            body,
            left: Rc::clone(&self.unauthenticated_bytes),
        }
    }
}

struct Limited<R> {
    body: R,
    left: Rc<Cell<Option<u64>>>,
}

impl<R: Read> Read for Limited<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(left) = self.left.get() else {
            return self.body.read(buffer);
        };
        let max = buffer
            .len()
            .min(usize::try_from(left).unwrap_or(usize::MAX));
        if max == 0 && !buffer.is_empty() {
            return Err(WireError::HttpTooLarge {
                limit: UNAUTHENTICATED_BYTES as u64,
            }
            .into());
        }
        let count = self.body.read(buffer.get_mut(..max).unwrap_or_default())?;
        self.left.set(Some(left - count as u64));
        Ok(count)
    }
}
