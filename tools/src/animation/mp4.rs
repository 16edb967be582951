//! MP4 through the program ffmpeg: raw frames into its standard input, no shell.

use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::thread::JoinHandle;

use super::{AnimationError, Result, Spec};

const INSTEAD: &str = "or write .webp, .gif or .png, which need nothing";

/// x264's scale of quality, less is better: 18 is taken for visually lossless.
const CRF: &str = "18";

/// Refuses to begin without an ffmpeg that can encode H.264.
pub(super) fn check() -> Result<()> {
    let output = Command::new("ffmpeg").args(["-hide_banner", "-encoders"]).stdin(Stdio::null()).output().map_err(cannot_start)?;
    if String::from_utf8_lossy(&output.stdout).split_whitespace().any(|word| word == "libx264") {
        return Ok(());
    }
    Err(AnimationError::Ffmpeg(format!("this ffmpeg has no libx264 to write .mp4 with; install one that has, {INSTEAD}")))
}

fn cannot_start(error: io::Error) -> AnimationError {
    AnimationError::Ffmpeg(match error.kind() {
        io::ErrorKind::NotFound => {
            format!(".mp4 needs the program ffmpeg, which is not installed: install it (apt-get, brew or winget install ffmpeg), {INSTEAD}")
        }
        _ => format!("ffmpeg cannot be started: {error}"),
    })
}

/// A running ffmpeg; it is ended when this is dropped.
pub(super) struct Ffmpeg {
    child: Child,
    frames: Option<ChildStdin>,
    complaints: Option<JoinHandle<String>>,
}

impl Ffmpeg {
    /// Begins an MP4 at `path`, whose name may end in anything.
    pub(super) fn start(path: &Path, spec: &Spec) -> Result<Ffmpeg> {
        // A path is a path, and neither an option nor an address.
        let mut target = OsString::from("file:");
        target.push(path);
        let (size, fps) = (format!("{}x{}", spec.width, spec.height), spec.fps.to_string());
        let mut child = Command::new("ffmpeg")
            .args(["-hide_banner", "-loglevel", "error", "-y"])
            .args(["-f", "rawvideo", "-pixel_format", "rgb24", "-video_size", &size, "-framerate", &fps, "-i", "pipe:0"])
            .args(["-an", "-c:v", "libx264", "-crf", CRF])
            // Said, and done: players guess the matrix by the size when nobody says.
            .args(["-vf", "scale=out_color_matrix=bt709:out_range=tv", "-pix_fmt", "yuv420p"])
            .args(["-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709", "-color_range", "tv"])
            .args(["-movflags", "+faststart", "-f", "mp4"])
            .arg(target)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(cannot_start)?;
        let (frames, stderr) = (child.stdin.take(), child.stderr.take());
        // Read as it comes: ffmpeg would wait for a reader of a full pipe.
        let complaints = stderr.map(|mut stderr| {
            std::thread::spawn(move || {
                let mut text = Vec::new();
                let _ = stderr.by_ref().take(1 << 12).read_to_end(&mut text);
                let _ = io::copy(&mut stderr, &mut io::sink());
                String::from_utf8_lossy(&text).into_owned()
            })
        });
        Ok(Ffmpeg { child, frames, complaints })
    }

    pub(super) fn push(&mut self, rgb: &[u8]) -> Result<()> {
        match self.frames.as_mut().map(|frames| frames.write_all(rgb)) {
            Some(Ok(())) => Ok(()),
            // It has ended, and has said why.
            _ => Err(self.end().err().unwrap_or_else(|| AnimationError::Ffmpeg("ffmpeg takes no more frames".into()))),
        }
    }

    pub(super) fn finish(mut self) -> Result<()> {
        self.end()
    }

    /// Closes its input and waits.
    fn end(&mut self) -> Result<()> {
        self.frames = None;
        let status = self.child.wait()?;
        let complaints = self.complaints.take().and_then(|thread| thread.join().ok()).unwrap_or_default();
        if status.success() {
            return Ok(());
        }
        let reason = complaints.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("without a reason").to_owned();
        Err(AnimationError::Ffmpeg(format!("ffmpeg failed ({status}): {reason}")))
    }
}

impl Drop for Ffmpeg {
    fn drop(&mut self) {
        // Fails when it has ended, as it should.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
