//! Clocks, power and temperatures while a bench runs, ten times a second, from what the system tells every user.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use stylegan_wgpu::wgpu::{AdapterInfo, DeviceType};

use super::report::{Readings, Spread};

mod nvml;
mod sysfs;

const PERIOD: Duration = Duration::from_millis(100);

/// What a moment's sensors said.
#[derive(Clone, Debug, Default, PartialEq)]
struct Sample {
    /// By name and unit. `_joules` are counters, of any beginning; all else are levels.
    values: BTreeMap<&'static str, f64>,
    /// Whether a clock is held down; absent where nothing tells.
    throttled: Option<bool>,
    reasons: Vec<String>,
}

/// Something that can be read.
trait Source: Send {
    /// For the report.
    fn name(&self) -> String;
    fn read(&mut self, sample: &mut Sample);
}

type Samples = Arc<Mutex<Vec<(Instant, Sample)>>>;

/// A thread that reads sensors until this is dropped.
pub(super) struct Telemetry {
    samples: Samples,
    sources: Vec<String>,
    /// Of which the energy is an image's.
    energy: &'static [&'static str],
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Telemetry {
    /// Of a device and of the processor; with nothing to read there is no thread.
    pub(super) fn new(info: &AdapterInfo) -> Telemetry {
        let mut sources = sysfs::sources(Path::new("/sys"), &info.device_pci_bus_id);
        sources.extend(nvml::source(info));
        Telemetry::of(sources, energy_of(info.device_type))
    }

    fn of(mut sources: Vec<Box<dyn Source>>, energy: &'static [&'static str]) -> Telemetry {
        let (samples, stop) = (Samples::default(), Arc::new(AtomicBool::new(false)));
        let names = sources.iter().map(|source| source.name()).collect();
        let (shared, stopped) = (samples.clone(), stop.clone());
        let thread = (!sources.is_empty()).then(|| {
            thread::spawn(move || {
                while !stopped.load(Ordering::Relaxed) {
                    let mut sample = Sample::default();
                    sources.iter_mut().for_each(|source| source.read(&mut sample));
                    shared.lock().unwrap_or_else(|poison| poison.into_inner()).push((Instant::now(), sample));
                    thread::sleep(PERIOD);
                }
            })
        });
        Telemetry { samples, sources: names, energy, stop, thread }
    }

    /// What was read in these stretches of time; energy is of the images that were drawn in them. Nothing when nothing was read.
    pub(super) fn readings(&self, stretches: &[(Instant, Instant)], images: usize) -> Option<Readings> {
        let all = self.samples.lock().unwrap_or_else(|poison| poison.into_inner());
        let of = |&(from, to): &(Instant, Instant)| all.iter().filter(|(at, _)| (from..=to).contains(at)).cloned().collect::<Vec<_>>();
        summary(&stretches.iter().map(of).collect::<Vec<_>>(), stretches, images, self.energy)
            .map(|readings| Readings { sources: self.sources.clone(), ..readings })
    }
}

impl Drop for Telemetry {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // It has nothing to say when it fails.
            let _ = thread.join();
        }
    }
}

/// A package's energy is no discrete GPU's.
fn energy_of(kind: DeviceType) -> &'static [&'static str] {
    match kind {
        DeviceType::DiscreteGpu => &["gpu"],
        DeviceType::Cpu => &["cpu"],
        _ => &["gpu", "cpu"],
    }
}

