//! What the `stylegan` command is made of, as a library: applications can convert checkpoints and read arrays too.

pub mod array_file;
pub mod convert;
pub mod sefa;
