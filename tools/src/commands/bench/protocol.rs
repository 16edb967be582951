//! How long and how often a bench measures: on the command line's word, or as a preset fixes it.

use std::time::Duration;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// A fixed protocol, so that the figures of two machines mean the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Preset {
    /// Config F and MobileStyleGAN, f16 (where the device has it) and f32, batch 1: 2 s of warm-up, 10 s, once
    Quick,
    /// The same at batch 1 and 8: 10 s of warm-up, 60 s, three times
    Standard,
}

/// A change of what a preset does makes a new version.
const VERSION: u32 = 1;

/// How a report was measured. Reports of different protocols are not compared.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Protocol {
    /// `quick`, `standard`, or `custom`.
    pub(crate) name: String,
    /// Of a preset; 0 of `custom`.
    pub(crate) version: u32,
    /// Runs of this length before anything is timed.
    pub(crate) warmup_seconds: f64,
    /// Of a repeat, half of it single stream and half offline; null where a number of iterations was given.
    #[serde(default)]
    pub(crate) duration_seconds: Option<f64>,
    /// Of a repeat, in each scenario; null where a duration was given.
    #[serde(default)]
    pub(crate) iterations: Option<usize>,
    /// How often the measurement was made.
    pub(crate) repeats: usize,
}

/// What the command line says.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Wanted {
    pub(crate) preset: Option<Preset>,
    pub(crate) warmup: Option<f64>,
    pub(crate) duration: Option<f64>,
    pub(crate) iterations: Option<usize>,
}

impl Protocol {
    pub(super) fn new(wanted: Wanted) -> Protocol {
        let fixed = |name: &str, warmup_seconds, duration: f64, repeats| Protocol {
            name: name.into(),
            version: VERSION,
            warmup_seconds,
            duration_seconds: Some(duration),
            iterations: None,
            repeats,
        };
        match wanted.preset {
            Some(Preset::Quick) => fixed("quick", 2.0, 10.0, 1),
            Some(Preset::Standard) => fixed("standard", 10.0, 60.0, 3),
            None => Protocol {
                name: "custom".into(),
                version: 0,
                warmup_seconds: wanted.warmup.unwrap_or(0.3),
                duration_seconds: wanted.iterations.is_none().then_some(wanted.duration.unwrap_or(20.0)),
                iterations: wanted.iterations,
                repeats: 1,
            },
        }
    }

    /// `standard 1`, `custom`.
    pub(super) fn title(&self) -> String {
        if self.is_preset() { format!("{} {}", self.name, self.version) } else { self.name.clone() }
    }

    pub(super) fn is_preset(&self) -> bool {
        self.name != "custom"
    }

    /// The batches that a preset measures.
    pub(super) fn batches(preset: Preset) -> Vec<u16> {
        match preset {
            Preset::Quick => vec![1],
            Preset::Standard => vec![1, 8],
        }
    }

    /// In words.
    pub(super) fn describe(&self) -> String {
        let length = match (self.duration_seconds, self.iterations) {
            (_, Some(n)) => format!("{n} iterations"),
            (seconds, None) => format!("{} s", seconds.unwrap_or_default()),
        };
        let repeats = if self.repeats > 1 { format!(", {} times", self.repeats) } else { String::new() };
        format!("{}: warm-up {} s, {length}{repeats}", self.title(), self.warmup_seconds)
    }

    /// When a scenario of a repeat has been measured.
    pub(super) fn until(&self) -> Until {
        match self.iterations {
            Some(n) => Until { least: n, most: n, budget: Duration::MAX },
            None => {
                Until { least: LEAST, most: usize::MAX, budget: Duration::from_secs_f64(self.duration_seconds.unwrap_or_default() / 2.0) }
            }
        }
    }
}

/// Whatever the time, so many iterations: of two, nobody can tell which was the exception.
const LEAST: usize = 3;

/// When to stop.
#[derive(Clone, Copy, Debug)]
pub(super) struct Until {
    least: usize,
    most: usize,
    budget: Duration,
}

impl Until {
    pub(super) fn reached(&self, done: usize, elapsed: Duration) -> bool {
        done >= self.most || (done >= self.least && elapsed >= self.budget)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn iterations_end() {
        let second = Duration::from_secs(1);
        let given = Protocol::new(Wanted { iterations: Some(7), ..Wanted::default() });
        assert!(!given.until().reached(6, second * 1000) && given.until().reached(7, Duration::ZERO));
        let timed = Protocol::new(Wanted { duration: Some(8.0), ..Wanted::default() }).until();
        assert!(!timed.reached(2, second * 1000) && timed.reached(3, second * 4) && !timed.reached(5000, second * 3));
    }

    #[test]
    fn presets_are_fixed() {
        let standard = Protocol::new(Wanted { preset: Some(Preset::Standard), ..Wanted::default() });
        assert_eq!(standard.describe(), "standard 1: warm-up 10 s, 60 s, 3 times");
        assert_eq!(Protocol::new(Wanted::default()).describe(), "custom: warm-up 0.3 s, 20 s");
        let given = Protocol::new(Wanted { iterations: Some(2), warmup: Some(1.0), ..Wanted::default() });
        assert_eq!(given.describe(), "custom: warm-up 1 s, 2 iterations");
    }
}
