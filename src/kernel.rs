//! Kernels: a formula with one or more WGSL variants and a CPU twin; and the assembly of their source.
//!
//! Two orthogonal choices, one line each: the *algorithm* is a file, the first of [`Kernel::variants`] that the device's tier
//! and the pass allow; the *precision* is a prelude, picked by the pass's element type.

use crate::plan::{Band, Pass};
use crate::tensor::{DType, Tensor};
use crate::tier::{Matrix, Needs, Tier};

/// Prelude: slabs and bands.
pub(crate) const SLAB: &str = wgsl!("prelude/slab.wgsl");
/// Prelude: a clamp that keeps NaN.
pub(crate) const LIMITED: &str = wgsl!("prelude/limited.wgsl");
/// Prelude: what follows a convolution; after [`LIMITED`].
pub(crate) const BIAS_ACT: &str = wgsl!("prelude/bias_act.wgsl");
/// Prelude: what comes before an instance norm.
pub(crate) const NOISE_ACT: &str = wgsl!("prelude/noise_act.wgsl");
/// Prelude: what matrix kernels stage.
pub(crate) const BLOCKS: &str = wgsl!("prelude/blocks.wgsl");
/// Prelude: small images on matrix units.
pub(crate) const SPLIT: &str = wgsl!("prelude/split.wgsl");
/// Prelude: the tail of two rows of four pixels.
pub(crate) const FINISH: &str = wgsl!("prelude/finish.wgsl");
/// Prelude: up-sampling by 2.
pub(crate) const UPSAMPLE: &str = wgsl!("prelude/upsample.wgsl");
/// Prelude: weights that the lanes of a subgroup hold together.
pub(crate) const COLUMNS: &str = wgsl!("prelude/columns.wgsl");
/// Prelude: storing into the slab `y`, a pixel at a time.
pub(crate) const STORE: &str = wgsl!("prelude/store.wgsl");
/// Prelude: storing into the slab `y`, four pixels at a time.
pub(crate) const STORE4: &str = wgsl!("prelude/store4.wgsl");

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
    /// Its override constants, beside those of the pass.
    pub constants: &'static [(&'static str, f64)],
    /// What the device must have.
    pub needs: Needs,
    /// Which passes it can run; `always` when it has no restriction.
    pub fits: fn(&Pass) -> bool,
    /// Workgroups for a band of a pass.
    pub grid: fn(&Pass, &Band) -> [u32; 3],
}

/// How the source of a variant is put together for a device, beside its element types.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Assembly {
    /// Activations and weights are read and written as 64-bit words.
    pub words: bool,
    /// The lanes play the matrix units that the variant needs.
    pub emulated: bool,
}

/// A variant that may run on a device.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Chosen {
    pub(crate) variant: &'static Variant,
    /// The units of a variant that needs them.
    pub(crate) matrix: Option<Matrix>,
    /// Whether it reads and writes in 64-bit words.
    pub(crate) words: bool,
}

impl Chosen {
    /// How its source is put together.
    pub(crate) fn assembly(&self) -> Assembly {
        Assembly { words: self.words, emulated: self.matrix.is_some_and(|matrix| matrix.emulated) }
    }
}

/// Pixels (cells) x outputs of a layer up to which its sum is worth splitting: that many are 512 workgroups of the split forms of 16x16
/// units, which take then what the tiles take on RDNA 3 and 4, by the model of tools/gpu-lab. Of an image, not of a batch: in which form
/// a layer is summed decides the last bits, and a picture must not depend on the others of its batch.
pub(crate) const SPLIT_SUMS: usize = 512 * 16 * 32;

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
    /// The variants that a device of that tier can run for that pass, best first as far as one can know without timing them.
    pub fn fitting(&self, tier: &Tier, pass: &Pass) -> Vec<&'static Variant> {
        let mut fitting: Vec<_> = self.variants.iter().filter(|variant| tier.has(variant.needs) && (variant.fits)(pass)).collect();
        // Broadcasts are cheaper than workgroup memory where lanes are those of a processor's vectors; only timing could tell
        // of a GPU where that is so.
        fitting.sort_by_key(|variant| variant.needs == Needs::Subgroup && !tier.software);
        fitting
    }
}

