//! Opening what `--network` names: a file of ours, or a checkpoint that is converted in memory.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use indicatif::{ProgressBar, ProgressStyle};
use stylegan_tools::convert::{self, ConvertError};
use stylegan_wgpu::model::Model;

use crate::failure::Failure;

/// Reads a network of either kind, with a progress bar on a terminal.
pub(crate) fn open(path: &Path) -> Result<Model, Failure> {
    if !path.exists() && path.to_string_lossy().contains("://") {
        return Err(Failure::Runtime(format!("{} is an address, not a file; download it first", path.display())));
    }
    if is_ours(path) { Ok(Model::load(path)?) } else { convert(path) }
}

/// Converts a checkpoint.
pub(crate) fn convert(path: &Path) -> Result<Model, Failure> {
    let bar = bar(1000, "converting");
    let result = convert::open(path, &mut |fraction: f32| bar.set_position((fraction.clamp(0.0, 1.0) * 1000.0) as u64));
    bar.finish_and_clear();
    result.map_err(|error| match &error {
        ConvertError::Io { .. } => Failure::Runtime(error.to_string()),
        _ => Failure::Runtime(format!("{}: {error}", path.display())),
    })
}

/// Whether a file is safetensors: by its name, or because JSON follows a length that the file can hold.
pub(crate) fn is_ours(path: &Path) -> bool {
    if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("safetensors")) {
        return true;
    }
    let mut head = [0; 9];
    let Ok(mut file) = File::open(path) else { return false };
    let Ok(length) = file.metadata().map(|metadata| metadata.len()) else { return false };
    let header_length = |head: &[u8; 9]| u64::from_le_bytes(std::array::from_fn(|i| head[i]));
    file.read_exact(&mut head).is_ok() && head[8] == b'{' && header_length(&head) < length
}

/// A progress bar on stderr; it is invisible when that is not a terminal.
pub(crate) fn bar(steps: u64, label: &'static str) -> ProgressBar {
    let style = ProgressStyle::with_template("{msg} {wide_bar} {percent:>3}% {eta:>4}").unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(steps).with_style(style).with_message(label)
}
