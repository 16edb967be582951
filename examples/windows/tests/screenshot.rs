//! What the windows show: on a display in memory, pixel by pixel what the engine draws when it is asked without a window.
#![cfg(target_os = "linux")]

#[path = "../../../tools/tests/display/mod.rs"]
mod display;

use std::process::Command;
use std::time::{Duration, Instant};

use display::Display;
use stylegan_wgpu::{Look, Model, Options, blocking};

fn shows(program: &str, args: &[&str], allowed: u8) {
    let Some(display) = Display::open("640x480") else { return };
    let gpu = blocking::open(None).unwrap_or_else(|error| panic!("{error}"));
    let model = Model::from_bytes(stylegan_weights::OPEN_PEEPS_128.to_vec()).unwrap();
    let picture = blocking::Generator::new(&gpu, &model, &Options::new()).unwrap().picture(85, &Look::new().psi(0.7)).unwrap();
    let mut window = display.run(Command::new(program).args(args));
    let start = Instant::now();
    loop {
        if let Some(status) = window.0.try_wait().unwrap() {
            panic!("{program} ended: {status}");
        }
        if display.screen().is_some_and(|screen| screen.shows(&picture, allowed)) {
            return;
        }
        assert!(start.elapsed() < Duration::from_secs(120), "{program} does not show the picture");
        std::thread::sleep(Duration::from_millis(200));
    }
}

#[test]
fn the_window_shows_the_picture() {
    shows(env!("CARGO_BIN_EXE_window"), &["--still", "85"], 1);
}

#[test]
fn egui_shows_the_picture() {
    shows(env!("CARGO_BIN_EXE_egui"), &[], 1);
}
