//! MP4 through the program ffmpeg: raw frames into its standard input, no shell.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::thread::JoinHandle;

use super::super::picture_settings::mp4_box;
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

/// More than the index of any film: 40 bytes a frame.
const MOST_INDEX: u64 = 64 << 20;

/// A running ffmpeg; it is ended when this is dropped.
pub(super) struct Ffmpeg {
    child: Child,
    frames: Option<ChildStdin>,
    complaints: Option<JoinHandle<String>>,
    path: PathBuf,
    /// Frames it was given.
    pushed: u32,
    /// XMP.
    packet: Option<String>,
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
        Ok(Ffmpeg { child, frames, complaints, path: path.into(), pushed: 0, packet: None })
    }

    pub(super) fn push(&mut self, rgb: &[u8]) -> Result<()> {
        match self.frames.as_mut().map(|frames| frames.write_all(rgb)) {
            Some(Ok(())) => {
                self.pushed += 1;
                Ok(())
            }
            // It has ended, and has said why.
            _ => Err(self.end().err().unwrap_or_else(|| AnimationError::Ffmpeg("ffmpeg takes no more frames".into()))),
        }
    }

    /// Has the file carry an XMP packet.
    pub(super) fn describe(&mut self, packet: &str) {
        self.packet = Some(packet.into());
    }

    /// Completes the file, and opens it again: ffmpeg ends with success on a full disk, too.
    pub(super) fn finish(mut self) -> Result<()> {
        self.end()?;
        if let Some(packet) = &self.packet {
            OpenOptions::new().append(true).open(&self.path)?.write_all(&mp4_box(packet))?;
        }
        check_film(&self.path, self.pushed)
            .map_err(|what| AnimationError::Ffmpeg(format!("ffmpeg said that all was well, but {what}; is the disk full?")))
    }

    /// Closes its input and waits.
    fn end(&mut self) -> Result<()> {
        self.frames = None;
        let status = self.child.wait()?;
        let complaints = self.complaints.take().and_then(|thread| thread.join().ok()).unwrap_or_default();
        // At the level of errors it says nothing when all is well.
        if status.success() && complaints.trim().is_empty() {
            return Ok(());
        }
        let reason = complaints.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("without a reason").to_owned();
        Err(AnimationError::Ffmpeg(format!("ffmpeg failed ({status}): {reason}")))
    }
}

/// Whether an MP4 is whole: its boxes fill the file, there is a picture of each frame in it, and an index that says so.
fn check_film(path: &Path, frames: u32) -> std::result::Result<(), String> {
    let unreadable = |error: io::Error| format!("the file cannot be read again ({error})");
    let mut file = File::open(path).map_err(unreadable)?;
    let length = file.metadata().map_err(unreadable)?.len();
    let (mut at, mut index, mut pictures) = (0, None, 0);
    while at < length {
        let mut head = [0; 16];
        file.seek(SeekFrom::Start(at)).map_err(unreadable)?;
        let short = length - at < 16;
        file.read_exact(&mut head[..if short { 8.min((length - at) as usize) } else { 16 }]).map_err(unreadable)?;
        let (size, start) = match number(&head, 0) {
            1 => (u64::from(number(&head, 8)) << 32 | u64::from(number(&head, 12)), 16),
            size => (u64::from(size), 8),
        };
        if size < start || size > length - at {
            return Err(format!("the file ends early ({length} bytes)"));
        }
        match &head[4..8] {
            b"mdat" => pictures += size - start,
            b"moov" if size <= MOST_INDEX => {
                let mut moov = vec![0; (size - start) as usize];
                file.seek(SeekFrom::Start(at + start)).map_err(unreadable)?;
                file.read_exact(&mut moov).map_err(unreadable)?;
                index = Some(moov);
            }
            _ => {}
        }
        at += size;
    }
    let index = index.ok_or("the file has no index")?;
    let table = [b"trak", b"mdia", b"minf", b"stbl", b"stsz"].iter().try_fold(&index[..], |inside, name| inner(inside, name));
    // Version and flags, one size for all or 0, the number of frames, their sizes.
    match table.filter(|table| table.len() >= 12).map(|table| number(table, 8)) {
        Some(found) if found == frames && pictures > 0 => Ok(()),
        found => Err(format!("the file has {} of {frames} frames", found.unwrap_or(0))),
    }
}

/// What is in the first box of a name.
fn inner<'b>(mut boxes: &'b [u8], name: &[u8; 4]) -> Option<&'b [u8]> {
    while boxes.len() >= 8 {
        let size = (number(boxes, 0) as usize).clamp(8, boxes.len());
        if &boxes[4..8] == name {
            return Some(&boxes[8..size]);
        }
        boxes = &boxes[size..];
    }
    None
}

fn number(bytes: &[u8], at: usize) -> u32 {
    bytes[at..].first_chunk().map_or(0, |bytes| u32::from_be_bytes(*bytes))
}

impl Drop for Ffmpeg {
    fn drop(&mut self) {
        // Fails when it has ended, as it should.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A box of MP4.
    fn boxed(name: &[u8; 4], content: &[u8]) -> Vec<u8> {
        [&(content.len() as u32 + 8).to_be_bytes()[..], name, content].concat()
    }

    fn film(frames: u32) -> Vec<u8> {
        let table = boxed(b"stsz", &[&[0; 8][..], &frames.to_be_bytes(), &[0; 8]].concat());
        let index = [b"stbl", b"minf", b"mdia", b"trak", b"moov"].iter().fold(table, |inside, name| boxed(name, &inside));
        [boxed(b"ftyp", b"isom"), index, boxed(b"mdat", &[7; 100])].concat()
    }

    #[test]
    fn a_film_that_is_not_whole_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("film");
        let check = |bytes: &[u8], frames| {
            std::fs::write(&path, bytes).unwrap();
            check_film(&path, frames)
        };
        let whole = film(3);
        assert_eq!(check(&whole, 3), Ok(()));
        assert!(check(&whole, 4).unwrap_err().contains("3 of 4 frames"));
        for end in 0..whole.len() {
            assert!(check(&whole[..end], 3).is_err(), "{end} of {} bytes", whole.len());
        }
        let no_index = [boxed(b"ftyp", b"isom"), boxed(b"mdat", &[7; 100])].concat();
        assert!(check(&no_index, 3).unwrap_err().contains("no index"));
        // A size of 64 bits that is beyond the file, and one that would never move on.
        assert!(check(&[&1u32.to_be_bytes()[..], b"mdat", &[0xff; 8]].concat(), 3).is_err());
        assert!(check(&[&4u32.to_be_bytes()[..], b"mdat", &[0; 8]].concat(), 3).is_err());
    }
}
