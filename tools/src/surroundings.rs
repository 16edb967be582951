//! What graphics drivers need of the system, looked at before one is loaded: where they do not get it, they end the process with a
//! signal, and nobody says why.

/// Starts this program again in surroundings that suit the drivers, where that is needed, and warns of what it cannot change.
///
/// - Mesa's device selection layer asks Wayland which GPU the desktop uses. Without a desktop (a server, a container, CI) libwayland
///   prints "error: XDG_RUNTIME_DIR is invalid or not set in the environment." for every instance, which looks like an error of ours.
/// - Mesa maps its cache of shaders into memory: on a full disk the first write to it is a SIGBUS.
///
/// Both are switched off by an environment variable, and setting one in a running process is not safe in Rust.
#[cfg(target_os = "linux")]
pub(crate) fn prepare() {
    use std::os::unix::process::CommandExt;

    use crate::note;

    let is_set = |name| std::env::var_os(name).is_some();
    let mut variables = Vec::new();
    if !is_set("XDG_RUNTIME_DIR") && !is_set("NODEVICE_SELECT") {
        variables.push(("NODEVICE_SELECT", "1"));
    }
    if !is_set(DISABLE_CACHE)
        && let Some((folder, free)) = full_cache()
    {
        let free = free / MIB;
        note(&format!("{}: the disk has {free} MiB left, so the driver keeps none of its shaders this time", folder.display()));
        variables.push((DISABLE_CACHE, "true"));
    }
    if !variables.is_empty() {
        let mut arguments = std::env::args_os();
        let name = arguments.next().unwrap_or_default();
        // Returns only when it fails (no /proc); then things are as they were, and that is all.
        let _ = std::process::Command::new("/proc/self/exe").arg0(name).args(arguments).envs(variables).exec();
    }
    for limit in limits() {
        crate::warn(&limit);
    }
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn prepare() {}

#[cfg(target_os = "linux")]
use linux::{DISABLE_CACHE, MIB, full_cache, limits};

#[cfg(target_os = "linux")]
mod linux {
    use std::path::{Path, PathBuf};

    pub(super) const MIB: u64 = 1 << 20;
    /// Mesa's variable.
    pub(super) const DISABLE_CACHE: &str = "MESA_SHADER_CACHE_DISABLE";
    /// Mesa's index has 1.3 MiB, and grows by what is compiled.
    const LEAST_DISK: u64 = 16 * MIB;
    /// lavapipe maps 800 to 1000 MiB for a network of 128x128, of which it touches 130.
    const LEAST_ADDRESSES: u64 = 1024 * MIB;
    const LEAST_MEMORY: u64 = 192 * MIB;

    /// The folder of Mesa's cache and what its disk has left, when that is too little.
    pub(super) fn full_cache() -> Option<(PathBuf, u64)> {
        let variable = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| !path.as_os_str().is_empty());
        let folder = variable("MESA_SHADER_CACHE_DIR")
            .or_else(|| variable("XDG_CACHE_HOME"))
            .or_else(|| variable("HOME").map(|home| home.join(".cache")))?;
        let free = free(&folder)?;
        (free < LEAST_DISK).then_some((folder, free))
    }

    /// What is left of the disk that holds a folder, or will.
    fn free(folder: &Path) -> Option<u64> {
        let there = folder.ancestors().find(|folder| folder.is_dir())?;
        let disk = rustix::fs::statvfs(there).ok()?;
        disk.f_bavail.checked_mul(disk.f_frsize)
    }

    /// The limits that leave this process too little, a line each.
    pub(super) fn limits() -> Vec<String> {
        let addresses = rustix::process::getrlimit(rustix::process::Resource::As).current;
        let container = std::fs::read_to_string("/sys/fs/cgroup/memory.max").ok().and_then(|text| text.trim().parse().ok());
        let limits = [(addresses, "ulimit -v", "of addresses", LEAST_ADDRESSES), (container, "the container", "of memory", LEAST_MEMORY)];
        let line = |(limit, whose, what, least): (Option<u64>, &str, &str, u64)| {
            let limit = limit.filter(|limit| *limit < least)? / MIB;
            let least = least / MIB;
            Some(format!("{whose} leaves {limit} MiB {what}: drivers take {least} and more, and crash or find no device without them"))
        };
        limits.into_iter().filter_map(line).collect()
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn the_disk_of_a_folder_that_is_not_there_yet_is_known() {
            let folder = tempfile::tempdir().unwrap();
            let (there, later) = (free(folder.path()).unwrap(), free(&folder.path().join("a/b")).unwrap());
            assert!(there > 0 && there.abs_diff(later) < there / 2);
        }
    }
}
