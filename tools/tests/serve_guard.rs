//! Who gets to a server, and how it ends: tokens, other sites, probes, signals, wrong command lines.
#![cfg(feature = "serve")]

mod served;

use std::io::Write;
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use served::{Answer, PATIENCE, Server, ask, request};

const TINY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures/tiny/ada-skip-32/network.pkl");

#[cfg(unix)]
#[test]
fn sigterm_finishes_what_was_taken_and_takes_nothing_more() {
    let mut server = Server::start(&["--network", TINY, "--batch", "2", "--batch-delay", "1000"]);
    let idle = server.connect();
    let mut taken = server.connect();
    taken.write_all(&request("GET", "/image?seed=1", &[], b"")).unwrap();
    server.wait_for("stylegan_queue_length", 1.0);
    assert!(Command::new("kill").args(["-TERM", &server.process.id().to_string()]).status().unwrap().success());
    assert_eq!(Answer::read(taken).status, 200);
    assert!(server.process.wait().unwrap().success());
    assert!(TcpStream::connect(server.address).is_err());
    drop(idle);
}

#[test]
fn a_token_is_asked_for_where_pictures_are_made() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, "correct-horse-battery\n").unwrap();
    let server = Server::start(&["--network", TINY, "--token-file", file.to_str().unwrap()]);
    for target in ["/image?seed=1", "/random", "/ws", "/mix", "/morph", "/metrics", "/image?seed=x"] {
        for header in
            ["X-None: 1", "Authorization: Bearer correct-horse-batterx", "Authorization: Bearer ", "Authorization: correct-horse-battery"]
        {
            let answer = server.ask("GET", target, &[header], b"");
            assert_eq!((answer.status, answer.header("www-authenticate")), (401, Some("Bearer")), "{target} {header}");
        }
    }
    let answer = server.ask("GET", "/image?seed=1", &["Authorization: Bearer correct-horse-battery"], b"");
    assert_eq!((answer.status, answer.header("cache-control")), (200, Some("private, no-cache")));
    for target in ["/", "/app.js", "/style.css", "/openapi.json", "/network", "/healthz", "/readyz"] {
        assert_eq!(server.get(target).status, 200, "{target}");
    }
}

#[test]
fn a_wrong_command_line_is_one_line_and_no_server() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let folder = tempfile::tempdir().unwrap();
    let short = folder.path().join("token");
    std::fs::write(&short, "short\n").unwrap();
    let missing = Path::new("no such file").to_str().unwrap();
    for (code, args, says) in [
        (1, &["--addr", &taken][..], "choose another port"),
        (2, &["--addr", "nonsense"], "--addr"),
        (2, &["--trunc", "3"], "-2 to 2"),
        (2, &["--batch", "0"], "--batch"),
        (1, &["--token-file", short.to_str().unwrap()], "16 to 1024"),
        (1, &["--token-file", missing], missing),
        (1, &["--network", missing], missing),
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_stylegan")).arg("serve").args(args).output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{args:?}: {stderr}");
        assert!(stderr.starts_with("error: ") && stderr.lines().count() == 1 && stderr.contains(says), "{args:?}: {stderr}");
    }
}

#[test]
fn other_sites_and_other_names_are_refused() {
    let server = Server::start(&["--network", TINY, "--allow-host", "faces.example", "--cors", "https://friend.example"]);
    let ask = |target: &str, head: &str| {
        let mut stream = server.connect();
        stream.write_all(format!("GET {target} HTTP/1.1\r\n{head}Connection: close\r\n\r\n").as_bytes()).unwrap();
        Answer::read(stream)
    };
    let port = server.address.port();
    for (target, head, status) in [
        ("/ws?seed=1", format!("Host: 127.0.0.1:{port}\r\n"), 200),
        ("/ws?seed=1", "Host: faces.example\r\n".into(), 200),
        ("/ws?seed=1", "Host: evil.example\r\n".into(), 403),
        ("/", "Host: evil.example\r\n".into(), 403),
        ("/healthz", "Host: 10.1.2.3:8080\r\n".into(), 200),
        ("/ws?seed=1", String::new(), 400),
        ("/healthz", String::new(), 400),
        ("/healthz", "Host: localhost\r\nHost: localhost\r\n".into(), 400),
        ("/ws?seed=1", "Host: localhost\r\nOrigin: http://evil.example\r\n".into(), 403),
        ("/ws?seed=1", "Host: localhost\r\nSec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: no-cors\r\n".into(), 403),
        ("/ws?seed=1", "Host: localhost\r\nOrigin: http://localhost\r\nSec-Fetch-Site: same-origin\r\n".into(), 200),
        ("/", "Host: localhost\r\nSec-Fetch-Site: cross-site\r\n".into(), 200),
    ] {
        assert_eq!(ask(target, &head).status, status, "{target} {head:?}");
    }
    let friend = ask("/ws?seed=1", "Host: localhost\r\nOrigin: https://friend.example\r\nSec-Fetch-Site: cross-site\r\n");
    assert_eq!((friend.status, friend.header("access-control-allow-origin")), (200, Some("https://friend.example")));
    let posted = server.ask("POST", "/image", &["Origin: http://evil.example", "Content-Type: text/plain"], b"{}");
    assert_eq!(posted.status, 403);
    assert_eq!(server.metric("stylegan_batch_size_sum"), 0.0, "nothing was drawn");
}

