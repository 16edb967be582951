//! A browser that tests drive: Debian's Chromium over WebDriver, by its chromedriver.
#![allow(dead_code, reason = "every test binary uses its own part")]

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::served::{PATIENCE, Server, ask, ask_within};

/// What a container needs, and nothing that would ask the network for anything.
const FLAGS: [&str; 11] = [
    "--headless",
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-default-apps",
    "--hide-scrollbars",
    "--force-color-profile=srgb",
];

/// Keys as WebDriver writes them.
pub(crate) const LEFT: &str = "\u{e012}";
pub(crate) const RIGHT: &str = "\u{e014}";
pub(crate) const SPACE: &str = " ";
pub(crate) const TAB: &str = "\u{e004}";

/// A browser with one window; it ends with the test.
pub(crate) struct Browser {
    driver: Child,
    address: SocketAddr,
    session: String,
    _profile: TempDir,
    patience: Duration,
}

impl Browser {
    /// None where there is no chromedriver. Pictures of the page are drawn without a GPU.
    pub(crate) fn open() -> Option<Browser> {
        Browser::open_with(&["--disable-gpu"], PATIENCE)
    }

    /// With flags of Chromium's, and so long for everything.
    pub(crate) fn open_with(more: &[&str], patience: Duration) -> Option<Browser> {
        let mut command = Command::new("chromedriver");
        command.arg("--port=0").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut driver = match command.spawn() {
            Ok(driver) => driver,
            Err(error) => {
                let required = std::env::var_os("STYLEGAN_BROWSER").is_some_and(|value| value == "required");
                assert!(!required, "chromedriver: {error}; scripts/setup-browser.sh installs it");
                println!("not tested: there is no chromedriver ({error}); scripts/setup-browser.sh installs it");
                return None;
            }
        };
        let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines().map(|line| line.unwrap());
        let port = lines.find_map(|line| line.split_once("successfully on port ")?.1.trim_end_matches('.').parse().ok());
        // Its pipe must not fill.
        thread::spawn(move || lines.count());
        let profile = tempfile::tempdir().unwrap();
        let mut browser = Browser {
            driver,
            address: SocketAddr::from(([127, 0, 0, 1], port.expect("chromedriver says its port"))),
            session: String::new(),
            _profile: profile,
            patience,
        };
        let mut flags: Vec<String> = FLAGS.iter().chain(more).map(|flag| (*flag).to_owned()).collect();
        flags.push(format!("--user-data-dir={}", browser._profile.path().display()));
        let options = json!({ "args": flags });
        let wanted = json!({ "browserName": "chrome", "goog:chromeOptions": options, "goog:loggingPrefs": { "browser": "ALL" } });
        let session = browser.post("/session", json!({ "capabilities": { "alwaysMatch": wanted } }));
        browser.session = format!("/session/{}", session["sessionId"].as_str().unwrap());
        browser.post("/timeouts", json!({ "script": patience.as_millis() as u64 }));
        browser.size(1280, 900);
        Some(browser)
    }

    #[track_caller]
    pub(crate) fn post(&self, path: &str, body: Value) -> Value {
        let target = format!("{}{path}", self.session);
        // A script has its own patience, after which the driver answers.
        let patience = self.patience + PATIENCE;
        let answer = ask_within(patience, self.address, "POST", &target, &["Content-Type: application/json"], body.to_string().as_bytes());
        let json = answer.json();
        assert_eq!(answer.status, 200, "{path} {body}: {json}");
        json["value"].clone()
    }

    pub(crate) fn fetch(&self, path: &str) -> Value {
        ask(self.address, "GET", &format!("{}{path}", self.session), &[], b"").json()["value"].clone()
    }

