//! What a plan's passes are for somebody who looks: kernels, variants and why, work, and where it was measured the time.

use super::Executor;
use crate::kernel::Variant;
use crate::plan::Pass;
use crate::trial::{self, Refusal};

/// A pass that draws pictures: one kernel, as this device runs it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct PassInfo {
    /// As `b64.conv1`: where it writes a map, the layer of [`Generator::tap`](crate::Generator::tap).
    pub name: String,
    /// Its kernel, the stem of a file in `shaders/`.
    pub kernel: &'static str,
    /// The variant that runs.
    pub variant: &'static str,
    /// What the tuner measured of it, in microseconds, of as many rows as it timed.
    pub tuned: Option<f64>,
    /// The other variants that this device has, best first.
    pub others: Vec<Alternative>,
    /// What it writes, `[N, C, H, W]`; what is no map is 1 high and 1 wide.
    pub shape: [usize; 4],
    /// Dispatches: more than one where a tensor exceeds what the device binds at once.
    pub dispatches: usize,
    /// Floating-point operations; a multiply-add is two.
    pub flops: u64,
    /// Bytes that it reads and writes when every operand moves once.
    pub bytes: u64,
    /// Time on the device, all dispatches together; of a profile only.
    pub milliseconds: Option<f64>,
}

/// A variant that a pass does not run.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Alternative {
    /// Its name.
    pub variant: &'static str,
    /// Why not.
    pub why: Why,
}

/// Why a variant does not run.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Why {
    /// It was timed, in microseconds, and another was faster.
    Slower(f64),
    /// It does not fit the shape.
    Misfit,
    /// It failed its trial on this device; what it did.
    Refused(String),
    /// Nobody timed it, and another comes first.
    Untimed,
}

impl Executor {
    /// The passes in their order, without times.
    pub fn passes(&self) -> Vec<PassInfo> {
        let refusals = trial::refusals(&self.gpu);
        let of = |(index, pass): (usize, &Pass)| {
            let steps = self.steps.iter().filter(|step| step.pass == index);
            let chosen = steps.clone().next().expect("every pass has a step").variant.name;
            let times = self.choice(pass).map(|choice| &choice.microseconds);
            let tier = self.gpu.tier();
            let others = pass.kernel.variants.iter().filter(|variant| variant.name != chosen && tier.has(variant.needs));
            let other = |variant: &Variant| Alternative {
                variant: variant.name,
                why: match times.and_then(|times| times.get(variant.name)) {
                    Some(&microseconds) => Why::Slower(microseconds),
                    None if !(variant.fits)(pass) => Why::Misfit,
                    None => refused(&refusals, pass, variant).map_or(Why::Untimed, Why::Refused),
                },
            };
            PassInfo {
                name: pass.label.clone(),
                kernel: pass.kernel.name,
                variant: chosen,
                tuned: times.and_then(|times| times.get(chosen).copied()),
                others: others.map(other).collect(),
                shape: pass.write.shape,
                dispatches: steps.count(),
                flops: pass.flops,
                bytes: self.plan.traffic(pass),
                milliseconds: None,
            }
        };
        self.plan.passes.iter().enumerate().map(of).collect()
    }
}

fn refused(refusals: &[Refusal], pass: &Pass, variant: &Variant) -> Option<String> {
    let found = refusals.iter().find(|refusal| (refusal.kernel, refusal.variant) == (pass.kernel.name, variant.name));
    found.map(|refusal| refusal.reason.clone())
}
