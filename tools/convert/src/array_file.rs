//! NumPy's array files, .npy and .npz: latents, averages and directions of w come and go in them.
//!
//! A file may be anybody's: nothing in it is executed, no size it states is believed, and what it holds is floats and finite.

use std::borrow::Cow;
use std::fmt;
use std::io::{self, Cursor, Seek, Write};
use std::path::{Path, PathBuf};

use stylegan_wgpu::Error;
use stylegan_wgpu::internals::text::line;
use stylegan_wgpu::internals::{atomic_file, regular_file};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::{ConvertError, archive};

mod npy;

pub use npy::MAGIC as NPY;

/// Floats with a shape, row-major.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    /// Sizes, outermost first; empty for a single number.
    pub shape: Vec<usize>,
    /// The values; as many as the product of the shape.
    pub values: Vec<f32>,
}

impl Array {
    /// An array of `shape`. Panics when the shape does not hold `values`.
    #[track_caller]
    pub fn new(shape: &[usize], values: Vec<f32>) -> Array {
        assert_eq!(shape.iter().product::<usize>(), values.len(), "shape {shape:?} holds another number of values");
        Array { shape: shape.to_vec(), values }
    }
}

/// Why an array was not read or written. Every variant prints as one line.
#[derive(Debug)]
#[non_exhaustive]
pub enum ArrayFileError {
    /// A file could not be read.
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Any of the others, found in this file.
    InFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        error: Box<ArrayFileError>,
    },
    /// Neither an .npy nor an .npz.
    Unrecognised,
    /// The .npz has no array of this name.
    Key {
        /// The name asked for.
        wanted: String,
        /// The names that are there.
        found: Vec<String>,
    },
    /// The file is known, but holds something that is not read: texts, objects, an encrypted member.
    Unsupported(String),
    /// The file contradicts itself, or ends early.
    Malformed(String),
    /// Reading it would take more memory than a genuine file of its size.
    TooLarge(String),
    /// A value is NaN or infinite.
    NotFinite {
        /// Which one, counted in the order of the file.
        index: usize,
    },
    /// A file could not be written.
    Write(stylegan_wgpu::Error),
}

/// Result with [`ArrayFileError`].
pub type Result<T, E = ArrayFileError> = std::result::Result<T, E>;

/// A packed member may hold this much, and [`MOST_RATIO`] times its size more. Deflate reaches 1030 with a file of zeros; rows of
/// w that are all the same reach about 100.
const SMALL: u64 = 1 << 20;
const MOST_RATIO: u64 = 256;
/// And in all the length of the file and this much, so that with its values as f32 everything stays below
/// four times the file and 64 MiB. That is the rows of w of 560 pictures that are all the same; numpy.savez does not pack them.
const FREE_BYTES: u64 = 20 << 20;
/// What an error lists of a file's names.
const MOST_NAMES: usize = 8;

/// Reads the array `key` of an .npz (`w` as `np.savez(file, w=...)` writes it), or the one array of an .npy, which has no keys. The
/// kind of file is told by the content. Floats of 2, 4 or 8 bytes and integers, little or big endian, in C or Fortran order.
pub fn read(path: &Path, key: &str) -> Result<Array> {
    let failed = |source| ArrayFileError::Io { path: path.into(), source };
    let bytes = regular_file::read(path, u64::MAX).map_err(|error| match error {
        Error::Io { source, .. } => failed(source),
        other => failed(io::Error::other(other)),
    })?;
    read_bytes(&bytes, key).map_err(|error| ArrayFileError::InFile { path: path.into(), error: Box::new(error) })
}

/// The same of the bytes of a file.
pub fn read_bytes(bytes: &[u8], key: &str) -> Result<Array> {
    match bytes {
        [b'P', b'K', ..] => npy::parse(&member(bytes, key)?),
        _ if bytes.starts_with(npy::MAGIC) => npy::parse(bytes),
        _ => Err(ArrayFileError::Unrecognised),
    }
}

/// The shape of an .npy.
pub fn shape(bytes: &[u8]) -> Result<Vec<usize>> {
    npy::shape(bytes)
}

/// The pickle in an .npy of Python objects, as `numpy.save` writes a dict; None of any other file.
pub fn objects(bytes: &[u8]) -> Result<Option<&[u8]>> {
    if bytes.starts_with(NPY) { npy::objects(bytes) } else { Ok(None) }
}

/// A member of an .npz: its name, and its shape or why it is no array of numbers.
pub type Member = (String, Result<Vec<usize>>);

/// The members of an .npz.
pub fn members(bytes: &[u8]) -> Result<Vec<Member>> {
    let member = |member: &archive::Member<'_>| {
        let name = member.name.strip_suffix(".npy").unwrap_or(member.name).to_owned();
        (name, content(bytes, member).and_then(|content| npy::shape(&content)))
    };
    Ok(archive::members(bytes)?.iter().map(member).collect())
}

