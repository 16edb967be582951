//! What can be wrong with a checkpoint: every variant prints as one line that says what, what was found and what to do.

use std::fmt;
use std::path::PathBuf;

/// Why a checkpoint was not converted. Nothing in a checkpoint is ever executed, whatever the error.
#[derive(Debug)]
#[non_exhaustive]
pub enum ConvertError {
    /// A file could not be read.
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is none of the formats we know (a web page, a Git LFS pointer, a picture, ...).
    Unrecognised(String),
    /// The file is known, but is not a generator we can run: a discriminator, an encoder, a FastGAN.
    Unsupported(String),
    /// The file ends early.
    Truncated {
        /// What was being read, as `tensor data of storage 12`.
        what: String,
        /// How many bytes are missing, when the file tells.
        missing: Option<u64>,
    },
    /// The file has the outline of a known format, but contradicts itself.
    Malformed(String),
    /// A pickle asks for a Python global that no StyleGAN checkpoint needs.
    ForbiddenGlobal(String),
    /// Reading the file would take more memory or deeper nesting than a genuine one can.
    TooLarge(String),
    /// A tensor is missing, or is not what the network needs.
    Tensor {
        /// Name in the file.
        name: String,
        /// What is needed.
        needed: String,
        /// What the file has.
        found: String,
    },
    /// The converted network is refused by the engine (its sizes, a tensor's shape, a value that is not finite).
    Model(stylegan_wgpu::Error),
}

/// Result of a conversion step.
pub type Result<T, E = ConvertError> = std::result::Result<T, E>;

impl ConvertError {
    /// The file contradicts itself.
    pub fn malformed(text: impl Into<String>) -> ConvertError {
        ConvertError::Malformed(text.into())
    }

    /// A network or file that is recognised but not convertible.
    pub fn unsupported(text: impl Into<String>) -> ConvertError {
        ConvertError::Unsupported(text.into())
    }

    /// The file ends early while `what` is read.
    pub fn truncated(what: impl Into<String>, missing: impl Into<Option<u64>>) -> ConvertError {
        ConvertError::Truncated { what: what.into(), missing: missing.into() }
    }

    /// A tensor that is not as needed.
    pub fn tensor(name: impl Into<String>, needed: impl Into<String>, found: impl Into<String>) -> ConvertError {
        ConvertError::Tensor { name: name.into(), needed: needed.into(), found: found.into() }
    }
}

impl fmt::Display for ConvertError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ConvertError::Io { path, source } => write!(f, "{}: {}", path.display(), line(&source.to_string())),
            ConvertError::Unrecognised(text) | ConvertError::Unsupported(text) | ConvertError::TooLarge(text) => f.write_str(&line(text)),
            ConvertError::Truncated { what, missing: Some(bytes) } => {
                write!(f, "the file ends early: {bytes} bytes are missing in {}; download it again", line(what))
            }
            ConvertError::Truncated { what, missing: None } => write!(f, "the file ends early, in {}; download it again", line(what)),
            ConvertError::Malformed(text) => write!(f, "the file is damaged: {}; download it again", line(text)),
            ConvertError::ForbiddenGlobal(name) => {
                write!(f, "this pickle asks for {}; it is not a StyleGAN checkpoint, nothing was executed", line(name))
            }
            ConvertError::Tensor { name, needed, found } => {
                write!(f, "tensor {}: needed {}, found {}", line(name), line(needed), line(found))
            }
            ConvertError::Model(error) => f.write_str(&line(&error.to_string())),
        }
    }
}

/// One line of bounded length: names come from the file, and a file may put anything there.
pub(super) fn line(text: &str) -> String {
    stylegan_wgpu::internals::text::line(text, 400)
}

impl std::error::Error for ConvertError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            ConvertError::Io { source, .. } => Some(source),
            ConvertError::Model(error) => Some(error),
            _ => None,
        }
    }
}

impl From<stylegan_wgpu::Error> for ConvertError {
    fn from(error: stylegan_wgpu::Error) -> ConvertError {
        ConvertError::Model(error)
    }
}
