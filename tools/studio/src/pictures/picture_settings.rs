//! What a picture says about how it was made: one XMP packet, the same in PNG, JPEG, WebP, GIF and MP4.
//!
//! It says the tool, the network (name of the file and sha256), the command and its flags, and by IPTC's digital source type that the
//! picture is synthetic. It holds no time, path, batch or shard: the same picture has the same bytes whenever it is drawn. It is not
//! signed, so it is a statement and no proof.
//!
//! Reading takes any file for hostile: sizes are checked before anything is allocated, and what is printed as a command is made of
//! known flags and harmless characters only.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Read, Seek, SeekFrom};

use serde::{Deserialize, Serialize};
use stylegan_wgpu::internals::text::is_plain;

mod container;
mod packet;
pub use container::embed;
pub(crate) use container::{gif_extension, mp4_box, png_text};

/// More is neither written nor read: a JPEG segment holds 65,533 bytes.
const MOST_BYTES: usize = 60_000;

/// Commands whose pictures can be made again, and the flags that decide them.
const COMMANDS: [&str; 7] = ["generate", "grid", "mix", "edit", "video", "blend", "serve"];
const FLAGS: [&str; 38] = [
    "split",
    "width",
    "mapping",
    "seeds",
    "seed",
    "rows",
    "cols",
    "styles",
    "trunc",
    "trunc-cutoff",
    "class",
    "noise-mode",
    "noise-seed",
    "precision",
    "no-tune",
    "conv-clamp",
    "translate",
    "rotate",
    "zoom",
    "pan",
    "turns",
    "zoom-to",
    "projected-w",
    "centers",
    "direction",
    "style-channel",
    "strength",
    "steps",
    "layers",
    "columns",
    "labels",
    "size",
    "grid",
    "num-keyframes",
    "w-frames",
    "shuffle-seed",
    "fps",
    "interpolation",
];
/// Flags without a value.
const SWITCHES: [&str; 2] = ["no-tune", "labels"];
/// Flags whose value is `FILE` or `FILE:KEY`.
const FILES: [&str; 3] = ["projected-w", "direction", "centers"];
/// The second network of `blend`.
const HIGH: &str = "high";
/// What `serve` is asked for; no flag of a command line.
const REQUEST: &str = "request";

/// How a picture was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// Name and version of the program.
    pub tool: String,
    /// The network's file, without its folder; none is the built-in one.
    pub network: Option<String>,
    /// Of the network's configuration and tensors.
    pub sha256: String,
    /// `generate`, `grid`, `mix`, `edit`, `video`, `blend`; `serve` where only a request makes it again.
    pub command: String,
    /// Flags and values, or `request` of `serve`, or `high` of `blend`, its second network. A switch has an empty value.
    pub flags: Vec<(String, String)>,
    /// Of the rows of w, directions and centres that came from files: sha256 of their values (f32, little endian) by flag. Of `high`, as
    /// of the network.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub values: BTreeMap<String, String>,
}

/// What kind of file a picture or film is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// PNG, moving ones among them.
    Png,
    /// JPEG.
    Jpeg,
    /// WebP, moving ones among them.
    Webp,
    /// GIF.
    Gif,
    /// MP4.
    Mp4,
}

impl Kind {
    /// The end of a file's name.
    pub fn extension(self) -> &'static str {
        match self {
            Kind::Png => "png",
            Kind::Jpeg => "jpg",
            Kind::Webp => "webp",
            Kind::Gif => "gif",
            Kind::Mp4 => "mp4",
        }
    }
}

impl Settings {
    /// The packet; none when it would be too large for a JPEG, as of a list of ten thousand seeds.
    pub fn xmp(&self) -> Option<String> {
        let json = serde_json::to_string(self).ok()?;
        let packet = packet::write(&self.tool, &json);
        (packet.len() <= MOST_BYTES).then_some(packet)
    }

