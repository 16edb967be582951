//! What follows from what was measured: drift, floors, the best description of a time.

use super::report::{BeforeAndAfter, Ceilings, Layer, Outcome, Report, Run};
use super::statistics::Stat;

impl BeforeAndAfter {
    pub(crate) fn new(before: Ceilings, after: Ceilings) -> BeforeAndAfter {
        let drift = |a: f64, b: f64| (1.0 - a.min(b) / a.max(b)) * 100.0;
        let of = |c: Ceilings| [Some(c.copy_gbs), Some(c.fma_f32_gflops), c.fma_f16_gflops, c.matrix_f16_gflops];
        let drifts = of(before).into_iter().zip(of(after)).filter_map(|(a, b)| Some(drift(a?, b?)));
        BeforeAndAfter { before, after, drift_percent: drifts.fold(0.0, f64::max) }
    }

    /// The higher of each: what the device has been seen to do.
    pub(crate) fn best(&self) -> Ceilings {
        let (a, b) = (self.before, self.after);
        let both = |a: Option<f64>, b: Option<f64>| a.into_iter().chain(b).reduce(f64::max);
        Ceilings {
            copy_gbs: a.copy_gbs.max(b.copy_gbs),
            fma_f32_gflops: a.fma_f32_gflops.max(b.fma_f32_gflops),
            fma_f16_gflops: both(a.fma_f16_gflops, b.fma_f16_gflops),
            matrix_f16_gflops: both(a.matrix_f16_gflops, b.matrix_f16_gflops),
        }
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
        let (compute, memory) = (self.gflop / ceilings.gflops(precision), self.bytes / 1e9 / ceilings.copy_gbs);
        self.gflops = self.gflop / seconds;
        self.gbs = self.bytes / 1e9 / seconds;
        self.floor_ms = compute.max(memory) * 1e3;
        self.floor_percent = self.floor_ms / (seconds * 1e3) * 100.0;
        self.bound = if compute >= memory { "compute" } else { "memory" }.into();
    }
}

impl Run {
    /// The best description of its time there is: GPU, else wall, else wall with readback.
    pub(crate) fn best(&self) -> Option<&Stat> {
        self.gpu_ms.as_ref().or(self.wall_ms.as_ref()).or(self.wall_readback_ms.as_ref())
    }

    /// How much of its time the layers' floors explain, in percent.
    pub(crate) fn floor_percent(&self) -> Option<f64> {
        self.floor_ms.zip(self.best()).map(|(floor, time)| floor / time.median * 100.0)
    }

    /// The most images a second that were seen: offline, or single stream where that was not measured.
    pub(crate) fn throughput(&self) -> f64 {
        self.offline.as_ref().map_or(self.images_per_second, |offline| offline.images_per_second)
    }
}

impl Report {
    /// Every run, with its network and precision.
    pub(crate) fn runs(&self) -> impl Iterator<Item = (&Outcome, &Run)> {
        self.results.iter().flat_map(|outcome| outcome.runs.iter().map(move |run| (outcome, run)))
    }
}