/// The bytes of the member `key.npy` of an archive.
fn member<'b>(bytes: &'b [u8], key: &str) -> Result<Cow<'b, [u8]>> {
    let members = archive::members(bytes)?;
    let name = format!("{key}.npy");
    let named = |name: &str| members.iter().find(|member| member.name == name);
    let Some(member) = named(&name).or_else(|| named(key)) else {
        let found = members.iter().take(MOST_NAMES).map(|member| member.name.trim_end_matches(".npy").to_owned()).collect();
        return Err(ArrayFileError::Key { wanted: key.into(), found });
    };
    content(bytes, member)
}

/// What a member holds.
fn content<'b>(bytes: &'b [u8], member: &archive::Member<'_>) -> Result<Cow<'b, [u8]>> {
    // One that is not packed is a stretch of the file.
    let packed = SMALL + MOST_RATIO * member.range.len() as u64;
    let most = if member.stored { u64::MAX } else { packed.min(bytes.len() as u64 + FREE_BYTES) };
    Ok(member.unpack(bytes, most)?)
}

/// Writes arrays as `numpy.savez` does: uncompressed, each under its name. The same arrays give the same bytes; a failure leaves
/// nothing behind.
pub fn write_npz(path: &Path, arrays: &[(&str, &Array)]) -> Result<()> {
    atomic_file::write(path, |file| zip_into(file, arrays)).map_err(ArrayFileError::Write)
}

/// The bytes of such a file.
pub fn npz_bytes(arrays: &[(&str, &Array)]) -> Vec<u8> {
    let mut file = Cursor::new(Vec::new());
    zip_into(&mut file, arrays).expect("memory takes all bytes; names are those of the program");
    file.into_inner()
}

fn zip_into(file: impl Write + Seek, arrays: &[(&str, &Array)]) -> io::Result<()> {
    let mut archive = ZipWriter::new(file);
    for (name, array) in arrays {
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Stored)
            .last_modified_time(zip::DateTime::default())
            .large_file(array.values.len() as u64 > u64::from(u32::MAX) / 8);
        archive.start_file(format!("{name}.npy"), options)?;
        npy::write(&mut archive, &array.shape, &array.values)?;
    }
    archive.finish()?;
    Ok(())
}

/// The bytes of an .npy.
pub fn npy_bytes(shape: &[usize], values: &[f32]) -> Vec<u8> {
    let mut file = Vec::new();
    npy::write(&mut file, shape, values).expect("memory takes all bytes");
    file
}

/// Writes one array as `numpy.save` does, f32 little endian; a failure leaves nothing behind.
pub fn write_npy(path: &Path, shape: &[usize], values: &[f32]) -> Result<()> {
    atomic_file::write(path, |file| npy::write(file, shape, values)).map_err(ArrayFileError::Write)
}

impl From<ConvertError> for ArrayFileError {
    /// Of the archive around the arrays.
    fn from(error: ConvertError) -> ArrayFileError {
        match error {
            ConvertError::TooLarge(text) => ArrayFileError::TooLarge(format!("{text}; numpy.savez writes files that are not packed")),
            ConvertError::Unsupported(text) => ArrayFileError::Unsupported(text),
            other => ArrayFileError::Malformed(format!("the archive: {other}")),
        }
    }
}

impl fmt::Display for ArrayFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ArrayFileError::Io { path, source } => write!(f, "{}: {source}", path.display()),
            ArrayFileError::InFile { path, error } => write!(f, "{}: {error}", path.display()),
            ArrayFileError::Unrecognised => f.write_str("neither an .npy nor an .npz file"),
            ArrayFileError::Key { wanted, found } if found.is_empty() => write!(f, "has no array {wanted}; it is empty"),
            ArrayFileError::Key { wanted, found } => {
                let found: Vec<String> = found.iter().map(|name| line(name, 40)).collect();
                write!(f, "has no array {}; it has {}", line(wanted, 40), found.join(", "))
            }
            ArrayFileError::Unsupported(text) | ArrayFileError::TooLarge(text) => f.write_str(&line(text, 200)),
            ArrayFileError::Malformed(text) => write!(f, "the file is damaged: {}", line(text, 200)),
            ArrayFileError::NotFinite { index } => write!(f, "value {index} is NaN or infinite"),
            ArrayFileError::Write(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for ArrayFileError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            ArrayFileError::Io { source, .. } => Some(source),
            ArrayFileError::InFile { error, .. } => Some(error.as_ref()),
            ArrayFileError::Write(error) => Some(error),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
