//! A caller of small calls: `bulkImportUsers` by MTOM with a few new users and HTTP Basic, over a persistent connection.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::exchange;

/// Users per call.
pub const USERS: u64 = 3;

/// A caller and its connection.
pub struct SmallCaller {
    name: String,
    address: String,
    stream: BufReader<TcpStream>,
    calls: u64,
}

impl SmallCaller {
    /// Connects. The names of its users begin with `name`.
    ///
    /// # Errors
    /// The connection failed.
    pub fn connect(name: String, address: &str) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        Ok(SmallCaller {
            name,
            address: address.to_owned(),
            stream: BufReader::new(stream),
            calls: 0,
        })
    }

    /// Imports [`USERS`] new users. Returns the time from the first byte sent to the last byte of the response.
    ///
    /// # Errors
    /// A message: the connection failed, or not all of the users were created.
    pub fn call(&mut self) -> Result<Duration, String> {
        let failed = |error: io::Error| format!("a small call: {error}");
        let request = exchange::small_request(&self.address, &self.file());
        let began = Instant::now();
        let stream = self.stream.get_mut();
        stream.write_all(request.as_bytes()).map_err(failed)?;
        let (head, body) = self.answer().map_err(failed)?;
        let took = began.elapsed();
        let made = head
            .to_ascii_lowercase()
            .contains(&format!("created={USERS},"));
        if !head.starts_with("HTTP/1.1 200 ") || !made {
            return Err(format!("unexpected response to a small call: {head}{body}"));
        }
        self.calls += 1;
        Ok(took)
    }

    /// The file of the next call.
    fn file(&self) -> String {
        let (name, first) = (&self.name, self.calls * USERS);
        let rows = (first..first + USERS).map(|user| {
            format!("{name}-{user},,Alice,Almeida,{name}-{user}@people.example.com\r\n")
        });
        ["username,password,givenname,familyname,emailaddress\r\n".to_owned()]
            .into_iter()
            .chain(rows)
            .collect()
    }

    /// Reads head and body of a response with Content-Length.
    fn answer(&mut self) -> io::Result<(String, String)> {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if self.stream.read_line(&mut head)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length")
                .then(|| value.trim().parse().ok())?
        });
        let length = length.ok_or_else(|| io::Error::other(format!("no length in {head}")))?;
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body)?;
        Ok((head, String::from_utf8_lossy(&body).into_owned()))
    }
}