fn summary(stretches: &[Vec<(Instant, Sample)>], times: &[(Instant, Instant)], images: usize, energy: &[&'static str]) -> Option<Readings> {
    let mut levels: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    let (mut throttled, mut told, mut reasons) = (0, 0, Vec::new());
    for samples in stretches {
        for (at, sample) in samples {
            for (&name, &value) in &sample.values {
                match name.strip_suffix("_joules") {
                    None => levels.entry(name.into()).or_default().push(value),
                    // Power from a counter, unless there is a sensor of it.
                    Some(what) if !sample.values.contains_key(watts(what)) => {
                        let before = samples.iter().take_while(|(before, _)| before < at).last();
                        let power = before.and_then(|(before, last)| {
                            let joules = value - last.values.get(name)?;
                            (joules >= 0.0).then(|| joules / (*at - *before).as_secs_f64())
                        });
                        levels.entry(watts(what).into()).or_default().extend(power);
                    }
                    Some(_) => {}
                }
            }
            told += usize::from(sample.throttled.is_some());
            throttled += usize::from(sample.throttled == Some(true));
            reasons.extend(sample.reasons.iter().cloned());
        }
    }
    reasons.sort();
    reasons.dedup();
    let spread = |values: &[f64]| Spread {
        least: values.iter().copied().fold(f64::INFINITY, f64::min),
        mean: values.iter().sum::<f64>() / values.len() as f64,
        most: values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
    };
    let values: BTreeMap<String, Spread> =
        levels.iter().filter(|(_, values)| !values.is_empty()).map(|(name, values)| (name.clone(), spread(values))).collect();
    // The mean power times the time: a counter is read at other moments than a stretch begins and ends.
    let seconds: f64 = times.iter().map(|(from, to)| (*to - *from).as_secs_f64()).sum();
    let power = energy.iter().find_map(|what| values.get(watts(what))).map(|power| power.mean);
    let joules_per_image = power.filter(|_| images > 0).map(|power| power * seconds / images as f64).filter(|joules| *joules > 0.0);
    (!values.is_empty()).then(|| Readings {
        sources: Vec::new(),
        values,
        throttled_percent: (told > 0).then(|| throttled as f64 / told as f64 * 100.0),
        throttle_reasons: reasons,
        joules_per_image,
        images_per_joule: joules_per_image.map(|joules| 1.0 / joules),
    })
}

fn watts(what: &str) -> &'static str {
    if what == "gpu" { "gpu_watts" } else { "cpu_watts" }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(start: Instant, tenths: u32, values: &[(&'static str, f64)]) -> (Instant, Sample) {
        let sample = Sample { values: values.iter().copied().collect(), ..Sample::default() };
        (start + PERIOD * tenths, sample)
    }

    #[test]
    fn power_is_a_sensors_or_a_counters() {
        let start = Instant::now();
        let window = [(start, start + PERIOD * 20)];
        // 100 and 140 W for two seconds, 60 images.
        let sensed =
            vec![at(start, 5, &[("gpu_watts", 100.0), ("gpu_mhz", 900.0)]), at(start, 15, &[("gpu_watts", 140.0), ("gpu_mhz", 1000.0)])];
        let readings = summary(&[sensed], &window, 60, &["gpu"]).unwrap();
        assert_eq!((readings.joules_per_image, readings.values["gpu_mhz"].mean), (Some(4.0), 950.0));
        assert_eq!((readings.throttled_percent, readings.images_per_joule), (None, Some(0.25)));
        // A counter: 3 J in 0.1 s are 30 W. One that began anew says nothing for once.
        let counted = |joules: [f64; 3]| (0..).zip(joules).map(|(i, joules)| at(start, i, &[("cpu_joules", joules)])).collect::<Vec<_>>();
        let readings = summary(&[counted([7.0, 10.0, 13.0])], &window, 60, &["gpu", "cpu"]).unwrap();
        assert!((readings.values["cpu_watts"].mean - 30.0).abs() < 1e-6 && (readings.joules_per_image.unwrap() - 1.0).abs() < 1e-6);
        let wrapped = summary(&[counted([262140.0, 2.0, 5.0])], &window, 60, &["cpu"]).unwrap();
        assert!((wrapped.values["cpu_watts"].most - 30.0).abs() < 1e-6);
        // A processor's energy is not a graphics card's.
        assert_eq!(summary(&[counted([7.0, 10.0, 13.0])], &window, 60, energy_of(DeviceType::DiscreteGpu)).unwrap().joules_per_image, None);
        assert_eq!(summary(&[vec![]], &window, 60, &["gpu"]), None);
    }

    struct Steady;

    impl Source for Steady {
        fn name(&self) -> String {
            "steady".into()
        }

        fn read(&mut self, sample: &mut Sample) {
            sample.values.insert("cpu_watts", 10.0);
            sample.throttled = Some(true);
            sample.reasons.push("heat".into());
        }
    }

    #[test]
    fn a_thread_reads_until_it_is_told_to_stop() {
        let telemetry = Telemetry::of(vec![Box::new(Steady)], &["cpu"]);
        let start = Instant::now();
        thread::sleep(PERIOD * 4);
        let end = Instant::now();
        let readings = telemetry.readings(&[(start, end)], 10).unwrap();
        let wanted = (end - start).as_secs_f64();
        assert!((readings.joules_per_image.unwrap() / wanted - 1.0).abs() < 1e-9, "{readings:?}");
        assert_eq!(
            (readings.throttled_percent, readings.throttle_reasons, readings.sources),
            (Some(100.0), vec!["heat".into()], vec!["steady".into()])
        );
        drop(telemetry);
        assert_eq!(Telemetry::of(Vec::new(), &[]).readings(&[(start, end)], 1), None);
    }
}