    pub(crate) fn size(&self, width: u32, height: u32) {
        let metrics = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600 });
        self.devtools("Emulation.setDeviceMetricsOverride", metrics);
    }

    pub(crate) fn devtools(&self, command: &str, params: Value) {
        self.post("/goog/cdp/execute", json!({ "cmd": command, "params": params }));
    }

    pub(crate) fn media(&self, name: &str, value: &str) {
        self.devtools("Emulation.setEmulatedMedia", json!({ "features": [{ "name": name, "value": value }] }));
    }

    #[track_caller]
    pub(crate) fn run(&self, script: &str) -> Value {
        self.post("/execute/sync", json!({ "script": script, "args": [] }))
    }

    /// Runs the body of an async function and gives what it returns; an error of it is one of the test.
    #[track_caller]
    pub(crate) fn run_async(&self, script: &str) -> Value {
        let script = format!(
            "const done = arguments[arguments.length - 1];
             (async () => {{ {script} }})().then((value) => done({{ value }}), (error) => done({{ error: String(error?.message ?? error) }}))"
        );
        let answer = self.post("/execute/async", json!({ "script": script, "args": [] }));
        assert!(answer.get("error").is_none(), "{}", answer["error"]);
        answer["value"].clone()
    }

    /// Waits until an expression is true.
    #[track_caller]
    pub(crate) fn until(&self, expression: &str) {
        let start = Instant::now();
        while self.run(&format!("return Boolean({expression})")) != json!(true) {
            let seen = self.run("return document.body?.innerText");
            assert!(start.elapsed() < self.patience, "never: {expression}; the page says {seen}");
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Opens an address and waits for the first face.
    #[track_caller]
    pub(crate) fn visit(&self, server: &Server, target: &str) {
        self.shows_a_face(server.address, target);
    }

    /// The same of a page that anybody serves.
    #[track_caller]
    pub(crate) fn shows_a_face(&self, address: SocketAddr, target: &str) {
        self.post("/url", json!({ "url": format!("http://{address}{target}") }));
        self.until("document.getElementById('face')?.dataset.shown && document.getElementById('face').complete");
    }

    pub(crate) fn find(&self, css: &str) -> Vec<String> {
        let found = self.post("/elements", json!({ "using": "css selector", "value": css }));
        found
            .as_array()
            .unwrap()
            .iter()
            .map(|element| element.as_object().unwrap().values().next().unwrap().as_str().unwrap().into())
            .collect()
    }

    /// The element, once it is there: sliders of directions come when the server has found them.
    #[track_caller]
    pub(crate) fn element(&self, css: &str) -> String {
        self.until(&format!("document.querySelector({})", json!(css)));
        self.find(css)[0].clone()
    }

    #[track_caller]
    pub(crate) fn click(&self, css: &str) {
        self.post(&format!("/element/{}/click", self.element(css)), json!({}));
    }

    /// Types into an element, which gets the focus.
    #[track_caller]
    pub(crate) fn keys(&self, css: &str, keys: &str) {
        self.post(&format!("/element/{}/value", self.element(css)), json!({ "text": keys }));
    }

    /// Presses a key wherever the focus is.
    pub(crate) fn press(&self, key: &str) {
        let strokes = json!([{ "type": "keyDown", "value": key }, { "type": "keyUp", "value": key }]);
        self.post("/actions", json!({ "actions": [{ "type": "key", "id": "keyboard", "actions": strokes }] }));
    }

    /// Does something and waits until another face is there; gives the new pixels.
    #[track_caller]
    pub(crate) fn changes(&self, what: &str, action: impl FnOnce(&Browser)) -> Value {
        let before = self.pixels();
        self.run("window.before = document.getElementById('face').src");
        action(self);
        self.until("document.getElementById('face').src !== window.before && document.getElementById('face').complete && document.getElementById('status').textContent === ''");
        let after = self.pixels();
        assert_ne!(before, after, "{what} did not change the picture");
        after
    }

    /// A sum of the face's pixels that depends on their places.
    #[track_caller]
    pub(crate) fn pixels(&self) -> Value {
        self.run(
            "const face = document.getElementById('face'), canvas = document.createElement('canvas');
             canvas.width = face.naturalWidth; canvas.height = face.naturalHeight;
             const context = canvas.getContext('2d');
             context.drawImage(face, 0, 0);
             let sum = 0;
             context.getImageData(0, 0, canvas.width, canvas.height).data.forEach((value, i) => sum = (sum * 31 + value + i) % 2147483647);
             return [canvas.width, canvas.height, sum]",
        )
    }

    pub(crate) fn seed(&self) -> Value {
        self.run("return new URLSearchParams(location.search).get('seed')")
    }

    /// Nothing the browser complains about since the last call: no error, no refused style or script, nothing missing.
    #[track_caller]
    pub(crate) fn is_content(&self) {
        let log = self.post("/se/log", json!({ "type": "browser" }));
        let complaints: Vec<&Value> =
            log.as_array().unwrap().iter().filter(|entry| entry["level"] != "DEBUG" && entry["level"] != "INFO").collect();
        assert!(complaints.is_empty(), "{complaints:?}");
    }

    /// Keeps what the window shows in target/tmp, for whoever wants to look at it.
    pub(crate) fn screenshot(&self, name: &str) {
        let path = format!("{}/serve-{name}.png", env!("CARGO_TARGET_TMPDIR"));
        std::fs::write(path, decoded(self.fetch("/screenshot").as_str().unwrap())).unwrap();
    }
}

/// Base64, as WebDriver sends pictures.
fn decoded(text: &str) -> Vec<u8> {
    let digit = |byte| b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".iter().position(|&known| known == byte);
    let digits: Vec<usize> = text.bytes().filter_map(digit).collect();
    let group = |four: &[usize]| (0..four.len() - 1).map(|i| ((four[i] << (2 * i + 2)) | (four[i + 1] >> (4 - 2 * i))) as u8).collect();
    digits.chunks(4).flat_map(|four| -> Vec<u8> { group(four) }).collect()
}

impl Drop for Browser {
    fn drop(&mut self) {
        if !thread::panicking() && !self.session.is_empty() {
            ask(self.address, "DELETE", &self.session, &[], b"");
        }
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}
