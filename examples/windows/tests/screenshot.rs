//! What the windows show: on a display in memory, pixel by pixel what the engine draws when it is asked without a window.
#![cfg(target_os = "linux")]

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use stylegan_wgpu::{Look, Model, Options, blocking};

/// Killed when the test ends, however it ends.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What is on a display, as 8-bit RGB.
struct Screen {
    width: usize,
    height: usize,
    pixels: Vec<[u8; 3]>,
}

impl Screen {
    /// Of the file that Xvfb keeps it in (X11's XWDFile.h): a header of big-endian words, colours, pixels of 4 bytes.
    fn read(path: &Path) -> Option<Screen> {
        let bytes = std::fs::read(path).ok()?;
        let word = |i: usize| Some(u32::from_be_bytes(bytes.get(4 * i..4 * i + 4)?.try_into().ok()?) as usize);
        let (header, width, height, big_endian, bits, line, colours) =
            (word(0)?, word(4)?, word(5)?, word(7)? == 1, word(11)?, word(12)?, word(19)?);
        assert_eq!(bits, 32, "bits of a pixel");
        let pixels = bytes.get(header + 12 * colours..)?;
        let pixel = |i: usize| {
            let bytes = &pixels[i / width * line + i % width * 4..][..4];
            if big_endian { [bytes[1], bytes[2], bytes[3]] } else { [bytes[2], bytes[1], bytes[0]] }
        };
        (pixels.len() >= line * height).then(|| Screen { width, height, pixels: (0..width * height).map(pixel).collect() })
    }

    /// Whether the picture is on it somewhere, no channel off by more than `allowed`.
    fn shows(&self, picture: &image::RgbaImage, allowed: u8) -> bool {
        let (width, height) = (picture.width() as usize, picture.height() as usize);
        let at = |x: usize, y: usize, dx: usize, dy: usize| {
            let (got, want) = (self.pixels[(y + dy) * self.width + x + dx], picture.get_pixel(dx as u32, dy as u32).0);
            (0..3).all(|c| got[c].abs_diff(want[c]) <= allowed)
        };
        let positions = (0..=self.height - height).flat_map(|y| (0..=self.width - width).map(move |x| (x, y)));
        positions.into_iter().any(|(x, y)| (0..width * height).all(|i| at(x, y, i % width, i / width)))
    }
}

fn shows(program: &str, args: &[&str], allowed: u8) {
    let folder = tempfile::tempdir().unwrap();
    let xvfb = Command::new("Xvfb")
        .args(["-displayfd", "1", "-screen", "0", "640x480x24", "-fbdir"])
        .arg(folder.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    let Ok(mut xvfb) = xvfb else {
        println!("not tested: Xvfb is not there (scripts/setup-display.sh)");
        return;
    };
    let mut number = String::new();
    let out = xvfb.stdout.take().unwrap();
    let _xvfb = Running(xvfb);
    std::io::BufRead::read_line(&mut std::io::BufReader::new(out), &mut number).unwrap();
    let gpu = blocking::open(None).unwrap_or_else(|error| panic!("{error}"));
    let model = Model::from_bytes(stylegan_weights::OPEN_PEEPS_128.to_vec()).unwrap();
    let picture = blocking::Generator::new(&gpu, &model, &Options::new()).unwrap().picture(85, &Look::new().psi(0.7)).unwrap();
    let display = format!(":{}", number.trim());
    let window = Command::new(program)
        .args(args)
        .env("DISPLAY", &display)
        .env_remove("WAYLAND_DISPLAY")
        .env("XDG_RUNTIME_DIR", folder.path())
        .spawn()
        .unwrap_or_else(|error| panic!("{program}: {error}"));
    let mut window = Running(window);
    let start = Instant::now();
    loop {
        if let Some(status) = window.0.try_wait().unwrap() {
            panic!("{program} ended: {status}");
        }
        if Screen::read(&folder.path().join("Xvfb_screen0")).is_some_and(|screen| screen.shows(&picture, allowed)) {
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
