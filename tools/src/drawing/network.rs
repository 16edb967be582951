//! Opening what `--network` names: a file of ours, or a checkpoint that is converted in memory.

use std::path::Path;

use indicatif::{ProgressBar, ProgressStyle};
use stylegan_convert::{ConvertError, Untold};
use stylegan_wgpu::Model;

use crate::drawing::default_model;
use crate::failure::Failure;

/// Reads the network a command was given, or the default model where it was given none.
pub(crate) fn open_or_default(path: Option<&Path>) -> Result<Model, Failure> {
    open_or_default_with(path, None)
}

/// The same, with the clamp of the layers that a bare state_dict does not tell.
pub(crate) fn open_or_default_with(path: Option<&Path>, conv_clamp: Option<f32>) -> Result<Model, Failure> {
    path.map_or_else(default_model::open, |path| open_with(path, conv_clamp))
}

/// Reads a network of either kind, with a progress bar on a terminal.
pub(crate) fn open(path: &Path) -> Result<Model, Failure> {
    open_with(path, None)
}

/// The same, with the clamp of the layers that a bare state_dict does not tell.
pub(crate) fn open_with(path: &Path, conv_clamp: Option<f32>) -> Result<Model, Failure> {
    let mut untold = Untold::default();
    untold.conv_clamp = conv_clamp;
    check_there(path)?;
    let bar = bar(1000, "converting");
    let result =
        stylegan_convert::open_with(path, untold, &mut |fraction: f32| bar.set_position((fraction.clamp(0.0, 1.0) * 1000.0) as u64));
    bar.finish_and_clear();
    result.map_err(|error| match &error {
        ConvertError::Io { .. } => Failure::Runtime(error.to_string()),
        _ => Failure::Runtime(format!("{}: {error}", path.display())),
    })
}

/// An error where there is no such file or folder.
pub(crate) fn check_there(path: &Path) -> Result<(), Failure> {
    path.metadata().map(drop).map_err(|source| match path.to_string_lossy().contains("://") {
        true => Failure::Runtime(format!("{} is an address, not a file; download it first", path.display())),
        false => Failure::Runtime(ConvertError::Io { path: path.into(), source }.to_string()),
    })
}

/// A progress bar on stderr; it is invisible when that is not a terminal.
pub(crate) fn bar(steps: u64, label: &'static str) -> ProgressBar {
    let style = ProgressStyle::with_template("{msg} {wide_bar} {percent:>3}% {eta:>4}").unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(steps).with_style(style).with_message(label)
}
