//! What a file is, by its content: the container first, then what the pickle in it holds. What we cannot run is named.

use std::path::Path;

use super::archive::{self, Member};
use super::budget::Budget;
use super::course::Course;
use super::error::{ConvertError, Result};
use super::find::{self, Layout, Place};
use super::globals::Global;
use super::nest::Nest;
use super::network::Converted;
use super::nvlabs::Untold;
use super::state_dict::{StateDict, known_stranger};
use super::torch::{Checkpoint, MAGIC};
use super::value::Value;
use super::{genforce, nvlabs, pickle, rosinality, stylegan3, tf};

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
    // A length that cannot be is told by who reads the header.
    if bytes.len() > 9 && bytes[8] == b'{' && (bytes[9] == b'"' || bytes[5..8] == [0; 3]) {
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
    let known: [(&[u8], &str); 17] = [
        (b"\x89HDF", "an HDF5 file (Keras); StyleGAN checkpoints are pickles"),
        (b"\x1f\x8b", "a gzip archive; unpack it first"),
        (b"7z\xbc\xaf", "a 7z archive; unpack it first"),
        (b"Rar!", "a RAR archive; unpack it first"),
        (b"\x89PNG", "a PNG picture, not a checkpoint"),
        (b"\xff\xd8\xff", "a JPEG picture, not a checkpoint"),
        (b"BZh", "a bzip2 archive; unpack it first"),
        (b"\xfd7zXZ", "an xz archive; unpack it first"),
        (b"\x28\xb5\x2f\xfd", "a Zstandard archive; unpack it first"),
        (b"\x04\x22\x4d\x18", "an LZ4 archive; unpack it first"),
        (b"GIF8", "a GIF picture, not a checkpoint"),
        (b"RIFF", "a picture or sound (RIFF: WebP, AVI, WAV), not a checkpoint"),
        (b"%PDF", "a PDF document, not a checkpoint"),
        (b"GGUF", "a GGUF file (a language model's weights), not a checkpoint of PyTorch or TensorFlow"),
        (
            crate::array_file::NPY,
            "a NumPy array (.npy), not a network; rows of w and directions are given apart from the network (the command: --projected-w, --direction)",
        ),
        (b"\x08\x07\x12\x07pytorch", "an ONNX graph, not a checkpoint; convert the checkpoint it was exported from"),
        (b"\x08\x08\x12\x07pytorch", "an ONNX graph, not a checkpoint; convert the checkpoint it was exported from"),
    ];
    if let Some((_, what)) = known.iter().find(|(magic, _)| bytes.starts_with(magic)) {
        return refuse(&format!("this is {what}"));
    }
    match bytes.get(4..8) {
        Some(b"ftyp") => return refuse("this is a video or picture (MP4, HEIF), not a checkpoint"),
        Some(b"TFL3") => return refuse("this is a TensorFlow Lite graph, not a checkpoint; convert the checkpoint it was made from"),
        _ => {}
    }
    if bytes.len() >= 64 && bytes.iter().take(4096).all(|&byte| byte == 0) {
        return refuse("this file begins with nothing but zeros: the download did not finish, or the disk lost it; download it again");
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

/// Refuses a folder that is none of OpenVINO's: a .pt was unpacked into it, whose tensors have lost the archive that says where they are, or
/// the checkpoint is a file in it.
pub(crate) fn refuse_folder(folder: &Path) -> Result<()> {
    let inner = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let unpacked = std::iter::once(folder.to_path_buf()).chain(inner.take(64)).find(|folder| folder.join("data.pkl").is_file());
    let has_graph = [folder, &folder.join("random_face/data")]
        .iter()
        .any(|folder| folder.join("MappingNetwork.xml").is_file() || folder.join("SynthesisNetwork.xml").is_file());
    match unpacked {
        None if has_graph => Ok(()),
        None => {
            let names =
                std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
            let mut names: Vec<String> = names.collect();
            names.sort();
            let held = if names.is_empty() { "nothing".to_owned() } else { list(&names) };
            Err(ConvertError::Unrecognised(format!(
                "this is a folder with {held} in it; name the checkpoint's file (of folders only a MobileStyleGAN's with SynthesisNetwork.xml is read)"
            )))
        }
        Some(folder) => Err(ConvertError::unsupported(format!(
            "this folder is an unpacked .pt ({} has its data.pkl); name the .pt itself, or pack it again, uncompressed: zip -0 -r ../network.pt .",
            folder.display()
        ))),
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
    if !members.is_empty() && members.iter().all(|member| member.name.ends_with(".npy")) {
        return Err(ConvertError::unsupported(format!(
            "this is an archive of NumPy arrays (.npz: {}), not a checkpoint; a network's arrays are read from a pickle, a .pt or a .safetensors, rows of w are given apart from the network (the command: --projected-w)",
            first.join(", ")
        )));
    }
    if any(&|name| name.ends_with("\\data.pkl")) {
        return Err(ConvertError::unsupported(
            "this .pt was packed again with backslashes in its names, which no zip archive has; unpack it and pack it again: zip -0 -r ../network.pt .",
        ));
    }
    Err(ConvertError::Unrecognised(format!("this zip archive ({}) is no checkpoint; unpack it if one is inside", first.join(", "))))
}

/// Converts the generator in what the pickle holds; `warnings` hears of what a user should know about it.
pub(crate) fn convert(
    checkpoint: &Checkpoint<'_>,
    untold: Untold,
    warnings: &mut Vec<String>,
    course: &mut Course<'_>,
) -> Result<Converted> {
    if checkpoint.lacks_storages() {
        return Err(ConvertError::unsupported("this is data.pkl out of a .pt; the weights lie beside it: name the .pt it came from"));
    }
    let nest = Nest::read(checkpoint)?;
    let converted = generator(&nest, untold, warnings, course)?;
    // What the budget had no room for was not looked at: nothing follows from it.
    nest.checkpoint.pickle.budget.work(1)?;
    if let Some(code) = nest.code() {
        warnings.push(format!("unpickled in Python, this file would call {code}: it may be an attack. Nothing was executed here"));
    }
    Ok(converted)
}

/// Converts the generator of a nest.
pub(crate) fn generator(nest: &Nest<'_>, untold: Untold, warnings: &mut Vec<String>, course: &mut Course<'_>) -> Result<Converted> {
    // Without wrappers first: beside a plain network in training the average may be a wrapped one, and the average is meant.
    if let Some(unwrapped) = nest.unwrapped()? {
        let mut heard = Vec::new();
        if let Some(place) = find::generator(&unwrapped, &mut heard)? {
            warnings.append(&mut heard);
            return placed(&unwrapped, &place, untold, warnings, course);
        }
    }
    match find::generator(nest, warnings)? {
        Some(place) => placed(nest, &place, untold, warnings, course),
        None => tf::convert(nest, warnings, course)?.ok_or_else(|| stranger(nest)),
    }
}

/// Converts the generator at a place.
fn placed(nest: &Nest<'_>, place: &Place, untold: Untold, warnings: &mut Vec<String>, course: &mut Course<'_>) -> Result<Converted> {
    let beside = find::companions(nest, &place.prefix);
    if !beside.is_empty() {
        warnings.push(format!("beside the generator the file holds {}, which is not used", list(&beside)));
    }
    match place.layout {
        Layout::Nvlabs => nvlabs::convert(nest, place, untold, warnings, course),
        Layout::StyleGan3 => stylegan3::convert(nest, place, course),
        Layout::Rosinality | Layout::BasicSr => rosinality::convert(nest, place, course),
        Layout::GenForce | Layout::InterFaceGan => genforce::convert(nest, place, course),
        Layout::AdrianSahlman => Err(ConvertError::unsupported(
            "this is a generator of adriansahlman/stylegan2_pytorch, whose names are not read; convert the checkpoint it was made from",
        )),
    }
    .map_err(|error| found(nest, &place.prefix, error))
}

/// An error that says of a tensor what stands in its place, where something does.
fn found(nest: &Nest<'_>, prefix: &str, error: ConvertError) -> ConvertError {
    match error {
        ConvertError::Tensor { name, needed, found } if found == "nothing" => {
            let found = nest.describe(&format!("{prefix}{name}")).unwrap_or(found);
            ConvertError::Tensor { name, needed, found }
        }
        other => other,
    }
}

/// The first few of a list of names.
fn list(names: &[String]) -> String {
    let first = names.iter().take(4).map(String::as_str).collect::<Vec<_>>().join(", ");
    if names.len() > 4 { format!("{first}, ...") } else { first }
}

/// The refusal of a pickle that is none of the generators we run: by name, when it is something known.
fn stranger(nest: &Nest<'_>) -> ConvertError {
    let pickle = &nest.checkpoint.pickle;
    if pickle.values.iter().any(|value| matches!(value, Value::Global(global) if global.kind == Global::ProgressiveGan)) {
        return ConvertError::unsupported("this is a Progressive GAN, the generation before StyleGAN; it is not supported");
    }
    // Each dict with tensors, the outermost first.
    let mut prefixes: Vec<&str> = vec![""];
    for name in nest.tensors.keys() {
        let steps = name.match_indices('.').take(4).map(|(at, _)| &name[..=at]);
        prefixes.extend(steps.filter(|prefix| !prefixes.contains(prefix)).collect::<Vec<_>>());
        if prefixes.len() > 400 {
            break;
        }
    }
    prefixes.sort_by_key(|prefix| prefix.len());
    if let Some(what) = prefixes.iter().find_map(|prefix| known_stranger(&StateDict::below(nest, prefix))) {
        return ConvertError::unsupported(format!("this is {what}"));
    }
    if let Some(code) = nest.code() {
        return ConvertError::ForbiddenGlobal(code);
    }
    if let Some(what) = find::part(nest) {
        return ConvertError::unsupported(format!("this is {what}; save the whole generator"));
    }
    let globals = pickle.values.iter().filter_map(|value| if let Value::Global(global) = value { Some(global) } else { None });
    if globals.map(|global| global.name.as_str()).any(|name| name.starts_with("_rebuild_meta_tensor")) {
        return ConvertError::unsupported("the tensors of this file were on PyTorch's meta device: it holds their shapes and no weights");
    }
    if let Some((place, lacking)) = find::incomplete(nest) {
        let error =
            ConvertError::tensor(format!("{}{lacking}", place.prefix), "a tensor of the generator that the rest belongs to", "nothing");
        return found(nest, "", error);
    }
    let is_number = |step: &str| step.bytes().all(|byte| byte.is_ascii_digit());
    if nest.tensors.len() > 8 && nest.tensors.keys().all(|name| name.rsplit('.').next().is_some_and(is_number)) {
        return ConvertError::unsupported(format!(
            "this file holds weights without their names ({}), as an average keeps them beside its network; save the generator's state_dict",
            nest.first_names()
        ));
    }
    let what = pickle.describe(pickle.root);
    ConvertError::Unrecognised(format!(
        "this pickle holds {what}, with {}; it is no StyleGAN generator we know (docs/formats.md)",
        nest.first_names()
    ))
}

/// Whether a file that may be text is a pickle of protocol 0.
fn is_pickle(bytes: &[u8]) -> bool {
    pickle::parse(bytes, &Budget::for_file(bytes.len())).is_ok()
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
