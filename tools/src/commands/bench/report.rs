//! The report of a bench: the structure of its JSON (docs/bench-schema.md) and what derives from the figures.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::failure::Failure;

/// The version in `"schema"`. Fields may be added under it; a change of meaning makes a new one.
pub(crate) const SCHEMA: u32 = 1;

/// One program on one device: ours, or a peer's. What a program does not measure is null or empty.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Report {
    pub(crate) schema: u32,
    /// UTC, as 2026-11-22T04:40:00Z.
    pub(crate) date: String,
    pub(crate) engine: Engine,
    pub(crate) device: Device,
    pub(crate) host: Host,
    pub(crate) network: Network,
    /// `f32` or `f16`: storage of weights and activations.
    pub(crate) precision: String,
    #[serde(default)]
    pub(crate) cold_ms: Option<Cold>,
    /// z -> w, one latent, read back.
    #[serde(default)]
    pub(crate) mapping_ms: Option<Stat>,
    /// One per batch size.
    pub(crate) runs: Vec<Run>,
    #[serde(default)]
    pub(crate) ceilings: Option<Ceilings>,
    #[serde(default)]
    pub(crate) peak_memory_bytes: Option<u64>,
}

/// What ran.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Engine {
    pub(crate) name: String,
    pub(crate) version: String,
    /// `release`, `debug`; for peers the mode, as `compile`.
    pub(crate) build: String,
}

/// Where it ran.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Device {
    pub(crate) name: String,
    /// `Vulkan`, `Metal`, `Dx12`; `CUDA` or `CPU` for peers.
    pub(crate) backend: String,
    pub(crate) driver: String,
    /// `DiscreteGpu`, `IntegratedGpu`, `VirtualGpu`, `Cpu`, `Other`.
    #[serde(rename = "type")]
    pub(crate) kind: String,
}

/// The machine around it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Host {
    pub(crate) os: String,
    pub(crate) arch: String,
    #[serde(default)]
    pub(crate) cpu: Option<String>,
    pub(crate) threads: usize,
}

/// What was rendered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Network {
    /// `stylegan2`, `mobilestylegan`.
    pub(crate) name: String,
    /// A file's name, or `synthetic, seed 0`.
    pub(crate) source: String,
    /// The height of an image, and its width too where there is no `width`.
    pub(crate) resolution: usize,
    /// The width, where it is another than the height.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) width: Option<usize>,
    pub(crate) parameters: usize,
    /// Of an image: convolutions, upsampling ones counted at their input.
    pub(crate) gmac: f64,
    /// As papers count.
    pub(crate) gmac_papers: f64,
}

impl Network {
    /// Name and size: `stylegan2 1024`, `stylegan2 1024x512` where it is not square.
    pub(crate) fn title(&self) -> String {
        match self.width {
            None => format!("{} {}", self.name, self.resolution),
            Some(width) => format!("{} {}x{width}", self.name, self.resolution),
        }
    }
}

/// The first image, step by step, in milliseconds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Cold {
    /// Opening the device.
    pub(crate) device: f64,
    /// Reading (or drawing) the weights.
    pub(crate) load: f64,
    /// Uploading them and compiling pipelines.
    pub(crate) build: f64,
    /// Seed to pixels on the host, the first time.
    pub(crate) first: f64,
    pub(crate) total: f64,
}

/// A batch size, measured warm. Times in milliseconds are of the whole batch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Run {
    pub(crate) batch: usize,
    pub(crate) iterations: usize,
    /// Timestamps around the whole pass.
    #[serde(default)]
    pub(crate) gpu_ms: Option<Stat>,
    /// Sum of timestamps around every dispatch.
    #[serde(default)]
    pub(crate) gpu_passes_ms: Option<Stat>,
    /// From encoding to the device being done.
    #[serde(default)]
    pub(crate) wall_ms: Option<Stat>,
    /// From ws on the host to 8-bit images on the host.
    #[serde(default)]
    pub(crate) wall_readback_ms: Option<Stat>,
    /// Batch over the median of `wall_ms`, or of `wall_readback_ms` when that is absent.
    pub(crate) images_per_second: f64,
    /// Sum of the layers' floors.
    #[serde(default)]
    pub(crate) floor_ms: Option<f64>,
    /// Buffers of the plan: weights, inputs, activations.
    #[serde(default)]
    pub(crate) plan_memory_bytes: Option<u64>,
    #[serde(default)]
    pub(crate) layers: Vec<Layer>,
}

/// One pass of the plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Layer {
    pub(crate) label: String,
    pub(crate) kernel: String,
    pub(crate) variant: String,
    /// Median.
    pub(crate) gpu_ms: f64,
    pub(crate) gflop: f64,
    /// When every operand moves once.
    pub(crate) bytes: u64,
    pub(crate) gflops: f64,
    pub(crate) gbs: f64,
    pub(crate) floor_ms: f64,
    /// How much of its time the floor explains: 100 is as fast as the ceilings allow.
    pub(crate) floor_percent: f64,
    /// `compute` or `memory`: which ceiling its floor comes from.
    pub(crate) bound: String,
}

