//! Linux: hwmon of amdgpu, i915 and xe, RAPL, cpufreq. What is not there, or not readable for this user, is left out.

use std::fs;
use std::path::{Path, PathBuf};

use super::{Sample, Source};

/// A file that holds one number, and what that times `factor` is.
struct Level {
    path: PathBuf,
    name: &'static str,
    factor: f64,
}

/// What is read at every turn.
#[derive(Default)]
struct Files {
    name: String,
    levels: Vec<Level>,
    /// Sums of several counters, as of the packages.
    counters: Vec<Level>,
    /// The mean of these.
    means: Vec<Level>,
    /// 1 while a clock is held down.
    held_down: Option<PathBuf>,
    /// Counts how often it happened.
    throttle_counts: Vec<PathBuf>,
    last_count: Option<f64>,
}

/// What this machine has, below `sys`, of the device at that place on the PCI bus and of the processor.
pub(super) fn sources(sys: &Path, pci: &str) -> Vec<Box<dyn Source>> {
    let found = [gpu(sys, pci), rapl(sys), cpufreq(sys), cpu_temperature(sys)];
    found.into_iter().flatten().map(|files| Box::new(files) as Box<dyn Source>).collect()
}

fn number(path: &Path) -> Option<f64> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

/// Only what can be read.
fn level(path: PathBuf, name: &'static str, factor: f64) -> Option<Level> {
    number(&path).map(|_| Level { path, name, factor })
}

/// The entries of a folder whose names begin so, in order.
fn entries(folder: &Path, prefix: &str) -> Vec<PathBuf> {
    let named = |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(prefix));
    let mut found: Vec<PathBuf> = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).filter(named).collect();
    found.sort();
    found
}

fn gpu(sys: &Path, pci: &str) -> Option<Files> {
    // A name with a slash in it would lead elsewhere.
    if pci.is_empty() || pci.contains(['/', '\\']) {
        return None;
    }
    let device = sys.join("bus/pci/devices").join(pci.to_lowercase());
    let driver = fs::read_link(device.join("driver")).ok()?.file_name()?.to_string_lossy().into_owned();
    let mut files = Files { name: format!("{driver} hwmon"), ..Files::default() };
    for hwmon in entries(&device.join("hwmon"), "hwmon") {
        let power = level(hwmon.join("power1_average"), "gpu_watts", 1e-6).or_else(|| level(hwmon.join("power1_input"), "gpu_watts", 1e-6));
        files.levels.extend(power);
        files.levels.extend(level(hwmon.join("temp1_input"), "gpu_celsius", 1e-3));
        files.levels.extend(level(hwmon.join("freq1_input"), "gpu_mhz", 1e-6));
        files.levels.extend(level(hwmon.join("freq2_input"), "gpu_memory_mhz", 1e-6));
        files.counters.extend(level(hwmon.join("energy1_input"), "gpu_joules", 1e-6));
    }
    // i915 has its clock beside the card, xe beside the tile.
    let places = entries(&device.join("drm"), "card")
        .into_iter()
        .map(|card| (card.join("gt/gt0/rps_act_freq_mhz"), card.join("gt/gt0/throttle_reason_status")));
    let xe = device.join("tile0/gt0/freq0");
    for (clock, held_down) in places.chain([(xe.join("act_freq"), xe.join("throttle/status"))]) {
        files.levels.extend(level(clock, "gpu_mhz", 1.0));
        files.held_down = files.held_down.or_else(|| number(&held_down).map(|_| held_down));
    }
    files.any()
}

/// Since 2020 only root may read it on most systems.
fn rapl(sys: &Path) -> Option<Files> {
    let packages = entries(&sys.join("class/powercap"), "intel-rapl:")
        .into_iter()
        .filter(|domain| fs::read_to_string(domain.join("name")).is_ok_and(|name| name.starts_with("package")));
    let counters = packages.filter_map(|package| level(package.join("energy_uj"), "cpu_joules", 1e-6)).collect();
    Files { name: "RAPL".into(), counters, ..Files::default() }.any()
}

fn cpufreq(sys: &Path) -> Option<Files> {
    let cores = entries(&sys.join("devices/system/cpu"), "cpu");
    let means = cores.iter().filter_map(|core| level(core.join("cpufreq/scaling_cur_freq"), "cpu_mhz", 1e-3)).collect();
    let counts = cores.iter().map(|core| core.join("thermal_throttle/core_throttle_count")).filter(|path| number(path).is_some());
    Files { name: "cpufreq".into(), means, throttle_counts: counts.collect(), ..Files::default() }.any()
}

fn cpu_temperature(sys: &Path) -> Option<Files> {
    let chips = entries(&sys.join("class/hwmon"), "hwmon").into_iter().find_map(|chip| {
        let name = fs::read_to_string(chip.join("name")).ok()?.trim().to_string();
        let known = ["coretemp", "k10temp", "zenpower", "cpu_thermal"].contains(&name.as_str());
        Some((name, level(chip.join("temp1_input"), "cpu_celsius", 1e-3).filter(|_| known)?))
    });
    chips.map(|(name, level)| Files { name, levels: vec![level], ..Files::default() })
}

impl Files {
    fn any(self) -> Option<Files> {
        (!self.levels.is_empty() || !self.counters.is_empty() || !self.means.is_empty()).then_some(self)
    }
}

