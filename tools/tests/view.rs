//! The window of `stylegan view` on a display in memory: what it shows, and what a key saves.
#![cfg(all(target_os = "linux", feature = "view", feature = "default-model"))]

mod display;
mod place;

use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use display::{Display, Running};
use image::imageops::{FilterType, resize};
use place::{Place, text};
use stylegan_wgpu::{Look, Model, Options, blocking};
use x11rb::connection::Connection;
use x11rb::protocol::xproto::{ClientMessageEvent, ConnectionExt as _, EventMask, InputFocus, KEY_PRESS_EVENT, KEY_RELEASE_EVENT};
use x11rb::protocol::xtest::ConnectionExt as _;
use x11rb::rust_connection::RustConnection;

/// Codes of keys on the keyboard that Xvfb has.
const CONTROL: u8 = 37;
const S: u8 = 39;
const RIGHT: u8 = 114;

fn stylegan(place: &Place) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stylegan"));
    command.current_dir(place.folder()).stdin(Stdio::null());
    command
}

/// Asks until something is so, while the window is there.
fn wait(window: &mut Running, what: &str, mut so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !so() {
        if let Some(status) = window.0.try_wait().unwrap() {
            panic!("the window ended: {status}");
        }
        assert!(start.elapsed() < Duration::from_secs(120), "waited for {what} in vain");
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// Whether the picture is on the display, enlarged so many times.
fn shows(display: &Display, picture: &image::RgbaImage) -> bool {
    let Some(screen) = display.screen() else { return false };
    let sizes = (1..=screen.height as u32 / picture.height()).rev();
    sizes.into_iter().any(|k| screen.shows(&resize(picture, k * picture.width(), k * picture.height(), FilterType::Nearest), 1))
}

/// A connection to the display, its root and the window on it.
fn found(display: &Display) -> (RustConnection, u32, u32) {
    let (connection, screen) = x11rb::connect(Some(&display.name)).unwrap();
    let root = connection.setup().roots[screen].root;
    let windows = connection.query_tree(root).unwrap().reply().unwrap().children;
    let shown = |window: &u32| connection.get_geometry(*window).unwrap().reply().is_ok_and(|geometry| geometry.width > 100);
    let window = windows.into_iter().rev().find(shown).expect("a window");
    (connection, root, window)
}

/// Closes the window as its frame's button does, and waits for its end.
fn close(display: &Display, window: &mut Running) {
    let (connection, _, target) = found(display);
    let atom = |name: &[u8]| connection.intern_atom(false, name).unwrap().reply().unwrap().atom;
    let message = ClientMessageEvent::new(32, target, atom(b"WM_PROTOCOLS"), [atom(b"WM_DELETE_WINDOW"), x11rb::CURRENT_TIME, 0, 0, 0]);
    connection.send_event(false, target, EventMask::NO_EVENT, message).unwrap();
    connection.sync().unwrap();
    let start = Instant::now();
    while window.0.try_wait().unwrap().is_none() {
        assert!(start.elapsed() < Duration::from_secs(60), "the window does not close");
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(window.0.wait().unwrap().success());
}

/// Presses keys together, as somebody at the keyboard does.
fn press(display: &Display, keys: &[u8]) {
    let (connection, root, window) = found(display);
    // There is no window manager to give the window the keyboard.
    connection.set_input_focus(InputFocus::PARENT, window, x11rb::CURRENT_TIME).unwrap();
    let events = keys.iter().map(|key| (KEY_PRESS_EVENT, *key)).chain(keys.iter().rev().map(|key| (KEY_RELEASE_EVENT, *key)));
    for (event, key) in events {
        connection.xtest_fake_input(event, key, x11rb::CURRENT_TIME, root, 0, 0, 0).unwrap();
    }
    connection.sync().unwrap();
}

trait Sync {
    fn sync(&self) -> Result<(), x11rb::errors::ReplyError>;
}

impl<C: Connection> Sync for C {
    fn sync(&self) -> Result<(), x11rb::errors::ReplyError> {
        self.get_input_focus()?.reply().map(drop)
    }
}

#[test]
fn the_window_shows_the_engines_picture_and_saves_it() {
    let Some(display) = Display::open("1280x800") else { return };
    let place = Place::new();
    let gpu = blocking::open(None).unwrap_or_else(|error| panic!("{error}"));
    let model = Model::from_bytes(stylegan_weights::OPEN_PEEPS_128.to_vec()).unwrap();
    let mut generator = blocking::Generator::new(&gpu, &model, &Options::new()).unwrap();
    let mut window = display.run(stylegan(&place).args(["view", "--fresh", "--no-tune"]));
    let first = generator.picture(85, &Look::new().psi(0.7)).unwrap();
    wait(&mut window, "the first picture", || shows(&display, &first));
    press(&display, &[RIGHT]);
    let second = generator.picture(86, &Look::new().psi(0.7)).unwrap();
    wait(&mut window, "the next seed", || shows(&display, &second));
    press(&display, &[CONTROL, S]);
    wait(&mut window, "the file", || place.path("seed0086.png").exists());

    let saved = place.path("seed0086.png");
    assert!(image::open(&saved).unwrap().into_rgb8() == image::DynamicImage::from(second).into_rgb8());
    let said = place.succeeds(&["inspect", "seed0086.png"]);
    let command = said.lines().find_map(|line| line.strip_prefix("command      stylegan ")).unwrap_or_else(|| panic!("{said}"));
    assert_eq!(command, "generate --seeds=86 --trunc=0.7 --no-tune --outdir=again");
    let output = place.run(&command.split(' ').collect::<Vec<_>>());
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(fs::read(place.path("again/seed0086.png")).unwrap() == fs::read(saved).unwrap());
}

#[test]
fn the_window_is_as_it_was_left() {
    let Some(display) = Display::open("1280x800") else { return };
    let place = Place::new();
    let gpu = blocking::open(None).unwrap_or_else(|error| panic!("{error}"));
    let model = Model::from_bytes(stylegan_weights::OPEN_PEEPS_128.to_vec()).unwrap();
    let mut generator = blocking::Generator::new(&gpu, &model, &Options::new()).unwrap();
    let opens = || {
        let mut command = stylegan(&place);
        command.args(["view", "--no-tune"]).env("XDG_CONFIG_HOME", place.path("config"));
        display.run(&mut command)
    };
    let mut window = opens();
    let first = generator.picture(85, &Look::new().psi(0.7)).unwrap();
    wait(&mut window, "the first picture", || shows(&display, &first));
    press(&display, &[RIGHT]);
    let second = generator.picture(86, &Look::new().psi(0.7)).unwrap();
    wait(&mut window, "the next seed", || shows(&display, &second));
    close(&display, &mut window);
    assert!(fs::read_to_string(place.path("config/stylegan-wgpu/view.ron")).unwrap().contains("stylegan-view"));
    let mut window = opens();
    wait(&mut window, "the seed it was left at", || shows(&display, &second));
    close(&display, &mut window);

    // What nobody can read is no reason not to open.
    fs::write(place.path("config/stylegan-wgpu/view.ron"), "{\"stylegan-view\": \"(wish: 7").unwrap();
    let mut window = opens();
    wait(&mut window, "the first picture", || shows(&display, &first));
}

#[test]
fn without_a_display_it_says_so_in_a_line() {
    let place = Place::new();
    let output = stylegan(&place).args(["view", "--fresh"]).env_remove("DISPLAY").env_remove("WAYLAND_DISPLAY").output().unwrap();
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.starts_with("error: there is no display to open a window on") && said.lines().count() == 1, "{said}");
}

/// Before any window, where it was typed.
#[test]
fn a_network_that_is_not_there_is_said_at_once() {
    let place = Place::new();
    for (path, says) in
        [("none.pkl", "error: none.pkl: No such file"), ("https://a.b/c.pkl", "error: https://a.b/c.pkl is an address, not a file")]
    {
        let output = stylegan(&place)
            .args(["view", "--fresh", "--network", path])
            .env_remove("DISPLAY")
            .env_remove("WAYLAND_DISPLAY")
            .output()
            .unwrap();
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.starts_with(says) && said.lines().count() == 1, "{said}");
    }
}
