//! The engine's errors: each names what was wrong, what was found and what to do.

use std::fmt;
use std::path::PathBuf;

/// Everything that can go wrong with user data or a device. A mis-built plan is a bug and panics instead.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// A file could not be read or written.
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Any of the others, found in this file.
    InFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        error: Box<Error>,
    },
    /// A model file is not what it claims to be.
    Format(String),
    /// A configuration value is outside what a network can have.
    Config(String),
    /// A tensor of a model is missing, or has another shape than its configuration implies.
    Tensor {
        /// Full name, as `synthesis.b8.conv0.weight`.
        name: String,
        /// What the configuration asks for.
        needed: String,
        /// What the file has.
        found: String,
    },
    /// No GPU (or software adapter) answers, or none of that name.
    NoAdapter {
        /// The name or number that was asked for.
        wanted: Option<String>,
        /// The names of those that there are.
        found: Vec<String>,
    },
    /// The device was lost: its driver gave up, it was unplugged, or whoever it belongs to destroyed it. Open another.
    Lost(String),
    /// The device has no memory left for it.
    OutOfMemory(String),
    /// The device or its driver refused.
    Device(String),
    /// A device of a host has less than every kernel needs.
    Unsupported {
        /// Which limit, as `max_storage_buffers_per_shader_stage`.
        what: &'static str,
        /// What the kernels need.
        need: u64,
        /// What the device was created with.
        have: u64,
    },
    /// 16-bit floats were asked for, and the device has none in shaders.
    HalfUnsupported {
        /// The adapter's name.
        device: String,
    },
    /// A profile was asked for, and the device has no timestamps.
    NoTimestamps {
        /// The adapter's name.
        device: String,
    },
    /// A pass needs more than the device has.
    Limit {
        /// Label of the pass, as `b1024.conv0`.
        pass: String,
        /// Which limit, as `storage binding (bytes)`.
        what: &'static str,
        /// What the pass needs.
        need: u64,
        /// What the device has.
        have: u64,
    },
    /// The network yields NaN or infinity: its weights are broken, or too large for the element type.
    NotFinite {
        /// Element type on the device, as `f16`.
        dtype: &'static str,
    },
    /// An argument of a call does not fit the network (a class index, the shape of `ws`).
    Argument(String),
}

/// Result with the engine's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Io { path, source } => write!(f, "{}: {source}", path.display()),
            Error::InFile { path, error } => write!(f, "{}: {error}", path.display()),
            Error::Format(text) | Error::Config(text) | Error::Argument(text) => f.write_str(text),
            Error::Lost(text) | Error::OutOfMemory(text) | Error::Device(text) => f.write_str(text),
            Error::NoAdapter { found, .. } if found.is_empty() => f.write_str("no GPU and no software adapter was found"),
            Error::NoAdapter { wanted, found } => {
                let named: Vec<String> = (0..).zip(found).map(|(i, name): (usize, _)| format!("{i} {name}")).collect();
                write!(f, "no device is called {:?}; there are: {}", wanted.as_deref().unwrap_or("?"), named.join(", "))
            }
            Error::Unsupported { what, need, have } => {
                write!(f, "the device cannot run the engine: {what} is {have}, and {need} at the least; create it with Gpu::wanted_limits")
            }
            Error::HalfUnsupported { device } => write!(f, "{device} has no 16-bit floats in shaders; f32 runs everywhere"),
            Error::NoTimestamps { device } => {
                write!(f, "{device} has no timestamps here; a host's device has them if it was created with Gpu::wanted_features")
            }
            Error::NotFinite { dtype: "f16" } => {
                f.write_str("the picture is NaN or infinite in f16, whose numbers end at 65504; f32 may hold it")
            }
            Error::NotFinite { dtype } => {
                write!(f, "the picture is NaN or infinite in {dtype}, too: the network's weights are broken, or w is out of all proportion")
            }
            Error::Tensor { name, needed, found } => write!(f, "tensor {name}: needed {needed}, found {found}"),
            Error::Limit { pass, what, need, have } => {
                write!(f, "pass {pass} does not fit this device: {what} needs {need}, the device has {have}")
            }
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Error::Io { source, .. } => Some(source),
            Error::InFile { error, .. } => Some(error.as_ref()),
            _ => None,
        }
    }
}
