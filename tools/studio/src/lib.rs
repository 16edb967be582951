//! What the `stylegan` command, its server and other programs around the engine share.
//!
//! - [`drawing`]: many pictures on a device, and films;
//! - [`pictures`]: pictures to files, sheets, films and folders, and what a picture says of how it was made;
//! - [`vectors`]: rows of w, directions to walk along, centres to truncate towards;
//! - [`blend`]: one network of the layers of two.

pub mod blend;
pub mod drawing;
pub mod pictures;
pub mod vectors;
