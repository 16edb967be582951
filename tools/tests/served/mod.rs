//! What the tests of `serve` share: a running server, and a client without any opinion on what it sends.
#![allow(dead_code, reason = "every test binary uses its own part")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

/// Longer than anything takes on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A running server; it ends with the test.
pub(crate) struct Server {
    pub(crate) process: Child,
    pub(crate) address: SocketAddr,
}

impl Server {
    pub(crate) fn start(args: &[&str]) -> Server {
        let mut command = Command::new(env!("CARGO_BIN_EXE_stylegan"));
        command.args(["serve", "--addr", "127.0.0.1:0"]).args(args).env("NODEVICE_SELECT", "1").env_remove("STYLEGAN_TOKEN");
        let mut process = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines().map(|line| line.unwrap());
        let address = lines.into_iter().find_map(|line| line.strip_prefix("listening on http://")?.trim_end_matches('/').parse().ok());
        Server { process, address: address.expect("the server says where it listens") }
    }

    pub(crate) fn get(&self, target: &str) -> Answer {
        self.ask("GET", target, &[], b"")
    }

    #[track_caller]
    pub(crate) fn picture(&self, target: &str) -> Vec<u8> {
        let answer = self.get(target);
        assert_eq!(answer.status, 200, "{target}: {}", String::from_utf8_lossy(&answer.body));
        answer.body
    }

    /// One request on a connection of its own.
    pub(crate) fn ask(&self, method: &str, target: &str, headers: &[&str], body: &[u8]) -> Answer {
        ask(self.address, method, target, headers, body)
    }

    pub(crate) fn connect(&self) -> TcpStream {
        connect(self.address)
    }

    /// The number behind a name in /metrics; 0 when it is not there yet.
    pub(crate) fn metric(&self, name: &str) -> f64 {
        let text = String::from_utf8(self.get("/metrics").body).unwrap();
        text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok()).unwrap_or(0.0)
    }

    pub(crate) fn wait_for(&self, name: &str, value: f64) {
        let start = Instant::now();
        while self.metric(name) != value {
            assert!(start.elapsed() < PATIENCE, "{name} is {} and not {value}", self.metric(name));
            thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// One request on a connection of its own.
pub(crate) fn ask(address: SocketAddr, method: &str, target: &str, headers: &[&str], body: &[u8]) -> Answer {
    ask_within(PATIENCE, address, method, target, headers, body)
}

/// [`ask`], of what may take longer.
pub(crate) fn ask_within(patience: Duration, address: SocketAddr, method: &str, target: &str, headers: &[&str], body: &[u8]) -> Answer {
    let mut stream = connect(address);
    stream.set_read_timeout(Some(patience)).unwrap();
    stream.write_all(&request(method, target, headers, body)).unwrap();
    Answer::read(stream)
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// The bytes of a request.
pub(crate) fn request(method: &str, target: &str, headers: &[&str], body: &[u8]) -> Vec<u8> {
    let mut head = format!("{method} {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n");
    if !body.is_empty() {
        head.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    headers.iter().for_each(|header| head.push_str(&format!("{header}\r\n")));
    [head.as_bytes(), b"\r\n", body].concat()
}

/// What a server answers.
pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// Reads as much as the answer says it has; without a length, all there is.
    pub(crate) fn read(stream: TcpStream) -> Answer {
        let mut reader = BufReader::new(stream);
        let mut line = || {
            let mut line = String::new();
            reader.read_line(&mut line).unwrap();
            line.trim_end().to_owned()
        };
        let first = line();
        let status = first.split(' ').nth(1).unwrap_or_else(|| panic!("no answer but {first:?}")).parse().unwrap();
        let lines: Vec<String> = std::iter::repeat_with(line).take_while(|line| !line.is_empty()).collect();
        let headers =
            lines.iter().map(|line| line.split_once(':').unwrap()).map(|(name, value)| (name.to_lowercase(), value.trim().into()));
        let mut answer = Answer { status, headers: headers.collect(), body: Vec::new() };
        match answer.header("content-length").map(|length| length.parse().unwrap()) {
            Some(length) if status != 304 => {
                answer.body.resize(length, 0);
                reader.read_exact(&mut answer.body).expect("the answer broke off");
            }
            None if answer.header("transfer-encoding") == Some("chunked") => {
                let whole = dechunk(&mut reader, &mut answer.body);
                assert!(whole, "the answer broke off");
            }
            _ => drop(reader.read_to_end(&mut answer.body).unwrap()),
        }
        answer
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// Reads a body in chunks; false when it breaks off before the chunk that ends it.
pub(crate) fn dechunk(reader: &mut impl BufRead, body: &mut Vec<u8>) -> bool {
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).is_err() {
            return false;
        }
        let Ok(length) = usize::from_str_radix(line.trim_end(), 16) else { return false };
        let start = body.len();
        body.resize(start + length, 0);
        if reader.read_exact(&mut body[start..]).and_then(|()| reader.read_exact(&mut [0; 2])).is_err() {
            return false;
        }
        if length == 0 {
            return true;
        }
    }
}
