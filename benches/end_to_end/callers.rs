//! The client of small calls: persistent connections, each of which sends its next call after the response to the
//! previous one. One thread serves them all and checks only the end and the counts of a response, so that the client
//! costs less than the server.

use std::cell::RefCell;
use std::io;
use std::ops::Range;
use std::rc::Rc;
use std::time::{Duration, Instant};

use actix_web::rt::{System, net::TcpStream, spawn};
use memchr::memmem;

use crate::exchange::small_request;
use crate::people::scattered;

/// Users per call.
pub const USERS: u64 = 3;

/// Placeholder for the number of the call in the message.
const NUMBER: &str = "########";

/// The file of a call.
const CSV: &str = "username,password,givenname,familyname,emailaddress,country\n\
     anna########,,Anna,Almeida,anna########@people.example.com,Sweden\n\
     bert########,,Bert,Becker,bert########@people.example.com,France\n\
     carl########,,Carl,Castro,carl########@people.example.com,Lanka\n";

/// The status line of a successful response.
const STATUS: &[u8] = b"HTTP/1.1 200 ";

/// The counts in its field `Muster-Import`.
const COUNTS: &[u8] =
    b"state=completed, total=3, created=3, updated=0, unchanged=0, duplicate=0, failed=0, skipped=0";

/// Completed calls.
#[derive(Debug)]
pub struct Answered {
    /// Time from the first call's first byte to the last response's last byte.
    pub seconds: f64,
    /// Durations of the calls, unordered.
    pub latencies: Vec<Duration>,
    /// One of the responses, head and body.
    pub answer: String,
}

/// Sends the calls of these numbers, out of `all`, through this many connections. Each call imports users that no other
/// call does.
///
/// # Errors
/// A message: a connection failed, or a response is unexpected.
pub fn call(
    address: &str,
    numbers: Range<u64>,
    all: u64,
    connections: usize,
) -> Result<Answered, String> {
    let request = small_request(address, CSV);
    let shared = Rc::new(Shared {
        pieces: request.split(NUMBER).map(str::to_owned).collect(),
        all,
        numbers: RefCell::new(numbers),
        latencies: RefCell::default(),
        answer: RefCell::default(),
    });
    let began = Instant::now();
    System::new().block_on(async {
        let tasks: Vec<_> = (0..connections)
            .map(|_| spawn(connection(address.to_owned(), Rc::clone(&shared))))
            .collect();
        for task in tasks {
            task.await.map_err(|error| error.to_string())??;
        }
        Ok::<(), String>(())
    })?;
    let seconds = began.elapsed().as_secs_f64();
    Ok(Answered {
        seconds,
        latencies: shared.latencies.take(),
        answer: shared.answer.take(),
    })
}

/// The state that the connections share.
struct Shared {
    /// The message, split at the placeholder.
    pieces: Vec<String>,
    all: u64,
    numbers: RefCell<Range<u64>>,
    latencies: RefCell<Vec<Duration>>,
    answer: RefCell<String>,
}

impl Shared {
    /// Builds the next message, if there is one.
    fn next(&self, message: &mut Vec<u8>) -> bool {
        let Some(number) = self.numbers.borrow_mut().next() else {
            return false;
        };
        let number = format!("{:08}", scattered(number, self.all));
        message.clear();
        for (position, piece) in self.pieces.iter().enumerate() {
            if position > 0 {
                message.extend_from_slice(number.as_bytes());
            }
            message.extend_from_slice(piece.as_bytes());
        }
        true
    }
}

async fn connection(address: String, shared: Rc<Shared>) -> Result<(), String> {
    let failed = |error: io::Error| format!("a call: {error}");
    let stream = TcpStream::connect(&address).await.map_err(failed)?;
    stream.set_nodelay(true).map_err(failed)?;
    let (mut message, mut answer) = (Vec::new(), Vec::new());
    while shared.next(&mut message) {
        let sent = Instant::now();
        send(&stream, &message).await.map_err(failed)?;
        receive(&stream, &mut answer).await.map_err(failed)?;
        shared.latencies.borrow_mut().push(sent.elapsed());
        if !answer.starts_with(STATUS) || memmem::find(&answer, COUNTS).is_none() {
            let answer = String::from_utf8_lossy(&answer);
            return Err(format!("unexpected response to a call: {answer}"));
        }
    }
    if !answer.is_empty() {
        *shared.answer.borrow_mut() = String::from_utf8_lossy(&answer).into_owned();
    }
    Ok(())
}

async fn send(stream: &TcpStream, mut message: &[u8]) -> io::Result<()> {
    while !message.is_empty() {
        match stream.try_write(message) {
            Ok(count) => message = message.get(count..).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => stream.writable().await?,
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Reads one response to the end of its body.
async fn receive(stream: &TcpStream, answer: &mut Vec<u8>) -> io::Result<()> {
    answer.clear();
    let mut piece = [0; 4096];
    loop {
        stream.readable().await?;
        match stream.try_read(&mut piece) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => answer.extend_from_slice(piece.get(..count).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
            Err(error) => return Err(error),
        }
        if length(answer)?.is_some_and(|length| answer.len() >= length) {
            return Ok(());
        }
    }
}

/// The length of a response, once its head is complete.
fn length(answer: &[u8]) -> io::Result<Option<usize>> {
    let Some(end) = memmem::find(answer, b"\r\n\r\n") else {
        return Ok(None);
    };
    let head = std::str::from_utf8(answer.get(..end).unwrap_or_default());
    let announced = head
        .ok()
        .and_then(|head| head.split_once("\r\nContent-Length: "))
        .and_then(|(_, rest)| rest.lines().next()?.parse::<usize>().ok());
    match announced {
        Some(body) => Ok(Some(end + 4 + body)),
        None => Err(io::Error::other("a response has no Content-Length")),
    }
}
