//! What goes wrong in the window, in plain words.

use std::fmt;
use std::io;
use std::path::PathBuf;

use stylegan_convert::ConvertError;
use stylegan_studio::pictures::picture_settings::PictureError;
use stylegan_studio::vectors::VectorError;
use stylegan_wgpu::Error;

/// Why something that was asked for did not happen.
#[derive(Debug)]
#[non_exhaustive]
pub enum ViewError {
    /// There is no display to open a window on.
    NoDisplay(String),
    /// The window could not be opened, or ended by itself.
    Window(String),
    /// A network was asked for by nobody, and none is built in.
    NoNetwork,
    /// A file could not be read or written.
    File(PathBuf, io::Error),
    /// A file is no network that can be read.
    Network(PathBuf, ConvertError),
    /// A picture does not say how it was made.
    Picture(PathBuf, PictureError),
    /// A file has no rows of w or directions that fit.
    Vectors(PathBuf, VectorError),
    /// The engine or the device.
    Engine(Error),
    /// It cannot be done with what is there.
    Wrong(String),
    /// Somebody pressed "cancel".
    Cancelled,
}

impl fmt::Display for ViewError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ViewError::NoDisplay(text) => write!(f, "there is no display to open a window on ({text}); `stylegan serve` needs none"),
            ViewError::Window(text) => write!(f, "the window: {text}"),
            ViewError::NoNetwork => f.write_str("this program was built without a network: name one (--network FILE)"),
            ViewError::File(path, error) => write!(f, "{}: {error}", path.display()),
            ViewError::Network(path, error) => write!(f, "{}: {error}", path.display()),
            ViewError::Picture(path, error) => write!(f, "{}: {error}", path.display()),
            ViewError::Vectors(path, error) => write!(f, "{}: {error}", path.display()),
            ViewError::Engine(error) => error.fmt(f),
            ViewError::Wrong(text) => f.write_str(text),
            ViewError::Cancelled => f.write_str("cancelled"),
        }
    }
}

impl std::error::Error for ViewError {}

impl From<Error> for ViewError {
    fn from(error: Error) -> ViewError {
        ViewError::Engine(error)
    }
}
