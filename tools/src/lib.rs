//! What the `stylegan` command is made of, as a library: applications can convert checkpoints and read arrays too.

pub mod animation;
pub mod array_file;
pub mod blend;
pub mod convert;
pub mod picture_settings;
pub mod sefa;
pub mod vectors;

mod strided;

/// Bytes as people write a checksum.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
