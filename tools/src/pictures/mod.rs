//! What is kept beside pixels: `stamp`, what a picture says of how it was made, and `manifest`, what a folder says of its pictures.

pub(crate) mod manifest;
pub(crate) mod stamp;
