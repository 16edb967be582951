//! Tuning of the kernels, as the commands do it: kept in the user's cache folder, with a bar while it lasts.

use std::path::PathBuf;
use std::sync::Arc;

use stylegan_wgpu::Tuning;
use stylegan_wgpu::tune::Progress;

use crate::drawing::network;

/// What a command asks of the engine, unless `--no-tune` is given or there is no place to keep the outcome.
pub(crate) fn tuning(no_tune: bool) -> Option<Tuning> {
    let folder = cache_folder().filter(|_| !no_tune)?;
    let bar = network::bar(0, "timing kernels on this device, once");
    let progress = move |done, of| {
        bar.set_length(of as u64);
        bar.set_position(done as u64);
        if done == of {
            bar.finish_and_clear();
        }
    };
    Some(Tuning { folder, progress: Some(Progress(Arc::new(progress))) })
}

/// Where programs keep what they can make again: `$XDG_CACHE_HOME`, `~/.cache`, `~/Library/Caches` or `%LOCALAPPDATA%`.
pub(crate) fn cache_folder() -> Option<PathBuf> {
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
