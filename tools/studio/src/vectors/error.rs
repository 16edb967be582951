//! Why vectors were not read. Every variant prints as one line.

use std::fmt;
use std::io;

use stylegan_convert::ConvertError;
use stylegan_convert::array_file::ArrayFileError;
use stylegan_wgpu::internals::text;

/// Result with [`VectorError`].
pub type Result<T, E = VectorError> = std::result::Result<T, E>;

/// Why vectors were not read.
#[derive(Debug)]
#[non_exhaustive]
pub enum VectorError {
    /// The file could not be read.
    Io(io::Error),
    /// The .npy or .npz is damaged, or holds no numbers.
    Array(ArrayFileError),
    /// The pickle or PyTorch file is.
    Tensors(ConvertError),
    /// Nothing in the file has a shape that fits the network.
    Shape {
        /// What is needed.
        needed: String,
        /// Names and shapes that are there.
        found: Vec<String>,
    },
    /// Several things in the file could be meant.
    Choice {
        /// What each of them is.
        what: &'static str,
        /// What to write after the colon of `FILE:`.
        keys: Vec<String>,
    },
    /// The file has several directions, and no number says which is meant.
    Number {
        /// How many.
        n: usize,
    },
    /// The file has no entry of that name or number.
    Entry {
        /// What was asked for.
        wanted: String,
        /// What is there.
        found: String,
    },
}

/// What an error lists of a file's names.
const MOST_NAMES: usize = 8;

impl fmt::Display for VectorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            VectorError::Io(error) => error.fmt(f),
            VectorError::Array(error) => error.fmt(f),
            VectorError::Tensors(error) => error.fmt(f),
            VectorError::Shape { needed, found } if found.is_empty() => write!(f, "it holds no arrays; this network takes {needed}"),
            VectorError::Shape { needed, found } => write!(f, "it holds {}; this network takes {needed}", list(found)),
            VectorError::Choice { what, keys } => write!(f, "it holds several {what}; choose one with FILE:KEY, of {}", list(keys)),
            VectorError::Number { n: 0 } => f.write_str("it holds 0 directions"),
            VectorError::Number { n } => write!(f, "it holds {n} directions; choose one with FILE:0 to FILE:{}", n - 1),
            VectorError::Entry { wanted, found } => write!(f, "there is no {}; it holds {}", line(wanted), line(found)),
        }
    }
}

/// The first of some names.
pub(super) fn list(names: &[String]) -> String {
    let mut text = names.iter().take(MOST_NAMES).map(|name| line(name)).collect::<Vec<_>>().join(", ");
    if names.len() > MOST_NAMES {
        text.push_str(&format!(", ... ({} in all)", names.len()));
    }
    text
}

/// One line of bounded length: the text may come from the file.
fn line(text: &str) -> String {
    text::line(text, 120)
}

impl std::error::Error for VectorError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            VectorError::Io(error) => Some(error),
            VectorError::Array(error) => Some(error),
            VectorError::Tensors(error) => Some(error),
            _ => None,
        }
    }
}

impl From<io::Error> for VectorError {
    fn from(error: io::Error) -> VectorError {
        VectorError::Io(error)
    }
}

impl From<ArrayFileError> for VectorError {
    fn from(error: ArrayFileError) -> VectorError {
        VectorError::Array(error)
    }
}

impl From<ConvertError> for VectorError {
    fn from(error: ConvertError) -> VectorError {
        VectorError::Tensors(error)
    }
}
