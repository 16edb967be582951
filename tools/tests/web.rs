//! The page and the npm package that draw in the browser (`make web`), in Chromium with SwiftShader's WebGPU: the pictures of the fixtures,
//! and the page's flows without a server.
//!
//! Where there is no browser, or nothing was built, the tests say so and pass, unless `STYLEGAN_BROWSER=required`.
#![cfg(feature = "serve")]

mod fixtures;
mod served;
mod webdriver;

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use fixtures::{Fixture, rel_l2};
use serde_json::{Value, json};
use webdriver::Browser;

/// SwiftShader takes a second to compile a convolution, and the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(240);

const FLAGS: [&str; 3] = ["--enable-unsafe-webgpu", "--enable-features=Vulkan,WebGPU", "--use-webgpu-adapter=swiftshader"];

/// A host of static files, like any; it ends with the process.
struct Host(SocketAddr);

impl Host {
    /// Of dist/web, and of the fixtures under /fixtures; None where nothing was built.
    fn start() -> Option<Host> {
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

fn browser() -> Option<(Browser, Host)> {
    let host = Host::start()?;
    Some((Browser::open_with(&FLAGS, PATIENCE)?, host))
}

#[test]
fn fixtures_come_out_in_a_browser() {
    let Some((browser, host)) = browser() else { return };
    browser.shows_a_face(host.0, "/?seed=1");
    let names = [
        "tiny/ada-skip-32",
        "tiny/ada-resnet-cond-16",
        "tiny/rosinality-16",
        "tiny/tf-stylegan2-16",
        "tiny/tf-stylegan1-128",
        "initres-80x48",
        "stylegan3-t-64",
    ];
    let mut compared = 0;
    for name in names {
        let Some(fixture) = Fixture::open(name) else { continue };
        let file = ["network.pkl", "checkpoint.pt"].into_iter().find(|file| fixture.folder.join(file).exists()).unwrap();
        browser.run_async(&format!(
            "const module = await import('/engine/index.js'); window.drawn?.close();
             window.drawn = await module.Stylegan.open('/fixtures/{name}/{file}', {{ precision: 'f32' }});"
        ));
        let case: Value = serde_json::from_slice(&std::fs::read(fixture.folder.join("case.json")).unwrap()).unwrap();
        let class = if case["class_idx"].is_array() { &case["class_idx"][0] } else { &case["class_idx"] };
        let mut wish = json!({ "seed": fixture.seeds()[0], "psi": case["truncation_psi"].as_f64().unwrap_or(1.0) });
        for (key, value) in [("cutoff", &case["truncation_cutoff"]), ("class", class)] {
            if !value.is_null() {
                wish[key] = value.clone();
            }
        }
        let got = browser.run_async(&format!("return Array.from(await drawn.floats({wish}))"));
        let got: Vec<f32> = got.as_array().unwrap().iter().map(|value| value.as_f64().unwrap_or(f64::NAN) as f32).collect();
        let image = fixture.expected("image");
        let error = rel_l2(&got, &image.values[..image.values.len() / fixture.seeds().len()]);
        println!("{name}: rel L2 {error:.2e}");
        assert!(error <= if image.f16 { 3e-4 } else { 2e-5 }, "{name}: rel L2 {error:.2e}");
        compared += 1;
    }
    assert!(compared > 0, "no fixture was compared");
    browser.is_content();
}

#[test]
fn the_page_draws_without_a_server() {
    let Some((browser, host)) = browser() else { return };
    browser.shows_a_face(host.0, "/?seed=27");
    let first = browser.pixels();
    browser.screenshot("web");
    browser.changes("another face", |browser| browser.click("#new"));
    browser.shows_a_face(host.0, "/?seed=27");
    assert_eq!(browser.pixels(), first, "a shared face is another");
    let slide = |id: &str, value: &str| {
        browser.run(&format!("const slider = document.getElementById('{id}'); slider.value = {value}; for (const event of ['input', 'change']) slider.dispatchEvent(new Event(event));"));
    };
    browser.changes("truncation", |_| slide("trunc", "0.3"));
    browser.changes("a direction", |_| slide("move-0", "2"));
    browser.changes("mixing", |browser| drop(browser.run("document.querySelector('[name=mode][value=mix]').click()")));
    browser.changes("a morph", |browser| drop(browser.run("document.querySelector('[name=mode][value=morph]').click()")));
    // On a telephone nothing is wider than the screen.
    browser.size(390, 844);
    assert_eq!(browser.run("return document.documentElement.scrollWidth <= 390"), json!(true));
    browser.screenshot("web-phone");
    let film = browser.run_async(
        "const { ask } = await import('/server.js');
         const film = await (await ask('/video?seeds=1,2&trunc=0.7&frames=2')).blob();
         const bytes = new Uint8Array(await film.arrayBuffer());
         const text = (at) => String.fromCharCode(...bytes.slice(at, at + 4));
         const picture = await createImageBitmap(film);
         return [film.type, text(0), text(8), text(12), picture.width];",
    );
    assert_eq!(film, json!(["image/webp", "RIFF", "WEBP", "VP8X", 128]));
    browser.is_content();
}

#[test]
fn what_goes_wrong_is_said() {
    let Some((browser, host)) = browser() else { return };
    browser.shows_a_face(host.0, "/?seed=1");
    let said = |script: &str| {
        browser.run_async(&format!("try {{ {script} }} catch (error) {{ return String(error.message ?? error); }}")).to_string()
    };
    browser.run_async(
        "const module = await import('/engine/index.js'); window.drawn = await module.Stylegan.open('/open-peeps-128.safetensors');",
    );
    assert!(said("await drawn.generate({ psi: 'x' })").contains("expected f32"));
    assert!(said("await drawn.generate({ sead: 1 })").contains("sead"));
    assert!(said("await drawn.generate({ mix: [{ seed: 2, layers: [0, 99] }] })").contains("12 rows of w"));
    assert!(said("await drawn.load(new Uint8Array([1, 2, 3]))").contains("no checkpoint we know"));
    assert!(said("await drawn.load('/nothing.pkl')").contains("404"));
    let aborted = "const stop = new AbortController(); const [one, two] = [drawn.generate({ seed: 1 }), drawn.generate({ seed: 2 }, { signal: stop.signal })];
         stop.abort(); return [(await one).width, await two.catch((error) => error.name)];";
    assert_eq!(browser.run_async(aborted), json!([128, "AbortError"]));
    for (script, words) in [
        ("await drawn.generate({ psi: NaN })", "psi is NaN"),
        ("await drawn.generate(5)", "an object"),
        ("await drawn.ws(-1)", "seed is -1"),
        ("await drawn.ws(1, { class: 0 })", "class is 0"),
        ("await drawn.directions(2, { samples: -1 })", "samples is -1"),
    ] {
        assert!(said(script).contains(words), "{script}: {}", said(script));
    }
    // An aborted load leaves the network that is there.
    let kept = "const stop = new AbortController(), before = (await drawn.floats({ seed: 5 })).length;
         const onProgress = ({ stage }) => stage === 'gpu' && stop.abort();
         const name = await drawn.load('/fixtures/tiny/ada-skip-32/network.pkl', { signal: stop.signal, onProgress }).catch((error) => error.name);
         return [name, drawn.width, (await drawn.floats({ seed: 5 })).length === before];";
    assert_eq!(browser.run_async(kept), json!(["AbortError", 128, true]));
    // A network that was refused leaves the one that is there; what is saved can be opened again.
    let saved = "const file = await drawn.safetensors(); await drawn.load(file); return [(await drawn.generate({ seed: 3 })).width, file.size > 3e6];";
    assert_eq!(browser.run_async(saved), json!([128, true]));
    assert!(said("drawn.close(); await drawn.generate()").contains("it is closed"));
    browser.post("/url", json!({ "url": format!("http://{}/?network=nope", host.0) }));
    browser.until("document.getElementById('status').textContent.includes('no network \"nope\"')");
}
