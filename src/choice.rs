//! Which variant of its kernel a pass runs: the one that was fastest when it was timed ([`tune`](crate::tune)), else the first;
//! one that needs matrix units must have passed its [`trial`](crate::trial) on this device.

use crate::error::Result;
use crate::executor::Options;
use crate::gpu::Gpu;
use crate::kernel::Chosen;
use crate::plan::Pass;
use crate::tier::{Needs, Tier};
use crate::trial;

/// The tier that a plan's passes are resolved for.
pub(crate) fn tier(gpu: &Gpu, options: &Options) -> Tier {
    let mut tier = gpu.tier();
    tier.subgroup &= !options.portable;
    tier.words &= !options.portable;
    // Asked for by its name, a variant runs on a processor, too.
    tier.software &= options.variant.is_none();
    tier.matrix = options.matrix.or(tier.matrix.filter(|_| !options.portable));
    tier
}

/// The choice for a pass; `tuned` is what the tuner found.
pub(crate) fn choose(gpu: &Gpu, pass: &Pass, tier: &Tier, options: &Options, tuned: Option<&str>) -> Result<Chosen> {
    let fitting = pass.kernel.fitting(tier, pass);
    for name in options.variant.into_iter().chain(tuned).chain(fitting.iter().map(|variant| variant.name)) {
        if let Some(chosen) = admit(gpu, pass, name, tier, options)? {
            return Ok(chosen);
        }
    }
    panic!("{} has no portable variant", pass.kernel.name)
}

/// The variant of that name, if it may run the pass on this device.
pub(crate) fn admit(gpu: &Gpu, pass: &Pass, name: &str, tier: &Tier, options: &Options) -> Result<Option<Chosen>> {
    let fitting = pass.kernel.fitting(tier, pass);
    let Some(&variant) = fitting.iter().find(|variant| variant.name == name) else { return Ok(None) };
    let portable = variant.needs == Needs::Portable;
    let wanted = options.variant.map_or(portable || !options.portable, |wanted| wanted == name || portable);
    Ok(match (variant.needs, tier.matrix) {
        _ if !wanted => None,
        (Needs::Matrix { .. }, Some(matrix)) => {
            let matrix = if options.variant.is_some() { Some(matrix) } else { trial::tried(gpu, pass.kernel, variant, matrix)? };
            matrix.map(|matrix| Chosen { variant, matrix: Some(matrix), words: false })
        }
        _ => Some(Chosen { variant, matrix: None, words: tier.words }),
    })
}
