//! The flows of the page that draws by itself, in Chromium with SwiftShader's WebGPU; what it saves, and what it says without WebGPU.
//!
//! Where there is no browser, or nothing was built, the tests say so and pass, unless `STYLEGAN_BROWSER=required`.
#![cfg(feature = "serve")]

mod hosted;
mod place;
mod served;
mod webdriver;

use std::path::Path;
use std::process::Command;

use hosted::{Host, PATIENCE, browser};
use place::Place;
use serde_json::{Value, json};
use webdriver::Browser;

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
    browser.is_content();
}

/// The bytes of a blob that a script's body returns.
fn bytes(browser: &Browser, script: &str) -> Vec<u8> {
    let script = format!("const blob = await (async () => {{ {script} }})(); return Array.from(new Uint8Array(await blob.arrayBuffer()));");
    browser.run_async(&script).as_array().unwrap().iter().map(|byte| byte.as_u64().unwrap() as u8).collect()
}

/// The most that a value of two pictures differs by.
fn difference(one: &Path, other: &Path) -> u8 {
    let [one, other] = [one, other].map(|path| image::open(path).unwrap().to_rgb8());
    assert_eq!(one.dimensions(), other.dimensions());
    one.iter().zip(other.iter()).map(|(one, other)| one.abs_diff(*other)).max().unwrap()
}

#[test]
fn pictures_say_the_command_that_draws_them_and_are_drawn_again_when_dropped() {
    let Some((browser, host)) = browser() else { return };
    let place = Place::new();
    browser.shows_a_face(host.0, "/?seed=27");
    let cases = [
        (
            "/image?seed=27&trunc=0.5&noise=random&noise_seed=7",
            "generate --seeds=27 --trunc=0.5 --noise-mode=random --noise-seed=7 --precision=f32 ",
            "seed0027.png",
        ),
        ("/mix?seed=27&with=4&layers=2-3,7&trunc=0.7", "mix --rows=27 --cols=4 --styles=2-3,7 --trunc=0.7 --precision=f32 ", "27-4.png"),
    ];
    for (request, command, name) in cases {
        place
            .file("saved.png", bytes(&browser, &format!("return (await (await import('/server.js')).ask('{request}&format=png')).blob()")));
        let said = place.succeeds(&["inspect", "saved.png"]);
        let line = said.lines().find_map(|line| line.strip_prefix("command      stylegan ")).unwrap_or_else(|| panic!("{said}"));
        assert!(line.starts_with(command), "{line}");
        let run = format!("exec '{}' {line}", env!("CARGO_BIN_EXE_stylegan"));
        let output = Command::new("sh").args(["-c", &run]).current_dir(place.folder()).output().unwrap();
        assert!(output.status.success(), "{line}: {}", place::text(&output.stderr));
        // Another device sums in another order: a value on the edge of two may be the other one.
        let different = difference(&place.path("saved.png"), &place.path("again").join(name));
        assert!(different <= 1, "{line}: {different} levels");
    }
    // What no command draws says the request.
    place.file(
        "small.png",
        bytes(&browser, "return (await (await import('/server.js')).ask('/morph?seed=1&to=2&t=0.25&trunc=0.7&size=64&format=png')).blob()"),
    );
    assert!(place.succeeds(&["inspect", "small.png"]).contains("/morph?seed=1&to=2&t=0.25&trunc=0.7&size=64&format=png"));
    // The one that was saved last is dropped on the page.
    let saved = std::fs::read(place.path("saved.png")).unwrap();
    browser.run(&format!(
        "import('/server.js').then(({{ opens }}) => opens(new File([new Uint8Array({})], 'saved.png', {{ type: 'image/png' }})))",
        json!(saved)
    ));
    browser.until("location.search.includes('other=4') && document.getElementById('face')?.dataset.shown");
    assert_eq!(browser.run("return document.getElementById('caption').textContent"), json!("seed 27, layers 2-3,7 of seed 4"));
    let refused = "const { opens } = await import('/server.js');
         const png = await new Promise((done) => Object.assign(document.createElement('canvas'), { width: 4, height: 4 }).toBlob(done));
         return await opens(new File([png], 'x.png', { type: 'image/png' })).catch((error) => error.message);";
    assert_eq!(browser.run_async(refused), json!("this picture does not say how it was made"));
    browser.is_content();
}