    /// Reads those of a picture; none where it has none.
    pub fn read(file: &mut (impl Read + Seek)) -> Result<(Kind, Option<Settings>), PictureError> {
        let (kind, packet) = container::extract(file)?;
        let Some(packet) = packet else { return Ok((kind, None)) };
        let Some(json) = packet::read(&packet)? else { return Ok((kind, None)) };
        let settings: Settings = serde_json::from_str(&json).map_err(|_| PictureError::Damaged("its settings cannot be read"))?;
        match settings.checked() {
            Some(settings) => Ok((kind, Some(settings))),
            None => Err(PictureError::Damaged("its settings are not what this program writes")),
        }
    }

    /// None of what this program would not have written. Nothing of it may do harm where it is printed, or pasted into a shell.
    fn checked(mut self) -> Option<Settings> {
        let plain = |text: &str| text.chars().all(is_plain);
        let is_hash = |text: &str| text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let known = |(name, value): &(String, String)| match name.as_str() {
            REQUEST => self.command == "serve" && is_request(value),
            HIGH => self.command == "blend" && plain(value),
            name if FILES.contains(&name) => plain(value),
            // b64.conv0:123=+5
            "style-channel" => !value.is_empty() && value.bytes().all(|byte| is_harmless(byte) || byte == b'='),
            name => FLAGS.contains(&name) && SWITCHES.contains(&name) == value.is_empty() && value.bytes().all(is_harmless),
        };
        let values = |(name, hash): (&String, &String)| (name == HIGH || FILES.contains(&name.as_str())) && is_hash(hash);
        let whole = self.tool.strip_prefix("stylegan ").is_some_and(|version| version.bytes().all(is_harmless))
            && COMMANDS.contains(&self.command.as_str())
            && (self.command == "serve") == self.flag(REQUEST).is_some()
            && (self.command == "blend") == (self.network.is_some() && self.flag(HIGH).is_some())
            && self.flags.iter().all(known)
            && self.values.iter().all(values)
            && is_hash(&self.sha256);
        if !whole {
            return None;
        }
        // Names of files, without folders: another system's share is not to be asked for them.
        if let Some(network) = &mut self.network {
            *network = Some(file_name(network)).filter(|name| !name.is_empty() && plain(name))?.to_owned();
        }
        for (_, value) in self.flags.iter_mut().filter(|(name, _)| name == HIGH) {
            *value = Some(file_name(value)).filter(|name| !name.is_empty())?.to_owned();
        }
        for (_, value) in self.flags.iter_mut().filter(|(name, _)| FILES.contains(&name.as_str())) {
            *value = source_name(value)?;
        }
        Some(self)
    }

    /// The value of a flag.
    pub fn flag(&self, name: &str) -> Option<&str> {
        self.flags.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The path and query that makes a picture of `serve` again.
    pub fn request(&self) -> Option<&str> {
        self.flag(REQUEST)
    }

    /// What to type into a POSIX shell for the picture in a file of this kind, beside the files it was made from; for `serve` the command
    /// that [`Settings::request`] is sent to.
    pub fn command_line(&self, kind: Kind) -> String {
        let mut arguments = vec![self.command.clone()];
        // A name that begins as a flag does is none.
        let file = |name: &str| if name.starts_with('-') { format!("./{name}") } else { name.into() };
        match (&self.network, self.flag(HIGH)) {
            (Some(low), Some(high)) => arguments.extend([file(low), file(high)]),
            (Some(network), None) => arguments.push(format!("--network={network}")),
            (None, _) => {}
        }
        for (name, value) in self.flags.iter().filter(|(name, _)| ![REQUEST, HIGH].contains(&name.as_str())) {
            arguments.push(if value.is_empty() { format!("--{name}") } else { format!("--{name}={value}") });
        }
        let extension = kind.extension();
        match self.command.as_str() {
            // A sheet beside the pictures is always a PNG.
            "generate" | "mix" if kind == Kind::Png => arguments.push("--outdir=again".into()),
            "generate" | "mix" => arguments.extend([format!("--format={extension}"), "--outdir=again".into()]),
            "serve" => {}
            "blend" => arguments.extend(["--output=again.safetensors".into(), format!("--preview=again.{extension}")]),
            // Of `edit`, a .png is a strip.
            "edit" if kind == Kind::Png && self.flag("fps").is_some() => arguments.push("--output=again.apng".into()),
            _ => arguments.push(format!("--output=again.{extension}")),
        }
        arguments.iter().fold("stylegan".into(), |line, argument| format!("{line} {}", quoted(argument)))
    }
}

/// Why a picture's settings cannot be told.
#[derive(Debug)]
pub enum PictureError {
    /// It could not be read.
    Io(io::Error),
    /// It is no picture of a kind that has settings.
    Unrecognised,
    /// It is not whole, or not what it says it is.
    Damaged(&'static str),
}

impl fmt::Display for PictureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PictureError::Io(error) if error.kind() == io::ErrorKind::UnexpectedEof => f.write_str("the picture is cut off"),
            PictureError::Io(error) => error.fmt(f),
            PictureError::Unrecognised => f.write_str("is neither a PNG, a JPEG, a WebP, a GIF nor an MP4"),
            PictureError::Damaged(what) => write!(f, "the picture is damaged: {what}"),
        }
    }
}

