//! What a device can run, as a few supersets; the only file that reads `wgpu::Features`.

use std::fmt;

use crate::error::{Error, Result};

/// What a variant needs of the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Needs {
    /// Nothing beyond WebGPU's defaults.
    Portable,
    /// Subgroups of 8 lanes.
    Subgroup,
    /// No processor that plays the GPU: threads that share a sum, through workgroup memory and barriers, are slow there.
    Gpu,
    /// A processor that plays the GPU: subgroups of 8 lanes or more, and 64-bit words.
    Software,
    /// Matrix units, multiplying f16 and summing f32.
    Matrix {
        /// Rows and columns of a matrix.
        side: u32,
        /// Bytes of workgroup memory that the variant declares; wgpu does not hold them against the device's limit.
        workgroup_memory: u32,
    },
}

/// What a device has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Tier {
    /// 16-bit floats in shaders and buffers.
    pub half: bool,
    /// Subgroups of 8 lanes, for the subgroup-broadcast kernels, whose workgroups they are: of 32 lanes, 24 would be idle.
    pub subgroup: bool,
    /// A processor plays the GPU: broadcasts are cheap there, workgroup memory and barriers are not.
    pub software: bool,
    /// 64-bit words for reading and writing memory: a processor loads a vector component by component.
    pub words: bool,
    /// Cooperative matrices; used after a trial of the device.
    pub matrix: Option<Matrix>,
    /// Timestamps, for profiles.
    pub timestamps: bool,
    /// Compiled pipelines that an application may keep.
    pub pipeline_cache: bool,
}

/// Matrix units: square, f16 operands, f32 sums.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Matrix {
    /// 16 (NVIDIA, AMD) or 8 (Apple, lavapipe from Mesa 26).
    pub side: u32,
    /// Lanes of a subgroup.
    pub lanes: u32,
    /// Bytes of workgroup memory of the device.
    pub workgroup_memory: u32,
    /// Played by the lanes, without any unit: for tests.
    pub emulated: bool,
}

impl Tier {
    /// The tier of an adapter. `STYLEGAN_TIER=portable` turns everything optional off, `half` the subgroup and matrix kernels;
    /// `matrix` has a software adapter play matrix units that it offers, which is slower than what it takes else.
    pub fn of(adapter: &wgpu::Adapter) -> Tier {
        let wanted = std::env::var("STYLEGAN_TIER");
        let features = adapter.features();
        let info = adapter.get_info();
        let software = info.device_type == wgpu::DeviceType::Cpu;
        let matrix = matrix(adapter).filter(|_| !software || wanted.as_deref() == Ok("matrix"));
        let all = Tier {
            half: features.contains(wgpu::Features::SHADER_F16),
            // Not beside matrix units: with the feature, wgpu lets drivers choose another number of lanes for every pipeline.
            subgroup: subgroups_of_8([info.subgroup_min_size, info.subgroup_max_size], software)
                && features.contains(wgpu::Features::SUBGROUP)
                && matrix.is_none(),
            software,
            words: software && features.contains(wgpu::Features::SHADER_INT64),
            matrix,
            timestamps: features.contains(wgpu::Features::TIMESTAMP_QUERY),
            pipeline_cache: features.contains(wgpu::Features::PIPELINE_CACHE),
        };
        match wanted.as_deref() {
            Ok("portable") => Tier { half: false, subgroup: false, words: false, matrix: None, ..all },
            Ok("half") => Tier { subgroup: false, words: false, matrix: None, ..all },
            _ => all,
        }
    }

    /// Refuses a `STYLEGAN_TIER` that is none: who sets it wants to know that it holds.
    pub fn check_variable() -> Result<()> {
        match std::env::var_os("STYLEGAN_TIER") {
            Some(tier) if !["", "portable", "half", "matrix"].iter().any(|known| tier == *known) => {
                let found = crate::text::line(&tier.to_string_lossy(), 40);
                Err(Error::Argument(format!("STYLEGAN_TIER is '{found}'; it is portable, half, matrix or not set")))
            }
            _ => Ok(()),
        }
    }

    /// The features to request of a device for it; the experimental ones need wgpu's token, too.
    pub fn features(&self) -> wgpu::Features {
        let mut features = wgpu::Features::empty();
        features.set(wgpu::Features::SHADER_F16, self.half);
        features.set(wgpu::Features::SUBGROUP, self.subgroup);
        features.set(wgpu::Features::SHADER_INT64, self.words);
        features.set(wgpu::Features::EXPERIMENTAL_COOPERATIVE_MATRIX, self.matrix.is_some());
        features.set(wgpu::Features::TIMESTAMP_QUERY, self.timestamps);
        features.set(wgpu::Features::PIPELINE_CACHE, self.pipeline_cache);
        features
    }