/// Of several repetitions.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Stat {
    pub(crate) median: f64,
    pub(crate) p5: f64,
    pub(crate) p95: f64,
}

/// The most the device did in micro-benchmarks of the same run.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Ceilings {
    /// Read plus written.
    pub(crate) copy_gbs: f64,
    pub(crate) fma_f32_gflops: f64,
    #[serde(default)]
    pub(crate) fma_f16_gflops: Option<f64>,
    /// f16 products summed in f32, where the device has matrix units that the kernels can use.
    #[serde(default)]
    pub(crate) matrix_f16_gflops: Option<f64>,
}

impl Stat {
    /// Of times in milliseconds; nothing of nothing.
    pub(crate) fn of(times: &[f64]) -> Option<Stat> {
        let mut sorted = times.to_vec();
        sorted.sort_by(f64::total_cmp);
        let last = sorted.len().checked_sub(1)?;
        // Linear between the neighbours, as numpy.percentile.
        let at = |part: f64| {
            let position = part * last as f64;
            let low = position.floor() as usize;
            sorted[low] + (sorted[(low + 1).min(last)] - sorted[low]) * position.fract()
        };
        Some(Stat { median: at(0.5), p5: at(0.05), p95: at(0.95) })
    }
}

impl Ceilings {
    /// Operations per second that a pass with these elements can hope for. Sums are f32 whatever the storage, but a device that
    /// does f16 faster could be used better: the highest rate counts.
    pub(crate) fn gflops(&self, precision: &str) -> f64 {
        let half = [self.fma_f16_gflops, self.matrix_f16_gflops].into_iter().flatten().filter(|_| precision == "f16");
        half.fold(self.fma_f32_gflops, f64::max)
    }
}

impl Layer {
    /// Sets what follows from time, work and ceilings.
    pub(crate) fn derive(&mut self, ceilings: &Ceilings, precision: &str) {
        let seconds = self.gpu_ms.max(1e-6) * 1e-3;
        let (compute, memory) = (self.gflop / ceilings.gflops(precision), self.bytes as f64 / 1e9 / ceilings.copy_gbs);
        self.gflops = self.gflop / seconds;
        self.gbs = self.bytes as f64 / 1e9 / seconds;
        self.floor_ms = compute.max(memory) * 1e3;
        self.floor_percent = self.floor_ms / (seconds * 1e3) * 100.0;
        self.bound = if compute >= memory { "compute" } else { "memory" }.into();
    }
}

impl Run {
    /// The best description of its time there is: GPU, else wall, else wall with readback.
    pub(crate) fn median_ms(&self) -> Option<f64> {
        self.gpu_ms.or(self.wall_ms).or(self.wall_readback_ms).map(|stat| stat.median)
    }
}

impl Report {
    /// Reads a report of a version this program knows.
    pub(crate) fn load(path: &Path) -> Result<Report, Failure> {
        let within = |text: String| Failure::Runtime(format!("{}: {text}", path.display()));
        let text = std::fs::read_to_string(path).map_err(|error| within(error.to_string()))?;
        // The version first: another one's fields need not fit.
        let value: serde_json::Value = serde_json::from_str(&text).map_err(|error| within(error.to_string()))?;
        match value["schema"].as_u64() {
            Some(schema) if schema == u64::from(SCHEMA) => serde_json::from_value(value).map_err(|error| within(error.to_string())),
            Some(schema) => Err(within(format!("a bench report of schema {schema}; this program reads schema {SCHEMA}"))),
            None => Err(within("not a bench report: no \"schema\"".into())),
        }
    }

    /// The JSON.
    pub(crate) fn to_json(&self) -> String {
        let mut value = serde_json::to_value(self).unwrap_or_default();
        round(&mut value);
        format!("{value:#}")
    }
}

/// Six digits say more than any clock; the rest is noise in a diff.
fn round(value: &mut serde_json::Value) {
    match value {
        serde_json::Value::Number(number) if number.is_f64() => {
            if let Some(rounded) = number.as_f64().and_then(|v| format!("{v:.5e}").parse().ok()).and_then(serde_json::Number::from_f64) {
                *number = rounded;
            }
        }
        serde_json::Value::Array(values) => values.iter_mut().for_each(round),
        serde_json::Value::Object(fields) => fields.values_mut().for_each(round),
        _ => {}
    }
}

/// The time of day, from a count of seconds since 1970.
pub(crate) fn utc(seconds: u64) -> String {
    // Days to a date (Hinnant, "chrono-compatible low-level date algorithms"): years begin in March, eras have 400 years.
    let (days, time) = (seconds / 86400 + 719468, seconds % 86400);
    let (era, of_era) = (days / 146097, days % 146097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let (day, month) = (of_year - (153 * shifted + 2) / 5 + 1, if shifted < 10 { shifted + 3 } else { shifted - 9 });
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", time / 3600, time / 60 % 60, time % 60)
}