impl std::error::Error for PictureError {}

impl From<io::Error> for PictureError {
    fn from(error: io::Error) -> PictureError {
        PictureError::Io(error)
    }
}

/// Whether a file begins as a picture does. Leaves it at its beginning.
pub fn is_picture(file: &mut (impl Read + Seek)) -> io::Result<bool> {
    let mut head = Vec::new();
    file.by_ref().take(container::HEAD as u64).read_to_end(&mut head)?;
    file.seek(SeekFrom::Start(0))?;
    Ok(container::kind_of(&head).is_some())
}

/// What follows the last separator of any system.
pub fn file_name(path: &str) -> &str {
    path.trim_end_matches(['/', '\\']).rsplit(['/', '\\']).next().unwrap_or_default()
}

/// The name of a file or folder as pictures have it: without those above it, of plain characters, and never empty.
pub fn public_name(path: &str) -> String {
    let name: String = file_name(path).chars().map(|c| if is_plain(c) { c } else { '_' }).collect();
    if name.is_empty() { "_".into() } else { name }
}

/// `FILE:KEY` as pictures have it, which is what reading them accepts. A key that names folders of a machine is left out.
pub fn public_source(file: &str, key: Option<&str>) -> String {
    let name = public_name(file);
    let name = Some(name.trim_start_matches(':')).filter(|name| !name.is_empty()).unwrap_or("_");
    let key = key.filter(|key| is_public_key(key)).map(|key| format!(":{key}")).unwrap_or_default();
    format!("{name}{key}")
}

/// A key may be a path, as of a dict of pictures, but not one from the root of a disk.
fn is_public_key(key: &str) -> bool {
    let from_root = key.starts_with(['/', '\\']) || key.contains(":/") || key.contains(":\\");
    !from_root && key.chars().all(is_plain)
}

/// `FILE:KEY` as a picture says it, with a file of no folder; none of what [`public_source`] would not write.
fn source_name(source: &str) -> Option<String> {
    let (file, key) = source.split_once(':').map_or((source, None), |(file, key)| (file, Some(key)));
    let file = Some(file_name(file)).filter(|name| !name.is_empty())?;
    match key {
        None => Some(file.into()),
        Some(key) => is_public_key(key).then(|| format!("{file}:{key}")),
    }
}

/// What values of flags are made of.
fn is_harmless(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b".,:+-_".contains(&byte)
}

fn is_request(text: &str) -> bool {
    text.starts_with('/') && !text.starts_with("//") && text.bytes().all(|byte| is_harmless(byte) || b"/?&=%".contains(&byte))
}

/// For a POSIX shell: as it is where it is harmless, otherwise in quotes.
pub fn quoted(text: &str) -> String {
    match text.bytes().all(|byte| is_harmless(byte) || b"=/".contains(&byte)) {
        true => text.into(),
        false => format!("'{}'", text.replace('\'', "'\\''")),
    }
}

#[cfg(test)]
mod tests;
