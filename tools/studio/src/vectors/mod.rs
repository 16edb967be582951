//! Which rows of w, and vectors of w that come from files and go into them: rows of w as projectors and encoders write them, directions to walk along,
//! centres to truncate towards. And what comes of them: children, and the pictures that somebody liked.
//! Whatever wrapping they are in, they are found by their shapes; where several things could be meant, the error lists them.

mod axes;
mod breeding;
mod centers;
mod direction;
mod error;
mod farthest;
pub mod favourites;
mod file;
mod kmeans;
mod layers;
mod rows;
mod samples;
pub mod sefa;
mod source;

pub use axes::{Axes, Method};
pub use breeding::Breeding;
pub use centers::Centers;
pub use direction::{Direction, shift};
pub use error::{Result, VectorError};
pub use farthest::farthest;
pub use file::VectorFile;
pub use layers::Layers;
pub use rows::rows;
pub use samples::{Draw, for_each_w, samples};
pub use source::Source;

/// The sizes of a network that its vectors have to fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// Rows of w of a picture.
    pub num_ws: usize,
    /// Length of a row.
    pub w_dim: usize,
}

impl Sizes {
    /// Of a network.
    pub fn of(config: &stylegan_wgpu::Config) -> Sizes {
        Sizes { num_ws: config.num_ws(), w_dim: config.w_dim() }
    }
}
