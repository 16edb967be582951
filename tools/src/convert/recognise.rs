//! What a file is, by its content: the container first, then what the pickle in it holds. What we cannot run is named.

use super::archive::{self, Member};
use super::budget::Budget;
use super::error::{ConvertError, Result};
use super::globals::Global;
use super::network::Converted;
use super::state_dict::{StateDict, known_stranger};
use super::torch::{Checkpoint, MAGIC};
use super::{Progress, genforce, nvlabs, pickle, rosinality, tf};

/// The container of a checkpoint.
#[derive(Debug)]
pub(crate) enum Kind<'a> {
    /// A file of ours.
    SafeTensors,
    /// A bare pickle.
    Pickle,
    /// torch.save before version 1.6.
    TorchLegacy,
    /// torch.save since: a zip archive.
    TorchZip(Vec<Member<'a>>),
    /// A zip archive with OpenVINO files.
    OpenVino,
}

/// Tells the container of `bytes`.
pub(crate) fn kind(bytes: &[u8]) -> Result<Kind<'_>> {
    let refuse = |text: &str| Err(ConvertError::Unrecognised(text.to_owned()));
    let text = text_head(bytes);
    if bytes.is_empty() {
        return refuse("the file is empty; download it again");
    }
    if bytes.starts_with(b"PK\x03\x04") {
        return zip(bytes);
    }
    if bytes.len() > 9 && bytes[8] == b'{' && bytes[..8].iter().rev().take(3).all(|&byte| byte == 0) {
        return Ok(Kind::SafeTensors);
    }
    if text.starts_with("version https://git-lfs") {
        let size = text.lines().find_map(|line| line.strip_prefix("size ")?.trim().parse::<u64>().ok());
        let size = size.map_or(String::new(), |size| format!(" (the file itself has {size} bytes)"));
        return refuse(&format!("this is a Git LFS pointer, not the checkpoint{size}; fetch it with `git lfs pull`"));
    }
    let lower = text.trim_start_matches('\u{feff}').trim_start().to_ascii_lowercase();
    if ["<!doctype", "<html", "<head", "<?xml", "<!--", "<body"].iter().any(|tag| lower.starts_with(tag)) {
        return refuse("this is a web page, not a checkpoint: the download failed or asked for a confirmation; open the link in a browser");
    }
    let known: [(&[u8], &str); 8] = [
        (b"\x89HDF", "an HDF5 file (Keras); StyleGAN checkpoints are pickles"),
        (b"\x1f\x8b", "a gzip archive; unpack it first"),
        (b"7z\xbc\xaf", "a 7z archive; unpack it first"),
        (b"Rar!", "a RAR archive; unpack it first"),
        (b"\x89PNG", "a PNG picture, not a checkpoint"),
        (b"\xff\xd8\xff", "a JPEG picture, not a checkpoint"),
        (b"BZh", "a bzip2 archive; unpack it first"),
        (b"\xfd7zXZ", "an xz archive; unpack it first"),
    ];
    if let Some((_, what)) = known.iter().find(|(magic, _)| bytes.starts_with(magic)) {
        return refuse(&format!("this is {what}"));
    }
    if bytes.get(257..262) == Some(b"ustar") {
        return refuse("this is a tar archive; unpack it, or save a checkpoint of before PyTorch 0.1.10 again with a newer one");
    }
    // Protocols 2 and up begin with their number; 0 and 1 with the opcode of a container or a global.
    match bytes[0] {
        0x80 => Ok(if is_legacy(bytes) { Kind::TorchLegacy } else { Kind::Pickle }),
        b'(' | b'c' | b'}' | b']' if !looks_like_text(bytes) || is_pickle(bytes) => Ok(Kind::Pickle),
        b'L' if is_legacy(bytes) => Ok(Kind::TorchLegacy),
        _ if looks_like_text(bytes) => refuse("this is a text file, not a checkpoint"),
        _ => refuse("this is no checkpoint we know: neither a pickle, nor a PyTorch archive, nor a .safetensors of ours"),
    }
}

