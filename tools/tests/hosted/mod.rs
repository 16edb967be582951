//! The page that draws by itself and the npm package, on a host of static files, in a browser with WebGPU on a processor.
#![allow(dead_code, reason = "every test binary uses its own part")]

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use crate::webdriver::Browser;

/// SwiftShader takes a second to compile a convolution, and the machine may be busy.
pub(crate) const PATIENCE: Duration = Duration::from_secs(240);

pub(crate) const FLAGS: [&str; 3] = ["--enable-unsafe-webgpu", "--enable-features=Vulkan,WebGPU", "--use-webgpu-adapter=swiftshader"];

/// A host of static files, like any; it ends with the process.
pub(crate) struct Host(pub(crate) SocketAddr);

impl Host {
    /// Of dist/web, and of the fixtures under /fixtures; None where nothing was built.
    pub(crate) fn start() -> Option<Host> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../dist/web");
        if !root.join("engine/pkg/stylegan_web_bg.wasm").exists() {
            assert!(std::env::var_os("STYLEGAN_BROWSER").is_none_or(|value| value != "required"), "dist/web: make web builds it");
            println!("not tested: there is no dist/web (make web builds it)");
            return None;
        }
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let root = root.clone();
                thread::spawn(move || serve(stream, &root));
            }
        });
        Some(Host(address))
    }
}

/// One request, one answer.
fn serve(mut stream: TcpStream, root: &Path) {
    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
    let Some(target) = lines.next().and_then(|line| Some(line.split(' ').nth(1)?.split('?').next()?.to_owned())) else { return };
    let _ = lines.take_while(|line| !line.is_empty()).count();
    let path: PathBuf = match target.strip_prefix("/fixtures/") {
        Some(name) => {
            let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures").join(name);
            if own.exists() { own } else { Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/fixtures").join(name) }
        }
        None if target == "/" => root.join("index.html"),
        // What a browser asks for where no page names another.
        None if target == "/favicon.ico" => root.join("icon.svg"),
        None => root.join(target.trim_start_matches('/')),
    };
    let kind = match path.extension().and_then(|ending| ending.to_str()) {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("wasm") => "application/wasm",
        _ => "application/octet-stream",
    };
    let (status, body) = std::fs::read(path).map_or(("404 Not Found", Vec::new()), |body| ("200 OK", body));
    let head = format!("HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body));
}

pub(crate) fn browser() -> Option<(Browser, Host)> {
    let host = Host::start()?;
    Some((Browser::open_with(&FLAGS, PATIENCE)?, host))
}
