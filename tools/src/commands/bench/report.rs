//! The report of a bench: the structure of its JSON (docs/bench-schema.md, docs/bench.schema.json).
//!
//! Every time is in milliseconds and of one image: a batch's time divided by its images.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::protocol::Protocol;
use super::quality::Quality;
use super::statistics::Stat;

/// The version in `"schema"`. Fields may be added under it; a change of meaning makes a new one.
pub(crate) const SCHEMA: u32 = 2;

/// One program on one device. What a program does not measure is null or empty.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Report {
    /// 2.
    pub(crate) schema: u32,
    /// The protocol, its version, and the first 12 digits of the sha256 of everything else, as `standard-1-0f3a5b7c9d1e`. A report
    /// that was changed by hand does not have its ID any more. Peers have none.
    #[serde(default)]
    pub(crate) id: Option<String>,
    /// UTC, as 2026-11-22T04:40:00Z.
    pub(crate) date: String,
    /// What ran.
    pub(crate) engine: Engine,
    /// Where it ran.
    pub(crate) device: Device,
    /// The machine around it.
    pub(crate) host: Host,
    /// How it was made.
    #[serde(default)]
    pub(crate) made: Option<Made>,
    /// How long, how often.
    pub(crate) protocol: Protocol,
    /// Whether the figures may be relied upon.
    pub(crate) quality: Quality,
    /// What the device reached in micro-benchmarks, before and after.
    #[serde(default)]
    pub(crate) ceilings: Option<BeforeAndAfter>,
    /// Of a preset: the geometric mean of its images per second.
    #[serde(default)]
    pub(crate) score: Option<f64>,
    /// Most memory of the process, in bytes; a software adapter's is in it. Linux only.
    #[serde(default)]
    pub(crate) peak_memory_bytes: Option<u64>,
    /// One for each network and precision.
    pub(crate) results: Vec<Outcome>,
}

/// What ran.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Engine {
    /// `stylegan-wgpu`, `PyTorch`, ...
    pub(crate) name: String,
    /// Its version.
    pub(crate) version: String,
    /// `release`, `debug`; for peers the mode, as `compile`.
    pub(crate) build: String,
}

/// Where it ran.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Device {
    /// As the driver names it.
    pub(crate) name: String,
    /// `Vulkan`, `Metal`, `Dx12`; `CUDA` or `CPU` for peers.
    pub(crate) backend: String,
    /// Name and version.
    pub(crate) driver: String,
    /// `DiscreteGpu`, `IntegratedGpu`, `VirtualGpu`, `Cpu`, `Other`.
    #[serde(rename = "type")]
    pub(crate) kind: String,
    /// PCI vendor and device, and its place where the driver tells it: `10de:2684 at 0000:01:00.0`.
    #[serde(default)]
    pub(crate) pci: Option<String>,
}

/// The machine around it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Host {
    /// `linux`, `macos`, `windows`.
    pub(crate) os: String,
    /// `x86_64`, `aarch64`.
    pub(crate) arch: String,
    /// The processor.
    #[serde(default)]
    pub(crate) cpu: Option<String>,
    /// Of hardware.
    pub(crate) threads: usize,
}

/// How a report was made: what one needs to make it again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Made {
    /// The command line; of paths only the file's name.
    pub(crate) command: String,
    /// Of the source, with `-dirty` where files were changed; null where it was not built in a repository.
    pub(crate) commit: Option<String>,
    /// The version of wgpu.
    pub(crate) wgpu: Option<String>,
    /// What the device can run of the engine, as `stylegan devices` shows it.
    pub(crate) tier: String,
    /// Whether a pass ran on matrix units.
    pub(crate) matrix_units: bool,
    /// How variants of kernels were chosen.
    pub(crate) tuning: TuningState,
    /// Variables of the environment that engine, loader or driver look at; of paths only the file's name.
    pub(crate) switches: BTreeMap<String, String>,
    /// Kernels were taken from a folder: figures of that are nobody's.
    pub(crate) foreign_kernels: bool,
}

/// How variants of kernels were chosen.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct TuningState {
    /// By timing; else in their fixed order.
    pub(crate) tuned: bool,
    /// Shapes timed in this run.
    pub(crate) timed_now: usize,
    /// Shapes whose choice was known from an earlier run.
    pub(crate) kept: usize,
    /// sha256 of what was chosen for every pass, 12 digits: two reports with the same ran the same kernels.
    pub(crate) choices: String,
}

/// A network in a precision.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Outcome {
    /// What was rendered.
    pub(crate) network: Network,
    /// `f32` or `f16`: storage of weights and activations; sums are f32.
    pub(crate) precision: String,
    /// The first image, step by step; only of the first network of a report.
    #[serde(default)]
    pub(crate) cold_ms: Option<Cold>,
    /// z -> w, one latent, read back.
    #[serde(default)]
    pub(crate) mapping_ms: Option<Stat>,
    /// One per batch size.
    pub(crate) runs: Vec<Run>,
}

/// What was rendered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Network {
    /// `stylegan2`, `mobilestylegan`.
    pub(crate) name: String,
    /// A file's name, or `synthetic, seed 0`.
    pub(crate) source: String,
    /// Of configuration and tensors, whichever file they came from; null for peers.
    #[serde(default)]
    pub(crate) sha256: Option<String>,
    /// The height of an image, and its width too where there is no `width`.
    pub(crate) resolution: usize,
    /// The width, where it is another than the height.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) width: Option<usize>,
    /// Values in its tensors.
    pub(crate) parameters: usize,
    /// 10^9 multiply-accumulates of an image's convolutions, upsampling ones counted at their input.
    pub(crate) gmac: f64,
    /// The same as papers count.
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
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Cold {
    /// Opening the device; for peers the import of the library.
    pub(crate) device: f64,
    /// Reading (or drawing) the weights.
    pub(crate) load: f64,
    /// Uploading them and compiling pipelines.
    pub(crate) build: f64,
    /// Seed to pixels on the host, the first time.
    pub(crate) first: f64,
    /// Their sum.
    pub(crate) total: f64,
}

