//! Kernels: a formula with one or more WGSL variants and a CPU twin; and the assembly of their source.
//!
//! Two orthogonal choices, one line each: the *algorithm* is a file, the first of [`Kernel::variants`] that the device's tier
//! and the pass allow; the *precision* is a prelude, picked by the pass's element type.

use crate::plan::{Band, Pass};
use crate::tensor::{DType, Tensor};
use crate::tier::{Needs, Tier};

/// Prelude: slabs and bands.
pub(crate) const SLAB: &str = include_str!("../shaders/prelude/slab.wgsl");
/// Prelude: what follows a convolution.
pub(crate) const BIAS_ACT: &str = include_str!("../shaders/prelude/bias_act.wgsl");
/// Prelude: what comes before an instance norm.
pub(crate) const NOISE_ACT: &str = include_str!("../shaders/prelude/noise_act.wgsl");
/// Prelude: storing into the slab `y`.
pub(crate) const STORE: &str = include_str!("../shaders/prelude/store.wgsl");

/// One formula, in one shader file per variant and one Rust file.
#[derive(Debug)]
pub struct Kernel {
    /// The stem of its files.
    pub name: &'static str,
    /// Best first; the last one runs everywhere.
    pub variants: &'static [Variant],
    /// Naive loops with f64 sums, over natural values.
    pub twin: fn(&Call<'_>) -> Vec<f32>,
}

/// One way to compute a kernel.
#[derive(Debug)]
pub struct Variant {
    /// `portable`, `subgroup`.
    pub name: &'static str,
    /// What stands before its source: the structures and functions it uses.
    pub prelude: &'static [&'static str],
    /// Its own WGSL.
    pub source: &'static str,
    /// What the device must have.
    pub needs: Needs,
    /// Which passes it can run; `always` when it has no restriction.
    pub fits: fn(&Pass) -> bool,
    /// Workgroups for a band of a pass.
    pub grid: fn(&Pass, &Band) -> [u32; 3],
}

/// What a CPU twin gets.
pub struct Call<'a> {
    /// The kernel's own parameters.
    pub params: &'a [u8],
    /// Handles and natural values.
    pub reads: Vec<(Tensor, &'a [f32])>,
    /// What to compute.
    pub write: Tensor,
}

/// For [`Variant::fits`].
pub(crate) fn always(_: &Pass) -> bool {
    true
}

impl Kernel {
    /// The variant a device of that tier runs for that pass.
    pub fn choose(&'static self, tier: &Tier, pass: &Pass) -> &'static Variant {
        let fitting = |variant: &&Variant| tier.has(variant.needs) && (variant.fits)(pass);
        self.variants.iter().find(fitting).unwrap_or_else(|| panic!("{} has no portable variant", self.name))
    }
}

impl Variant {
    /// The complete WGSL of this variant for the element types it reads and writes.
    pub fn wgsl(&self, reads: DType, writes: DType) -> String {
        let enable = if [reads, writes].contains(&DType::F16) { "enable f16;\n" } else { "" };
        let element = match reads {
            DType::F16 => include_str!("../shaders/prelude/f16.wgsl"),
            DType::F32 | DType::Rgba8 => include_str!("../shaders/prelude/f32.wgsl"),
        };
        let store = match writes {
            DType::F16 => include_str!("../shaders/prelude/store_f16.wgsl"),
            DType::F32 | DType::Rgba8 => include_str!("../shaders/prelude/store_f32.wgsl"),
        };
        [&[enable, element, store], self.prelude, &[self.source]].concat().concat()
    }
}

impl Call<'_> {
    /// The kernel's parameters, as its structure.
    pub(crate) fn params<P: bytemuck::Pod>(&self) -> P {
        bytemuck::pod_read_unaligned(self.params)
    }
}

/// The grid of a one-dimensional kernel with that many invocations in workgroups of `size`.
pub(crate) fn line(invocations: usize, size: usize) -> [u32; 3] {
    let groups = invocations.div_ceil(size).max(1);
    // 65535 is the least limit of workgroups per dimension; kernels read groups.x + groups.y * num_workgroups.x.
    let x = groups.min(32768);
    [x as u32, groups.div_ceil(x) as u32, 1]
}