    /// What of it a device that exists already was created with.
    pub fn on(self, device: &wgpu::Device) -> Tier {
        let features = device.features();
        let limits = device.limits();
        let matrix = |matrix: Matrix| {
            let runs = features.contains(wgpu::Features::EXPERIMENTAL_COOPERATIVE_MATRIX | wgpu::Features::SHADER_F16);
            // Workgroups of the matrix kernels are four subgroups.
            let runs = runs && 4 * matrix.lanes <= limits.max_compute_invocations_per_workgroup;
            runs.then_some(Matrix { workgroup_memory: limits.max_compute_workgroup_storage_size, ..matrix })
        };
        Tier {
            half: self.half && features.contains(wgpu::Features::SHADER_F16),
            subgroup: self.subgroup && features.contains(wgpu::Features::SUBGROUP),
            software: self.software,
            words: self.words && features.contains(wgpu::Features::SHADER_INT64),
            matrix: self.matrix.and_then(matrix),
            timestamps: self.timestamps && features.contains(wgpu::Features::TIMESTAMP_QUERY),
            pipeline_cache: self.pipeline_cache && features.contains(wgpu::Features::PIPELINE_CACHE),
        }
    }

    /// Whether a variant can run.
    pub fn has(&self, needs: Needs) -> bool {
        match needs {
            Needs::Portable => true,
            Needs::Subgroup => self.subgroup,
            Needs::Gpu => !self.software,
            Needs::Software => self.subgroup && self.words,
            Needs::Matrix { side, workgroup_memory } => {
                self.matrix.is_some_and(|matrix| matrix.side == side && matrix.workgroup_memory >= workgroup_memory)
            }
        }
    }
}

impl fmt::Display for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.half { "half" } else { "portable" })?;
        if self.subgroup {
            f.write_str("+subgroup")?;
        }
        self.matrix.map_or(Ok(()), |matrix| write!(f, "+matrix{}", matrix.side))
    }
}

/// Whether workgroups of 8 fill subgroups. On GPUs, whose subgroups are wider, the kernels made of such workgroups also spill hundreds of
/// registers (docs/kernels.md); a processor's vectors of 16 lanes leave half of them idle, and nothing else is faster there.
fn subgroups_of_8([least, most]: [u32; 2], software: bool) -> bool {
    least >= 8 && (most == 8 || software)
}

/// The matrix units an adapter has of the kinds there are kernels for. The feature alone says nothing: Intel's are 8x16x16.
fn matrix(adapter: &wgpu::Adapter) -> Option<Matrix> {
    use wgpu::CooperativeScalarType::{F16, F32};
    if !adapter.features().contains(wgpu::Features::EXPERIMENTAL_COOPERATIVE_MATRIX | wgpu::Features::SHADER_F16) {
        return None;
    }
    let kinds = adapter.cooperative_matrix_properties();
    let has = |side| kinds.iter().any(|k| [k.m_size, k.n_size, k.k_size] == [side; 3] && (k.ab_type, k.cr_type) == (F16, F32));
    let side = [16, 8].into_iter().find(|&side| has(side))?;
    // Where both 32 and 64 are possible (AMD), drivers choose 64 for compute; trials find out.
    let lanes = adapter.get_info().subgroup_max_size;
    let workgroup_memory = adapter.limits().max_compute_workgroup_storage_size;
    lanes_fit(side, lanes).then_some(Matrix { side, lanes, workgroup_memory, emulated: false })
}

/// Whether the kernels are written for subgroups of that many lanes: workgroups are four of them, and with few, what each lane fetches of
/// the weights of 16x16 units would be too much.
fn lanes_fit(side: u32, lanes: u32) -> bool {
    matches!((side, lanes), (_, 32 | 64) | (8, 8 | 16))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workgroups_of_8_are_for_subgroups_of_8() {
        let gpus = [("Intel", [8, 32]), ("NVIDIA", [32, 32]), ("AMD", [32, 64]), ("SwiftShader", [4, 4]), ("none", [0, 0])];
        for (maker, lanes) in gpus {
            assert!(!subgroups_of_8(lanes, false), "{maker}");
        }
        assert!(subgroups_of_8([8, 8], false) && subgroups_of_8([8, 8], true) && subgroups_of_8([16, 16], true));
        assert!(!subgroups_of_8([4, 4], true), "SwiftShader");
    }

    #[test]
    fn fragments_of_16_are_for_wide_subgroups() {
        let fits = |side| [4, 8, 16, 32, 64, 128].map(|lanes| lanes_fit(side, lanes));
        assert_eq!(fits(8), [false, true, true, true, true, false]);
        assert_eq!(fits(16), [false, false, false, true, true, false]);
    }
}