/// A batch size, measured warm.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Run {
    /// Images at once.
    pub(crate) batch: usize,
    /// Single stream: a batch is begun when the one before it is done. Timestamps around the whole pass.
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
    /// Single stream: 1000 over the median of `wall_readback_ms`, or of `wall_ms` when that is absent.
    pub(crate) images_per_second: f64,
    /// Throughput: a batch is submitted before the one ahead of it is waited for, every image read back.
    #[serde(default)]
    pub(crate) offline: Option<Offline>,
    /// What came of checking the pictures; null for peers.
    #[serde(default)]
    pub(crate) picture: Option<Picture>,
    /// Energy, clocks, temperatures, where the system tells them.
    #[serde(default)]
    pub(crate) telemetry: Option<Readings>,
    /// Sum of the layers' floors.
    #[serde(default)]
    pub(crate) floor_ms: Option<f64>,
    /// Buffers of the plan: weights, inputs, activations.
    #[serde(default)]
    pub(crate) plan_memory_bytes: Option<u64>,
    /// One per pass, in order; empty on devices without timestamps, and for peers.
    #[serde(default)]
    pub(crate) layers: Vec<Layer>,
}

/// Throughput.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Offline {
    /// Images of all repeats.
    pub(crate) images: usize,
    /// Images over seconds, of all repeats together.
    pub(crate) images_per_second: f64,
    /// Of each repeat.
    pub(crate) repeats: Vec<f64>,
}

/// The pictures of a run, checked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Picture {
    /// Of the 8-bit RGBA pixels of the batch.
    pub(crate) sha256: String,
    /// Pictures that were read back while times were taken; all of them were the checked ones, byte for byte.
    pub(crate) pictures: usize,
    /// Difference of the worst image from what it is checked against: root of the sum of squares, over the same of the reference.
    pub(crate) relative_error: f64,
    /// The most that is allowed.
    pub(crate) tolerance: f64,
    /// `stored reference`, or `portable f32 kernels, same run`.
    pub(crate) against: String,
}

/// What the sensors said while a run's images were drawn, 10 times a second.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Readings {
    /// Where it was read: `NVML`, `amdgpu hwmon`, `RAPL`, `cpufreq`, ...
    pub(crate) sources: Vec<String>,
    /// By name and unit, as `gpu_mhz`, `gpu_celsius`, `gpu_watts`, `cpu_mhz`, `cpu_watts`.
    pub(crate) values: BTreeMap<String, Spread>,
    /// Part of the samples in which a clock was held down, in percent; absent where nothing tells.
    #[serde(default)]
    pub(crate) throttled_percent: Option<f64>,
    /// Why, as the driver names it.
    #[serde(default)]
    pub(crate) throttle_reasons: Vec<String>,
    /// Of an image of the offline scenario: of the device if it tells its power, else of the processor's package.
    #[serde(default)]
    pub(crate) joules_per_image: Option<f64>,
    /// Its inverse.
    #[serde(default)]
    pub(crate) images_per_joule: Option<f64>,
}

/// Of samples of a sensor.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Spread {
    /// Lowest.
    pub(crate) least: f64,
    /// Arithmetic mean.
    pub(crate) mean: f64,
    /// Highest.
    pub(crate) most: f64,
}

/// One pass of the plan; all of an image.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Layer {
    /// `b64.conv1`.
    pub(crate) label: String,
    /// `modulated_conv2d`.
    pub(crate) kernel: String,
    /// `portable`, `subgroup`, ...
    pub(crate) variant: String,
    /// Median.
    pub(crate) gpu_ms: f64,
    /// 10^9 operations.
    pub(crate) gflop: f64,
    /// When every operand of the batch moves once.
    pub(crate) bytes: f64,
    /// 10^9 operations per second.
    pub(crate) gflops: f64,
    /// 10^9 bytes per second.
    pub(crate) gbs: f64,
    /// The longer of its operations at the multiply-add ceiling and its bytes at the copy ceiling.
    pub(crate) floor_ms: f64,
    /// How much of its time the floor explains: 100 is as fast as the ceilings allow.
    pub(crate) floor_percent: f64,
    /// `compute` or `memory`: which ceiling its floor comes from.
    pub(crate) bound: String,
}

/// Ceilings measured before the warm runs and after them.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct BeforeAndAfter {
    /// When the first image was drawn.
    pub(crate) before: Ceilings,
    /// When all was measured.
    pub(crate) after: Ceilings,
    /// Of the ceiling that changed most, in percent of the higher value.
    pub(crate) drift_percent: f64,
}

/// The most the device did in micro-benchmarks of the same run.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Ceilings {
    /// 10^9 bytes per second, read plus written.
    pub(crate) copy_gbs: f64,
    /// 10^9 operations per second; a multiply-add is two.
    pub(crate) fma_f32_gflops: f64,
    /// The same in f16, where the device has it.
    #[serde(default)]
    pub(crate) fma_f16_gflops: Option<f64>,
    /// f16 products summed in f32, where the device has matrix units that the kernels can use.
    #[serde(default)]
    pub(crate) matrix_f16_gflops: Option<f64>,
}
