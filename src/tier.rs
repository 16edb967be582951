//! What a device can run, as a few supersets; the only file that reads `wgpu::Features`.

use std::fmt;

/// What a variant needs of the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Needs {
    /// Nothing beyond WebGPU's defaults.
    Portable,
    /// A software adapter whose subgroups have at least 8 lanes: broadcasts are cheap there, workgroup memory and barriers are not.
    Subgroup,
}

/// What a device has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Tier {
    /// 16-bit floats in shaders and buffers.
    pub half: bool,
    /// The subgroup-broadcast kernels of software adapters.
    pub subgroup: bool,
    /// Timestamps, for profiles.
    pub timestamps: bool,
}

impl Tier {
    /// The tier of an adapter. `STYLEGAN_TIER=portable` turns everything optional off, `half` only the subgroup kernels.
    pub fn of(adapter: &wgpu::Adapter) -> Tier {
        let features = adapter.features();
        let info = adapter.get_info();
        let software = info.device_type == wgpu::DeviceType::Cpu && info.subgroup_min_size >= 8;
        let all = Tier {
            half: features.contains(wgpu::Features::SHADER_F16),
            subgroup: software && features.contains(wgpu::Features::SUBGROUP),
            timestamps: features.contains(wgpu::Features::TIMESTAMP_QUERY),
        };
        match std::env::var("STYLEGAN_TIER").as_deref() {
            Ok("portable") => Tier { half: false, subgroup: false, ..all },
            Ok("half") => Tier { subgroup: false, ..all },
            _ => all,
        }
    }

    /// The features to request of a device for it.
    pub fn features(&self) -> wgpu::Features {
        let mut features = wgpu::Features::empty();
        features.set(wgpu::Features::SHADER_F16, self.half);
        features.set(wgpu::Features::SUBGROUP, self.subgroup);
        features.set(wgpu::Features::TIMESTAMP_QUERY, self.timestamps);
        features
    }

    /// What of it a device that exists already was created with.
    pub fn on(self, device: &wgpu::Device) -> Tier {
        let features = device.features();
        Tier {
            half: self.half && features.contains(wgpu::Features::SHADER_F16),
            subgroup: self.subgroup && features.contains(wgpu::Features::SUBGROUP),
            timestamps: self.timestamps && features.contains(wgpu::Features::TIMESTAMP_QUERY),
        }
    }

    /// Whether a variant can run.
    pub fn has(&self, needs: Needs) -> bool {
        match needs {
            Needs::Portable => true,
            Needs::Subgroup => self.subgroup,
        }
    }
}

impl fmt::Display for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.half { "half" } else { "portable" })?;
        if self.subgroup { f.write_str("+subgroup") } else { Ok(()) }
    }
}