impl Variant {
    /// The complete WGSL of this variant for the element types it reads and writes.
    pub fn wgsl(&self, reads: DType, writes: DType, Assembly { words, emulated }: Assembly) -> String {
        let enable = if [reads, writes].contains(&DType::F16) { "enable f16;\n" } else { "" };
        let matrix = match self.needs {
            Needs::Matrix { side, .. } => matrix_prelude(side, emulated),
            Needs::Portable | Needs::Subgroup | Needs::Software | Needs::Gpu => String::new(),
        };
        let units = if !matrix.is_empty() && !emulated { "enable wgpu_cooperative_matrix;\n" } else { "" };
        // Matrix kernels stage halves; all others are indifferent to how a group of four is loaded.
        let words = words && matrix.is_empty();
        let element = match (reads, words) {
            (DType::F16, false) => wgsl!("prelude/f16.wgsl"),
            (DType::F16, true) => wgsl!("prelude/f16_words.wgsl"),
            (DType::F32 | DType::Rgba8, false) => wgsl!("prelude/f32.wgsl"),
            (DType::F32 | DType::Rgba8, true) => wgsl!("prelude/f32_words.wgsl"),
        };
        let store = match (writes, words) {
            (DType::F16, false) => wgsl!("prelude/store_f16.wgsl"),
            (DType::F16, true) => wgsl!("prelude/store_f16_words.wgsl"),
            (DType::F32 | DType::Rgba8, false) => wgsl!("prelude/store_f32.wgsl"),
            (DType::F32 | DType::Rgba8, true) => wgsl!("prelude/store_f32_words.wgsl"),
        };
        spelled_out(&[&[enable, units, element, store, &matrix], self.prelude, &[self.source]].concat().concat())
    }

    /// Every override constant of its pipeline for a pass, with the units it uses: those of the pass that its source declares.
    pub fn overrides(&self, pass: &Pass, matrix: Option<Matrix>) -> Vec<(&'static str, f64)> {
        let lanes = matrix.map(|matrix| ("LANES", f64::from(matrix.lanes)));
        let declares = |text: &&str, name: &str| {
            text.split("override ").skip(1).any(|rest| rest.strip_prefix(name).is_some_and(|rest| rest.starts_with(':')))
        };
        let declared = |name: &str| self.prelude.iter().chain([&self.source]).any(|text| declares(text, name));
        pass.constants.iter().chain(self.constants).copied().chain(lanes).filter(|(name, _)| declared(name)).collect()
    }
}

/// The source with its aliases replaced by what they stand for.
///
/// An alias is a type of its own in naga 30, which writes a helper function for each type but names it after the spelling: beside
/// `alias four = array<vec4<f32>, 4>`, a second array of four vectors has its HLSL define `Constructarray4_float4_` twice, and
/// Direct3D 12 refuses the shader (docs/upstream.md). Without aliases there is one type of each spelling.
fn spelled_out(source: &str) -> String {
    let mut aliases: Vec<(&str, String)> = Vec::new();
    let mut result = String::with_capacity(source.len());
    for line in source.split_inclusive('\n') {
        let (code, comment) = line.split_at(line.find("//").unwrap_or(line.len()));
        let mut spelled = String::with_capacity(code.len());
        let mut rest = code;
        while let Some(start) = rest.find(is_letter) {
            let length = rest[start..].find(|c: char| !is_letter(c)).unwrap_or(rest.len() - start);
            let (before, word) = (&rest[..start], &rest[start..start + length]);
            // A member of a structure is no type, whatever its name.
            let meaning = aliases.iter().find(|(name, _)| *name == word && !before.ends_with('.'));
            spelled.extend([before, meaning.map_or(word, |(_, meaning)| meaning)]);
            rest = &rest[start + length..];
        }
        spelled.push_str(rest);
        match spelled.trim().strip_prefix("alias ").and_then(|alias| alias.strip_suffix(';')?.split_once('=')) {
            Some((_, meaning)) => {
                let name = code.trim_start()["alias ".len()..].split('=').next().unwrap_or_default();
                aliases.push((name.trim(), meaning.trim().to_string()));
            }
            None => result.extend([&spelled, comment]),
        }
    }
    result
}

/// Whether a character belongs to a name.
fn is_letter(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The WGSL of matrix units of 16 or 8 rows and columns, and of their emulation by the lanes. A kernel adds `LANES`, `X_SIZE`,
/// `X_PITCH`, `W_SIZE`, `W_PITCH`, `SUM_SIZE` and `SUM_PITCH` (in vectors of four), and `enable wgpu_cooperative_matrix`.
pub fn matrix_prelude(side: u32, emulated: bool) -> String {
    let units = match (side, emulated) {
        (_, true) => wgsl!("prelude/matrix_emulated.wgsl"),
        (16, false) => wgsl!("prelude/matrix16.wgsl"),
        (_, false) => wgsl!("prelude/matrix8.wgsl"),
    };
    format!("const SIDE = {side}u;\n{units}")
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aliases_are_spelled_out() {
        let source = "alias one = vec4<f32>;  // a pixel\nalias two = array<one, 2>;\nvar<private> x: two;  // two of one\n\
                      fn one_of(v: two) -> one { return v.one + s.two_one + one(v[0]); }\n";
        let expected = "var<private> x: array<vec4<f32>, 2>;  // two of one\n\
                        fn one_of(v: array<vec4<f32>, 2>) -> vec4<f32> { return v.one + s.two_one + vec4<f32>(v[0]); }\n";
        assert_eq!(spelled_out(source), expected);
        assert_eq!(spelled_out("let a = 1;\nlet b = a"), "let a = 1;\nlet b = a");
    }
}
