//! What a picture says about how it was made: one XMP packet, the same in PNG, JPEG and WebP.
//!
//! It says the tool, the network (name of the file and sha256), the command and its flags, and by IPTC's digital source type that the
//! picture is synthetic. It holds no time, path, batch or shard: the same picture has the same bytes whenever it is drawn. It is not
//! signed, so it is a statement and no proof.
//!
//! Reading takes any file for hostile: sizes are checked before anything is allocated, and what is printed as a command is made of
//! known flags and harmless characters only.

use std::fmt;
use std::io::{self, Read, Seek, SeekFrom};

use roxmltree::{Document, ParsingOptions};
use serde::{Deserialize, Serialize};

mod container;
pub use container::embed;

/// The name of our property in XMP.
const NAMESPACE: &str = "urn:stylegan-wgpu:";
/// IPTC's word for pictures that a trained model has made.
const SYNTHETIC: &str = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia";
/// More is neither written nor read: a JPEG segment holds 65,533 bytes.
const MOST_BYTES: usize = 60_000;

/// Commands whose pictures can be made again, and the flags that decide them. `FILE` flags are reduced to a name without folders.
const COMMANDS: [&str; 5] = ["generate", "grid", "mix", "edit", "serve"];
const FLAGS: [&str; 21] = [
    "seeds", "seed", "rows", "cols", "styles", "trunc", "trunc-cutoff", "class", "noise-mode", "noise-seed", "precision", "no-tune",
    "projected-w", "direction", "strength", "steps", "layers", "columns", "labels", "size", "grid",
];
/// Flags without a value.
const SWITCHES: [&str; 2] = ["no-tune", "labels"];

/// How a picture was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// Name and version of the program.
    pub tool: String,
    /// The network's file, without its folder; none is the built-in one.
    pub network: Option<String>,
    /// Of the network's configuration and tensors.
    pub sha256: String,
    /// `generate`, `grid`, `mix`, `edit`; `serve` where only a request makes it again.
    pub command: String,
    /// Flags and values, or `request` of `serve`. A switch has an empty value.
    pub flags: Vec<(String, String)>,
}

impl Settings {
    /// The packet; none when it would be too large for a JPEG, as of a list of ten thousand seeds.
    pub fn xmp(&self) -> Option<String> {
        let json = serde_json::to_string(self).ok()?;
        let packet = format!(
            "<?xpacket begin=\"\u{feff}\" id=\"W5M0MpCehiHzreSzNTczkc9d\"?><x:xmpmeta xmlns:x=\"adobe:ns:meta/\">\
             <rdf:RDF xmlns:rdf=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\"><rdf:Description rdf:about=\"\" \
             xmlns:xmp=\"http://ns.adobe.com/xap/1.0/\" xmlns:Iptc4xmpExt=\"http://iptc.org/std/Iptc4xmpExt/2008-02-29/\" \
             xmlns:stylegan=\"{NAMESPACE}\"><xmp:CreatorTool>{}</xmp:CreatorTool>\
             <Iptc4xmpExt:DigitalSourceType>{SYNTHETIC}</Iptc4xmpExt:DigitalSourceType>\
             <stylegan:settings>{}</stylegan:settings></rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end=\"r\"?>",
            escaped(&self.tool),
            escaped(&json)
        );
        (packet.len() <= MOST_BYTES).then_some(packet)
    }

    /// Reads those of a picture; none where it has none.
    pub fn read(file: &mut (impl Read + Seek)) -> Result<Option<Settings>, PictureError> {
        let Some(packet) = container::extract(file)? else { return Ok(None) };
        let options = ParsingOptions { allow_dtd: false, nodes_limit: 10_000, ..Default::default() };
        let damaged = || PictureError::Damaged("its XMP cannot be read");
        let document = Document::parse_with_options(packet.trim_start_matches('\u{feff}'), options).map_err(|_| damaged())?;
        let ours = |node: &roxmltree::Node<'_, '_>| node.tag_name().namespace() == Some(NAMESPACE) && node.tag_name().name() == "settings";
        // A program that has rewritten the packet may have made an attribute of the element.
        let element = document.descendants().find(ours).and_then(|node| node.text());
        let text = element.or_else(|| document.descendants().find_map(|node| node.attribute((NAMESPACE, "settings"))));
        let Some(text) = text else { return Ok(None) };
        let settings: Settings = serde_json::from_str(text).map_err(|_| PictureError::Damaged("its settings cannot be read"))?;
        settings.checked().map(Some)
    }

