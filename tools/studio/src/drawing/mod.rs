//! From rows of w to pictures on a device, as many as there are: [`pipeline`] keeps device, encoders and disk busy, [`film`] puts frames in
//! order. And what is known of a picture before it is drawn: where in its plane a StyleGAN3 draws, how much work it is, which network it
//! is of, where what was timed on the device is kept.

use std::path::PathBuf;

use sha2::{Digest, Sha256};
use stylegan_convert::hex;
use stylegan_wgpu::Model;

// Threads that wait for a device: not in a browser.
#[cfg(not(target_arch = "wasm32"))]
pub mod film;
#[cfg(not(target_arch = "wasm32"))]
pub mod pipeline;
pub mod place;
pub mod work;

/// Where programs keep what they can make again: `$XDG_CACHE_HOME`, `~/.cache`, `~/Library/Caches` or `%LOCALAPPDATA%`.
pub fn cache_folder() -> Option<PathBuf> {
    let variable = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let base = if cfg!(windows) {
        variable("LOCALAPPDATA")
    } else if cfg!(target_os = "macos") {
        variable("HOME").map(|home| home.join("Library/Caches"))
    } else {
        variable("XDG_CACHE_HOME").or_else(|| variable("HOME").map(|home| home.join(".cache")))
    };
    base.map(|base| base.join("stylegan-wgpu"))
}

/// sha256 of the configuration and all tensors: the same whichever file they came from.
pub fn sha256(model: &Model) -> String {
    let mut hash = Sha256::new();
    let mut part = |bytes: &[u8]| {
        hash.update((bytes.len() as u64).to_le_bytes());
        hash.update(bytes);
    };
    part(&serde_json::to_vec(&model.config).unwrap_or_default());
    for (name, array) in &model.arrays {
        part(name.as_bytes());
        part(format!("{array:?}").as_bytes());
        part(array.bytes());
    }
    hex(&hash.finalize())
}