#[test]
fn probes_get_through_whoever_holds_the_connections() {
    let server = Server::start(&["--network", TINY, "--max-connections", "8"]);
    let mut held: Vec<TcpStream> = (0..12).map(|_| server.connect()).collect();
    // The last of them are answered aside; the first two are the share of the address, and wait for their heads.
    held.iter_mut().for_each(|stream| stream.write_all(b"GET /image HTTP/1.1\r\nX: ").unwrap());
    assert_eq!(server.get("/healthz").status, 200);
    assert_eq!(server.get("/readyz").status, 200);
    let refused = server.get("/image?seed=1");
    assert_eq!((refused.status, refused.header("retry-after"), refused.header("connection")), (503, Some("5"), Some("close")));
    drop(held);
    let start = Instant::now();
    while server.get("/image?seed=1").status != 200 {
        assert!(start.elapsed() < PATIENCE);
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn whoever_runs_the_server_has_an_address_that_no_client_can_fill() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let admin = free.local_addr().unwrap();
    drop(free);
    let token = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(token.path(), "0123456789abcdef").unwrap();
    let (address, file) = (admin.to_string(), token.path().to_str().unwrap().to_owned());
    let server = Server::start(&["--network", TINY, "--max-connections", "4", "--admin-addr", &address, "--token-file", &file]);
    let mut held: Vec<TcpStream> = (0..80).map(|_| server.connect()).collect();
    held.iter_mut().for_each(|stream| stream.write_all(b"GET /image HTTP/1.1\r\nX: ").unwrap());
    let at_admin = |target: &str| ask(admin, "GET", target, &[], b"");
    for target in ["/healthz", "/readyz", "/metrics"] {
        assert_eq!(at_admin(target).status, 200, "{target}");
    }
    assert!(String::from_utf8(at_admin("/metrics").body).unwrap().contains("stylegan_"));
    assert_eq!((at_admin("/image?seed=1").status, at_admin("/").status), (404, 404));
    let mut rebound = TcpStream::connect(admin).unwrap();
    rebound.write_all(b"GET /metrics HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n").unwrap();
    assert_eq!(Answer::read(rebound).status, 403);
    drop(held);
    let start = Instant::now();
    // Until those that were held are noticed to be gone, a client more is reset.
    let asked = || {
        let mut stream = server.connect();
        let request = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer 0123456789abcdef\r\nConnection: close\r\n\r\n";
        let mut answer = Vec::new();
        stream.write_all(request).and_then(|()| std::io::Read::read_to_end(&mut stream, &mut answer)).map(|_| answer)
    };
    while !asked().is_ok_and(|answer| answer.starts_with(b"HTTP/1.1 404")) {
        assert!(start.elapsed() < PATIENCE, "the metrics are at the other address only");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[cfg(unix)]
#[test]
fn a_second_signal_ends_at_once() {
    let mut server = Server::start(&["--network", TINY, "--batch", "2", "--batch-delay", "10000"]);
    let mut slow = server.connect();
    slow.write_all(b"POST /image HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{").unwrap();
    std::thread::sleep(Duration::from_millis(200));
    let signal =
        |server: &Server| assert!(Command::new("kill").args(["-TERM", &server.process.id().to_string()]).status().unwrap().success());
    let start = Instant::now();
    signal(&server);
    std::thread::sleep(Duration::from_millis(300));
    assert!(server.process.try_wait().unwrap().is_none(), "the first waits for what was taken");
    signal(&server);
    assert_eq!(server.process.wait().unwrap().code(), Some(130));
    assert!(start.elapsed() < Duration::from_secs(10));
}