    /// Refuses what this program would not have written. Nothing of it may do harm where it is printed, or pasted into a shell.
    fn checked(mut self) -> Result<Settings, PictureError> {
        let wrong = Err(PictureError::Damaged("its settings are not what this program writes"));
        let plain = |text: &str| text.len() <= MOST_BYTES && !text.chars().any(char::is_control);
        let texts = [&self.tool, &self.sha256, &self.command].into_iter().chain(&self.network);
        if !texts.chain(self.flags.iter().flat_map(|(name, value)| [name, value])).all(|text| plain(text)) {
            return wrong;
        }
        let request = |value: &str| value.starts_with('/') && value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/?&=:,._-".contains(&byte));
        let known = |(name, value): &(String, String)| match name.as_str() {
            "request" => self.command == "serve" && request(value),
            name => FLAGS.contains(&name) && SWITCHES.contains(&name) == value.is_empty(),
        };
        let hash = self.sha256.len() == 64 && self.sha256.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !COMMANDS.contains(&self.command.as_str()) || !self.flags.iter().all(known) || !hash || !self.tool.starts_with("stylegan ") {
            return wrong;
        }
        self.network = self.network.as_deref().map(|path| file_name(path).to_owned());
        for (name, value) in &mut self.flags {
            if matches!(name.as_str(), "direction" | "projected-w") {
                *value = file_name(value).to_owned();
            }
        }
        Ok(self)
    }

    /// The value of a flag.
    pub fn flag(&self, name: &str) -> Option<&str> {
        self.flags.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The arguments that make the picture again, without where to; none of a picture of `serve` that has no command of its own.
    pub fn arguments(&self) -> Option<Vec<String>> {
        if self.command == "serve" {
            return None;
        }
        let mut arguments = vec![self.command.clone()];
        if let Some(network) = &self.network {
            arguments.push(format!("--network={network}"));
        }
        let flag = |(name, value): &(String, String)| if value.is_empty() { format!("--{name}") } else { format!("--{name}={value}") };
        arguments.extend(self.flags.iter().map(flag));
        Some(arguments)
    }

    /// What to type into a shell.
    pub fn command_line(&self) -> String {
        let Some(mut arguments) = self.arguments() else {
            let network = self.network.as_ref().map(|network| format!(" {}", quoted(&format!("--network={network}")))).unwrap_or_default();
            let request = self.flag("request").unwrap_or("/");
            return format!("stylegan serve{network} &  curl -OJ {}", quoted(&format!("http://127.0.0.1:8080{request}")));
        };
        arguments.push(if matches!(self.command.as_str(), "generate" | "mix") { "--outdir=again" } else { "--output=again.png" }.into());
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
            PictureError::Unrecognised => f.write_str("is neither a PNG, a JPEG nor a WebP"),
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
    file.by_ref().take(12).read_to_end(&mut head)?;
    file.seek(SeekFrom::Start(0))?;
    Ok(container::Kind::of(&head).is_some())
}

/// What follows the last separator of any system.
pub fn file_name(path: &str) -> &str {
    path.trim_end_matches(['/', '\\']).rsplit(['/', '\\']).next().unwrap_or_default()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// For a POSIX shell: as it is where it is harmless, otherwise in quotes.
fn quoted(text: &str) -> String {
    match text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_=.,:/+".contains(&byte)) {
        true => text.into(),
        false => format!("'{}'", text.replace('\'', "'\\''")),
    }
}

#[cfg(test)]
mod tests;
