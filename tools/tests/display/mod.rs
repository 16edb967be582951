//! A display in memory, for windows in tests: Xvfb, and what is on it.
#![allow(dead_code, reason = "every test binary uses its own part")]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

/// Killed when the test ends, however it ends.
pub(crate) struct Running(pub(crate) Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What is on a display, as 8-bit RGB.
pub(crate) struct Screen {
    pub(crate) width: usize,
    pub(crate) height: usize,
    pub(crate) pixels: Vec<[u8; 3]>,
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
    pub(crate) fn shows(&self, picture: &image::RgbaImage, allowed: u8) -> bool {
        let (width, height) = (picture.width() as usize, picture.height() as usize);
        let at = |x: usize, y: usize, dx: usize, dy: usize| {
            let (got, want) = (self.pixels[(y + dy) * self.width + x + dx], picture.get_pixel(dx as u32, dy as u32).0);
            (0..3).all(|c| got[c].abs_diff(want[c]) <= allowed)
        };
        let positions = (0..=self.height - height).flat_map(|y| (0..=self.width - width).map(move |x| (x, y)));
        positions.into_iter().any(|(x, y)| (0..width * height).all(|i| at(x, y, i % width, i / width)))
    }
}

/// A display, until it is dropped.
pub(crate) struct Display {
    _xvfb: Running,
    folder: TempDir,
    /// As programs are told of it.
    pub(crate) name: String,
}

impl Display {
    /// Of so many pixels; none where Xvfb is not there.
    pub(crate) fn open(size: &str) -> Option<Display> {
        let folder = tempfile::tempdir().unwrap();
        let mut xvfb = Command::new("Xvfb");
        xvfb.args(["-displayfd", "1", "-screen", "0", &format!("{size}x24"), "-fbdir"]).arg(folder.path());
        let Ok(mut xvfb) = xvfb.stdout(Stdio::piped()).stderr(Stdio::null()).spawn() else {
            println!("not tested: Xvfb is not there (scripts/setup-display.sh)");
            return None;
        };
        let mut number = String::new();
        let out = xvfb.stdout.take().unwrap();
        let xvfb = Running(xvfb);
        BufReader::new(out).read_line(&mut number).unwrap();
        Some(Display { _xvfb: xvfb, folder, name: format!(":{}", number.trim()) })
    }

    /// Begins a program with a window on it.
    pub(crate) fn run(&self, command: &mut Command) -> Running {
        command.env("DISPLAY", &self.name).env_remove("WAYLAND_DISPLAY").env("XDG_RUNTIME_DIR", self.folder.path());
        Running(command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}")))
    }

    /// What is on it; none before it has any.
    pub(crate) fn screen(&self) -> Option<Screen> {
        Screen::read(&self.folder.path().join("Xvfb_screen0"))
    }
}
