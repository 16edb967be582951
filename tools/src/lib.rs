//! What the `stylegan` command is made of, as a library: applications can convert checkpoints too.

pub mod convert;
