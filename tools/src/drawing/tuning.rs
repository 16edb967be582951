//! Tuning of the kernels, as the commands do it: kept in the user's cache folder, with a bar while it lasts.

use std::sync::Arc;

use stylegan_studio::drawing::cache_folder;
use stylegan_wgpu::{Progress, Tuning};

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
