//! Which variant of its kernel a pass runs: the first that the device has, that the pass fits and that has passed its trial.

use crate::error::Result;
use crate::executor::Options;
use crate::gpu::Gpu;
use crate::kernel::Variant;
use crate::plan::Pass;
use crate::tier::{Matrix, Needs, Tier};

/// A variant that may run on a device.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Chosen {
    pub(crate) variant: &'static Variant,
    /// The units of a variant that needs them.
    pub(crate) matrix: Option<Matrix>,
}

/// The tier that a plan's passes are resolved for.
pub(crate) fn tier(gpu: &Gpu, options: &Options) -> Tier {
    let mut tier = gpu.tier();
    tier.subgroup &= !options.portable;
    tier.matrix = options.emulate_matrix.or(tier.matrix.filter(|_| !options.portable));
    tier
}

/// The choice for a pass.
pub(crate) fn choose(gpu: &Gpu, pass: &Pass, tier: &Tier, options: &Options) -> Result<Chosen> {
    for variant in pass.kernel.fitting(tier, pass) {
        let named = options.variant.is_none_or(|name| name == variant.name || variant.needs == Needs::Portable);
        let chosen = match (variant.needs, tier.matrix) {
            _ if !named => None,
            (Needs::Matrix { .. }, Some(matrix)) if options.variant.is_some() => Some(Chosen { variant, matrix: Some(matrix) }),
            (Needs::Matrix { .. }, Some(matrix)) => {
                gpu.tried(pass.kernel, variant, matrix)?.map(|matrix| Chosen { variant, matrix: Some(matrix) })
            }
            _ => Some(Chosen { variant, matrix: None }),
        };
        if let Some(chosen) = chosen {
            return Ok(chosen);
        }
    }
    panic!("{} has no portable variant", pass.kernel.name)
}
