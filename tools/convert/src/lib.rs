#![doc = include_str!("../README.md")]
//!
//! The format is told by the content, never by the file's name.

use std::collections::BTreeMap;
use std::path::Path;

use sha2::{Digest, Sha256};
use stylegan_wgpu::internals::regular_file;
use stylegan_wgpu::{Error, Model};

pub mod array_file;
pub mod error;
pub mod openvino;

mod archive;
mod average_w;
mod budget;
mod course;
mod dtype;
mod find;
mod foreign;
mod genforce;
mod globals;
mod nest;
mod network;
mod numpy;
mod nvlabs;
mod pickle;
mod recognise;
mod record;
mod rosinality;
mod state_dict;
mod strided;
mod stylegan1;
mod stylegan2;
mod stylegan3;
mod tensor;
mod tf;
mod torch;
mod value;
mod variables;

#[cfg(test)]
mod hostile;
#[cfg(any(test, feature = "test-files"))]
#[doc(hidden)]
pub mod test_files;
#[cfg(test)]
mod tests;

pub use average_w::{SAMPLES as AVERAGE_SAMPLES, SEED as AVERAGE_SEED};
pub use error::{ConvertError, Result};
pub use nvlabs::Untold;
pub use tensor::{Held, TensorFile};

use budget::Budget;
use course::Course;
use network::Converted;
use recognise::Kind;

/// Hears how far a conversion is: the fraction done, from 0 to 1. Only computing a missing average takes seconds.
pub type Progress<'a> = dyn FnMut(f32) + 'a;

/// Reads a network from a file of any known format, our own included.
pub fn open(path: &Path, progress: &mut Progress<'_>) -> Result<Model> {
    open_with(path, Untold::default(), progress)
}

/// [`open`], with what a file may not tell of its network.
pub fn open_with(path: &Path, untold: Untold, progress: &mut Progress<'_>) -> Result<Model> {
    if path.is_dir() {
        recognise::refuse_folder(path)?;
        return openvino::open(path, progress);
    }
    let (bytes, course) = (read_file(path, u64::MAX)?, &mut Course::new(progress));
    match recognise::kind(&bytes)? {
        Kind::SafeTensors if foreign::is_ours(&bytes) => Ok(Model::from_bytes(bytes)?),
        Kind::OpenVino => openvino::from_wheel(&bytes, path, course),
        kind => convert(&bytes, kind, untold, &path.file_name().unwrap_or_default().to_string_lossy(), course),
    }
}

/// The bytes of a regular file.
fn read_file(path: &Path, most: u64) -> Result<Vec<u8>> {
    regular_file::read(path, most).map_err(|error| match error {
        Error::Io { path, source } => ConvertError::Io { path, source },
        other => ConvertError::Model(other),
    })
}

/// Reads a network from the bytes of a file; `name` is only recorded.
pub fn from_bytes(bytes: &[u8], name: &str, progress: &mut Progress<'_>) -> Result<Model> {
    from_bytes_within(bytes, name, &mut Course::new(progress))
}

fn from_bytes_within(bytes: &[u8], name: &str, course: &mut Course<'_>) -> Result<Model> {
    match recognise::kind(bytes)? {
        Kind::SafeTensors if foreign::is_ours(bytes) => Ok(Model::from_bytes(bytes.to_vec())?),
        Kind::OpenVino => openvino::from_wheel(bytes, Path::new(name), course),
        kind => convert(bytes, kind, Untold::default(), name, course),
    }
}

/// [`from_bytes`] for programs that have the network on a device soon: a missing average w is not computed, `mapping.w_avg` is zeros, and
/// true says so. It is the mean of the mapping network over [`AVERAGE_SAMPLES`] latents of `RandomState(AVERAGE_SEED)`.
pub fn from_bytes_unaveraged(bytes: &[u8], name: &str, progress: &mut Progress<'_>) -> Result<(Model, bool)> {
    let mut course = Course::unaveraged(progress);
    let model = from_bytes_within(bytes, name, &mut course)?;
    Ok((model, course.has_put_off()))
}

fn convert(bytes: &[u8], kind: Kind<'_>, untold: Untold, name: &str, course: &mut Course<'_>) -> Result<Model> {
    let budget = Budget::for_file(bytes.len());
    let checkpoint = match kind {
        Kind::Pickle => torch::Checkpoint::plain(pickle::parse(bytes, &budget)?),
        Kind::TorchLegacy => torch::Checkpoint::legacy(bytes, &budget)?,
        Kind::TorchZip(members) => torch::Checkpoint::zip(bytes, &members, &budget)?,
        Kind::OpenVino => return Err(ConvertError::unsupported("an OpenVINO package can only be read from its file or folder")),
        Kind::SafeTensors => foreign::read(bytes, &budget)?,
    };
    let mut warnings = Vec::new();
    let converted = recognise::convert(&checkpoint, untold, &mut warnings, course)?;
    warnings.iter().for_each(|warning| log::warn!("{name}: {}", error::line(warning)));
    let Converted { config, arrays, format, source_config } = converted;
    let provenance = BTreeMap::from([
        ("source_format".to_owned(), format.to_owned()),
        ("source_name".to_owned(), name.to_owned()),
        ("source_config".to_owned(), source_config),
        ("source_sha256".to_owned(), sha256(bytes)),
        ("tool_version".to_owned(), TOOL.to_owned()),
        ("licence".to_owned(), LICENCE.to_owned()),
    ]);
    Ok(Model::new(config, arrays, provenance)?)
}

/// In pieces: a browser makes fast code of a function while the first form runs, and takes it from the next call on. The hash of a
/// config F in one call took ten of twelve seconds.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    let mut hash = Sha256::new();
    bytes.chunks(64 << 10).for_each(|piece| hash.update(piece));
    hex(&hash.finalize())
}

/// What a file that is made of others names as its maker: the tools of this project, whichever of their crates wrote it.
pub const TOOL: &str = concat!("stylegan-tools ", env!("CARGO_PKG_VERSION"));

/// What a converted file says of its rights.
const LICENCE: &str = "Converted weights keep the licence of the original checkpoint (NVIDIA's are for non-commercial use); converting them grants no rights.";

/// Bytes as people write a checksum.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