impl Source for Files {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn read(&mut self, sample: &mut Sample) {
        let value = |level: &Level| number(&level.path).map(|value| value * level.factor);
        for level in &self.levels {
            sample.values.extend(value(level).map(|value| (level.name, value)));
        }
        for level in &self.counters {
            if let Some(value) = value(level) {
                *sample.values.entry(level.name).or_default() += value;
            }
        }
        let means: Vec<f64> = self.means.iter().filter_map(value).collect();
        if let Some(first) = self.means.first().filter(|_| !means.is_empty()) {
            sample.values.insert(first.name, means.iter().sum::<f64>() / means.len() as f64);
        }
        if let Some(held_down) = self.held_down.as_deref().and_then(number) {
            sample.throttled = Some(sample.throttled == Some(true) || held_down != 0.0);
        }
        if !self.throttle_counts.is_empty() {
            let count: f64 = self.throttle_counts.iter().filter_map(|path| number(path)).sum();
            let more = self.last_count.replace(count).is_some_and(|last| count > last);
            sample.throttled = Some(sample.throttled == Some(true) || more);
            sample.reasons.extend(more.then(|| "processor too hot".to_string()));
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn tree(files: &[(&str, &str)]) -> tempfile::TempDir {
        let sys = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = sys.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        sys
    }

    fn driver(sys: &Path, pci: &str, name: &str) {
        std::os::unix::fs::symlink(format!("../../../bus/pci/drivers/{name}"), sys.join("bus/pci/devices").join(pci).join("driver"))
            .unwrap();
    }

    fn read(sources: &mut [Box<dyn Source>]) -> Sample {
        let mut sample = Sample::default();
        sources.iter_mut().for_each(|source| source.read(&mut sample));
        sample
    }

    fn names(sources: &[Box<dyn Source>]) -> Vec<String> {
        sources.iter().map(|source| source.name()).collect()
    }

    #[test]
    fn amdgpu_and_a_processor() {
        let device = "bus/pci/devices/0000:03:00.0/hwmon/hwmon4";
        let file = |name: &str| format!("{device}/{name}");
        let sys = tree(&[
            (&file("power1_average"), "211000000\n"),
            (&file("temp1_input"), "61000\n"),
            (&file("freq1_input"), "2450000000\n"),
            ("class/powercap/intel-rapl:0/name", "package-0\n"),
            ("class/powercap/intel-rapl:0/energy_uj", "5000000\n"),
            ("class/powercap/intel-rapl:0:0/name", "core\n"),
            ("class/powercap/intel-rapl:0:0/energy_uj", "4000000\n"),
            ("class/powercap/intel-rapl:1/name", "package-1\n"),
            ("class/powercap/intel-rapl:1/energy_uj", "3000000\n"),
            ("devices/system/cpu/cpu0/cpufreq/scaling_cur_freq", "3000000\n"),
            ("devices/system/cpu/cpu1/cpufreq/scaling_cur_freq", "4000000\n"),
            ("devices/system/cpu/cpu0/thermal_throttle/core_throttle_count", "7\n"),
            ("class/hwmon/hwmon0/name", "nvme\n"),
            ("class/hwmon/hwmon0/temp1_input", "40000\n"),
            ("class/hwmon/hwmon1/name", "k10temp\n"),
            ("class/hwmon/hwmon1/temp1_input", "55500\n"),
        ]);
        driver(sys.path(), "0000:03:00.0", "amdgpu");
        let mut sources = sources(sys.path(), "0000:03:00.0");
        assert_eq!(names(&sources), ["amdgpu hwmon", "RAPL", "cpufreq", "k10temp"]);
        let sample = read(&mut sources);
        let wanted = [
            ("cpu_celsius", 55.5),
            ("cpu_joules", 8.0),
            ("cpu_mhz", 3500.0),
            ("gpu_celsius", 61.0),
            ("gpu_mhz", 2450.0),
            ("gpu_watts", 211.0),
        ];
        assert_eq!((sample.values.into_iter().collect::<Vec<_>>(), sample.throttled), (wanted.to_vec(), Some(false)));
        fs::write(sys.path().join("devices/system/cpu/cpu0/thermal_throttle/core_throttle_count"), "9\n").unwrap();
        let sample = read(&mut sources);
        assert_eq!((sample.throttled, sample.reasons), (Some(true), vec!["processor too hot".to_string()]));
    }

    #[test]
    fn intel_has_a_counter_and_a_status() {
        let sys = tree(&[
            ("bus/pci/devices/0000:00:02.0/hwmon/hwmon2/energy1_input", "123000000\n"),
            ("bus/pci/devices/0000:00:02.0/tile0/gt0/freq0/act_freq", "1950\n"),
            ("bus/pci/devices/0000:00:02.0/tile0/gt0/freq0/throttle/status", "1\n"),
        ]);
        driver(sys.path(), "0000:00:02.0", "xe");
        let mut sources = sources(sys.path(), "0000:00:02.0");
        assert_eq!(names(&sources), ["xe hwmon"]);
        let sample = read(&mut sources);
        assert_eq!((sample.values["gpu_joules"], sample.values["gpu_mhz"], sample.throttled), (123.0, 1950.0, Some(true)));
    }

    #[test]
    fn nothing_is_there_on_other_machines() {
        let sys = tree(&[("bus/pci/devices/0000:00:02.0/hwmon/hwmon2/power1_average", "not a number")]);
        assert!(sources(sys.path(), "").is_empty());
        assert!(sources(sys.path(), "0000:00:02.0").is_empty() && sources(sys.path(), "../../../etc").is_empty());
        driver(sys.path(), "0000:00:02.0", "amdgpu");
        assert!(sources(sys.path(), "0000:00:02.0").is_empty());
    }
}