#[test]
fn films_and_sheets_are_saved() {
    let Some((browser, host)) = browser() else { return };
    let place = Place::new();
    browser.shows_a_face(host.0, "/?seed=27");
    let film = |before: &str| {
        format!("{before}; const {{ ask }} = await import('/server.js'); return (await ask('/video?seeds=1,2&trunc=0.7&frames=2')).blob()")
    };
    let mp4 = bytes(&browser, &film(""));
    assert_eq!(&mp4[4..12], b"ftypisom");
    place.file("film.mp4", &mp4);
    assert!(place.succeeds(&["inspect", "film.mp4"]).contains("/video?seeds=1,2&frames=2&fps=24&trunc=0.7"));
    let plays = browser.run_async(&format!(
        "const video = document.createElement('video');
         video.src = URL.createObjectURL(new Blob([new Uint8Array({})], {{ type: 'video/mp4' }}));
         await new Promise((done, stop) => {{ video.onloadeddata = done; video.onerror = () => stop(new Error(video.error.message)); }});
         return [video.videoWidth, video.videoHeight, Math.round(video.duration * 24)];",
        json!(mp4)
    ));
    assert_eq!(plays, json!([128, 128, 4]));
    // A browser without a window shows no frame of it; another program does.
    match Command::new("ffmpeg").args(["-v", "error", "-i", "film.mp4", "-frames:v", "1", "first.png"]).current_dir(place.folder()).output()
    {
        Ok(output) => {
            assert!(output.status.success(), "{}", place::text(&output.stderr));
            place.file("still.png", bytes(&browser, "return (await (await import('/server.js')).ask('/image?seed=1&trunc=0.7')).blob()"));
            let [first, still] = ["first.png", "still.png"].map(|name| image::open(place.path(name)).unwrap().to_rgb8());
            assert_eq!(first.dimensions(), still.dimensions());
            let apart: u64 = first.iter().zip(still.iter()).map(|(one, other)| u64::from(one.abs_diff(*other))).sum();
            assert!(apart < 10 * first.len() as u64, "{} levels from the picture", apart / first.len() as u64);
        }
        Err(error) => println!("not compared frame by frame: no ffmpeg ({error}); scripts/setup-ffmpeg.sh installs it"),
    }
    let webp = bytes(&browser, &film("delete window.VideoEncoder"));
    assert_eq!((&webp[..4], &webp[8..16]), (&b"RIFF"[..], &b"WEBPVP8X"[..]));
    let sheet = bytes(
        &browser,
        "const { sheet } = await import('/sheet.js'), { ask } = await import('/server.js'), told = [];
         const draw = (seed, size) => ask(`/image?seed=${seed}&trunc=0.7&size=${size}`);
         return (await sheet({ columns: 2, rows: 1, first: 4294967295, sizes: [128, 64], ratio: 1, most: 4294967295, draw, tell: (text) => told.push(text) })).blob()",
    );
    place.file("sheet.png", sheet);
    assert_eq!(image::image_dimensions(place.path("sheet.png")).unwrap(), (256, 128));
    browser.is_content();
}

#[test]
fn a_network_is_dropped_and_kept() {
    let Some((browser, host)) = browser() else { return };
    browser.shows_a_face(host.0, "/?seed=1");
    browser.run(
        "Promise.all([import('/server.js'), fetch('/fixtures/tiny/rosinality-16/checkpoint.pt').then((answer) => answer.blob())])
             .then(([{ opens }, blob]) => opens(new File([blob], 'mine.pt')))",
    );
    browser.until("location.search.includes('network=mine.pt') && document.getElementById('face')?.dataset.shown");
    assert_eq!(browser.run("return document.getElementById('face').naturalWidth"), json!(16));
    // Its speed is measured as `bench` writes it; nobody knows what else the machine does, so it is no row for a table.
    let place = Place::new();
    place.file("bench.json", bytes(&browser, "return (await (await import('/server.js')).about.measure()).blob()"));
    let said = place.succeeds(&["bench", "--check", "bench.json"]);
    assert!(said.contains("whole, without an ID; gives no row: it is noisy: a browser does not tell"), "{said}");
    // A file that is none is refused, and the page goes on.
    let refused =
        "const { opens } = await import('/server.js'); return await opens(new File(['nothing'], 'x.pkl')).catch((error) => error.message);";
    assert!(browser.run_async(refused).as_str().is_some_and(|text| text.contains("text file")), "{}", browser.run_async(refused));
    browser.changes("another face", |browser| browser.click("#new"));
    browser.is_content();
}

#[test]
fn without_webgpu_the_page_says_what_to_do() {
    let Some(host) = Host::start() else { return };
    let Some(browser) = Browser::open_with(&["--disable-features=WebGPU", "--disable-gpu"], PATIENCE) else { return };
    browser.post("/url", json!({ "url": format!("http://{}/", host.0) }));
    browser.until("document.getElementById('status')?.textContent.includes('WebGPU')");
    let said: Value = browser.run("return document.getElementById('status').textContent");
    assert!(said.as_str().is_some_and(|said| said.contains("Chrome") || said.contains("chrome://flags")), "{said}");
    assert_eq!(browser.run("return document.getElementById('status').getAttribute('role')"), json!("status"));
}
