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
use x11rb::protocol::xproto::{ConnectionExt as _, InputFocus, KEY_PRESS_EVENT, KEY_RELEASE_EVENT};
use x11rb::protocol::xtest::ConnectionExt as _;

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

/// Presses keys together, as somebody at the keyboard does.
fn press(display: &Display, keys: &[u8]) {
    let (connection, screen) = x11rb::connect(Some(&display.name)).unwrap();
    let root = connection.setup().roots[screen].root;
    // There is no window manager to give the window the keyboard.
    let windows = connection.query_tree(root).unwrap().reply().unwrap().children;
    let shown = |window: &u32| connection.get_geometry(*window).unwrap().reply().is_ok_and(|geometry| geometry.width > 100);
    let window = windows.into_iter().rev().find(shown).expect("a window");
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
