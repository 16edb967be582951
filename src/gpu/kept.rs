//! The pipelines of a device in a file: what its driver made of the kernels, for the next process. Many drivers keep that themselves.
//!
//! Beside the kernels' times and as they are: a file for each adapter, driver and hash of the kernels, replaced as a whole. What is
//! damaged, of another device, no regular file or open to others' writing is not used, and a run goes on without.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use super::{Gpu, lock};
use crate::atomic_file;
use crate::regular_file;
use crate::tune::book::{device_and_engine, hash};

/// More than the kernels of any set of networks fill.
const LONGEST: u64 = 64 << 20;
const MAGIC: &str = "stylegan-wgpu pipelines 1";

/// Where the pipelines of this device are kept, and the hash of what is there; nothing when they are not, or a host has a cache of its own.
#[derive(Default)]
struct Kept(Mutex<Option<(PathBuf, u64)>>);

impl Gpu {
    /// Compiles with what the file in that folder holds from now on. The first folder counts, and a host's cache before any.
    pub(crate) fn load_pipelines(&self, folder: &Path) {
        let kept = self.beside::<Kept>();
        let mut kept = lock(&kept.0);
        if self.inner.pipeline_cache.get().is_some() || !self.inner.tier.pipeline_cache {
            return;
        }
        let [device, engine] = device_and_engine(self.info());
        let path = folder.join(format!("pipelines-{:016x}.bin", hash([&device, &engine])));
        let data = match read(&path, &device) {
            Ok(data) => Some(data),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => {
                log::warn!("{} is ignored: {error}", path.display());
                None
            }
        };
        let there = data.as_ref().map_or(0, |data| hash([data]));
        let descriptor = wgpu::PipelineCacheDescriptor { label: Some("stylegan-wgpu"), data: data.as_deref(), fallback: true };
        // SAFETY: the data is what `get_data` gave for this adapter, driver and version of the engine: the file says so, its hash says
        // that it is whole, it lies in the user's own cache folder and nobody else may write it. wgpu and the driver look at
        // their own headers besides, and begin anew where the driver is another build.
        let made = self.guarded("pipeline cache", || unsafe { self.device().create_pipeline_cache(&descriptor) });
        match made {
            Ok(cache) => *kept = self.set_pipeline_cache(cache).then_some((path, there)),
            Err(error) => log::warn!("pipelines are not kept: {error}"),
        }
    }

    /// Replaces the file, where the driver has more than it holds.
    pub(crate) fn save_pipelines(&self) {
        let kept = self.beside::<Kept>();
        let mut kept = lock(&kept.0);
        let (Some((path, there)), Some(cache)) = (kept.as_mut(), self.inner.pipeline_cache.get()) else { return };
        let Some(data) = cache.get_data().filter(|data| data.len() as u64 <= LONGEST / 2 && hash([data]) != *there) else { return };
        *there = hash([&data]);
        let [device, _] = device_and_engine(self.info());
        if let Err(error) = write(path, &device, &data) {
            log::warn!("pipelines are not kept: {error}");
        }
    }
}

/// The data of a file that is ours, whole and this device's.
fn read(path: &Path, device: &str) -> io::Result<Vec<u8>> {
    // Whoever else may write it could have the driver run what it will.
    #[cfg(unix)]
    if std::os::unix::fs::PermissionsExt::mode(&fs::metadata(path)?.permissions()) & 0o022 != 0 {
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, "others may write it"));
    }
    let not_ours = || io::Error::new(io::ErrorKind::InvalidData, "it is damaged, or of another device");
    let bytes = match regular_file::read(path, LONGEST) {
        Ok(bytes) => bytes,
        Err(crate::Error::Io { source, .. }) => return Err(source),
        Err(error) => return Err(io::Error::other(error)),
    };
    let mut parts = bytes.splitn(4, |&byte| byte == b'\n');
    let mut part = || parts.next().ok_or_else(not_ours);
    let (magic, of, sum, data) = (part()?, part()?, part()?, part()?);
    let whole = (magic, of, sum) == (MAGIC.as_bytes(), line(device).as_bytes(), format!("{:016x}", hash([data])).as_bytes());
    if whole { Ok(data.to_vec()) } else { Err(not_ours()) }
}

fn write(path: &Path, device: &str, data: &[u8]) -> crate::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(|source| crate::Error::Io { path: folder.into(), source })?;
    }
    atomic_file::write(path, |file| {
        #[cfg(unix)]
        file.get_ref().set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
        write!(file, "{MAGIC}\n{}\n{:016x}\n", line(device), hash([data]))?;
        file.write_all(data)
    })
}

/// The name of a device as a line.
fn line(device: &str) -> String {
    device.replace('\n', " ")
}
