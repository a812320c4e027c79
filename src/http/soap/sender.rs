//! Finds the sender of an envelope whose HTTP head does not name one. It needs only the first bytes, before a thread
//! waits for the rest or anything is stored.
//!
//! The bytes are parsed again each time they have grown by half, until they contain the WS-Security header or the
//! credentials of a login. They are parsed once more from the start when the caller is known.

use std::cell::Cell;
use std::io::{self, Read};
use std::rc::Rc;

use bytes::{Buf, Bytes};

use crate::access::basic::Credentials;
use crate::http::soap::call::{Call, UNAUTHENTICATED_BYTES};
use crate::http::soap::charset;
use crate::http::soap::companions;
use crate::http::soap::envelope;
use crate::http::soap::fault::Fault;
use crate::http::soap::head::Form;
use crate::http::soap::mtom::Related;
use crate::http::soap::operation::AuthenticationAdminOperation;
use crate::http::soap::parameters::Parameters;
use crate::http::soap::security::Security;
use crate::http::soap::xml::{XmlLimits, XmlReader};
use crate::wire::inflate;

/// What the first bytes of a message say about its sender.
#[derive(Debug)]
pub enum Sender {
    /// It has a WS-Security header.
    Token(Box<Security>),
    /// It logs in.
    Login(Credentials),
    /// It does not name its sender, or cannot be read.
    Unknown,
    /// More bytes are needed.
    Undecided,
}

impl Sender {
    /// Parses `received`, which is the whole message or its first bytes.
    pub fn of(call: &Call, received: Bytes, whole: bool) -> Self {
        let ran_out = Rc::new(Cell::new(false));
        let body = Beginning {
            bytes: received,
            whole,
            ran_out: Rc::clone(&ran_out),
        };
        let mut sender = None;
        let read = read(call, body, &mut sender);
        match (sender, read) {
            (Some(sender), _) => sender,
            (None, Err(_)) if ran_out.get() => Sender::Undecided,
            (None, _) => Sender::Unknown,
        }
    }
}

fn read(call: &Call, body: Beginning, sender: &mut Option<Sender>) -> Result<(), Fault> {
    let encoding = call.head.content_encoding.as_deref();
    let body = inflate::decode(encoding, body, UNAUTHENTICATED_BYTES as u64)?;
    match &call.form {
        Form::Related(related) => {
            let mut message = Related::new(related, body)?;
            let (root, charset) = message.root(None)?;
            read_envelope(call, root, charset.as_deref(), sender)
        }
        Form::Bare(bare) => read_envelope(call, body, bare.param("charset"), sender),
    }
}

fn read_envelope(
    call: &Call,
    source: impl Read,
    charset: Option<&str>,
    sender: &mut Option<Sender>,
) -> Result<(), Fault> {
    let (source, declared) = charset::to_utf8(source, charset)?;
    let mut xml = XmlReader::with_declared_encoding(source, XmlLimits::default(), declared);
    let mut version = call.form.version();
    // Stops reading once the sender has been found.
    let stop = Err(Fault::no_credentials());
    envelope::read(&mut xml, &mut version, |header, element, xml| {
        if call.service.asks_for_credentials() {
            let security = header.security.clone();
            *sender = Some(security.map_or(Sender::Unknown, |it| Sender::Token(Box::new(it))));
            return stop;
        }
        let (operation, entry) = AuthenticationAdminOperation::TABLE.find(element)?;
        let parameters = Parameters::read(entry, xml, &call.app.spool)?;
        let credentials = match operation {
            AuthenticationAdminOperation::Logout => None,
            AuthenticationAdminOperation::Login => companions::credentials(&parameters),
        };
        *sender = Some(credentials.map_or(Sender::Unknown, Sender::Login));
        stop
    })
}

/// The first bytes of a message; it records whether its reader wanted more.
struct Beginning {
    bytes: Bytes,
    whole: bool,
    ran_out: Rc<Cell<bool>>,
}

impl Read for Beginning {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.bytes.is_empty() && !buffer.is_empty() && !self.whole {
            self.ran_out.set(true);
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let count = self.bytes.len().min(buffer.len());
        if let Some(place) = buffer.get_mut(..count) {
            self.bytes.copy_to_slice(place);
        }
        Ok(count)
    }
}