fn zip(bytes: &[u8]) -> Result<Kind<'_>> {
    let members = archive::members(bytes)?;
    let any = |test: &dyn Fn(&str) -> bool| members.iter().any(|member| test(member.name));
    if any(&|name| name.contains("random_face/data/")) || any(&|name| name.ends_with("Network.xml")) {
        return Ok(Kind::OpenVino);
    }
    if any(&|name| name.ends_with("/constants.pkl") || name.contains("/code/__torch__")) {
        return Err(ConvertError::unsupported("this is a TorchScript archive, a program with its weights; save the state_dict instead"));
    }
    if any(&|name| name == "data.pkl" || name.ends_with("/data.pkl")) {
        return Ok(Kind::TorchZip(members));
    }
    let first: Vec<_> = members.iter().take(3).map(|member| member.name).collect();
    Err(ConvertError::Unrecognised(format!("this zip archive ({}) is no checkpoint; unpack it if one is inside", first.join(", "))))
}

/// Converts what the pickle holds.
pub(crate) fn convert(checkpoint: &Checkpoint<'_>, progress: &mut Progress<'_>) -> Result<Converted> {
    if nvlabs::recognises(checkpoint) {
        return nvlabs::convert(checkpoint, progress);
    }
    if tf::recognises(checkpoint) {
        return tf::convert(checkpoint, progress);
    }
    if let Some(generator) = genforce::find(checkpoint) {
        return genforce::convert(&generator, progress);
    }
    if let Some(found) = rosinality::find(checkpoint)? {
        return rosinality::convert(&found, progress);
    }
    Err(stranger(checkpoint))
}

/// The refusal of a pickle that is none of the generators we run: by name, when it is something known.
fn stranger(checkpoint: &Checkpoint<'_>) -> ConvertError {
    let pickle = &checkpoint.pickle;
    match pickle.class(pickle.root) {
        Some(Global::ProgressiveGan) => {
            return ConvertError::unsupported("this is a Progressive GAN, the generation before StyleGAN; it is not supported");
        }
        Some(Global::TorchModule) => {
            let what = pickle.describe(pickle.root);
            return ConvertError::unsupported(format!("this pickle is {what}, a whole PyTorch module and no StyleGAN generator"));
        }
        _ => {}
    }
    // The dict itself, then the dicts one level down that people wrap them in.
    let inner = ["state_dict", "GAN", "g_ema", "generator", "model", "params_ema", "d", "models"].map(|key| pickle.get(pickle.root, key));
    for id in std::iter::once(pickle.root).chain(inner.into_iter().flatten()) {
        if let Some(what) = StateDict::new(checkpoint, id).as_ref().and_then(known_stranger) {
            return ConvertError::unsupported(format!("this is {what}"));
        }
    }
    ConvertError::Unrecognised(format!("this pickle holds {}; it is no StyleGAN generator we know", pickle.describe(pickle.root)))
}

/// Whether a file that may be text is a pickle of protocol 0.
fn is_pickle(bytes: &[u8]) -> bool {
    matches!(pickle::parse(bytes, &Budget::for_file(bytes.len())), Ok(_) | Err(ConvertError::ForbiddenGlobal(_)))
}

fn is_legacy(bytes: &[u8]) -> bool {
    // The number is 15 bytes of protocol 2, a line of protocol 0.
    let head = &bytes[..bytes.len().min(64)];
    pickle::parse(head, &Budget::for_file(head.len())).is_ok_and(|pickle| pickle.int(pickle.root) == Some(MAGIC))
}

/// The beginning as text, up to the first byte that is none.
fn text_head(bytes: &[u8]) -> &str {
    let head = &bytes[..bytes.len().min(1024)];
    match std::str::from_utf8(head) {
        Ok(text) => text,
        Err(error) => std::str::from_utf8(&head[..error.valid_up_to()]).unwrap_or(""),
    }
}

fn looks_like_text(bytes: &[u8]) -> bool {
    bytes.iter().take(1024).all(|&byte| byte >= b' ' || matches!(byte, b'\n' | b'\r' | b'\t'))
}
