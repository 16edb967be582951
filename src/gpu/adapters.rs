//! The adapters of a machine: which there are, which is meant, what is asked of it.

use crate::error::{Error, Result};
use crate::tier::Tier;

/// What `stylegan devices` shows of an adapter.
#[derive(Clone, Debug)]
pub struct AdapterReport {
    /// The number `--device` takes.
    pub index: usize,
    /// The adapter's name; `--device` takes a part of it, too.
    pub name: String,
    /// `Vulkan`, `Metal`, `Dx12`.
    pub backend: String,
    /// Driver name and version.
    pub driver: String,
    /// `DiscreteGpu`, `IntegratedGpu`, `Cpu`, ...
    pub device_type: String,
    /// What of the engine it can run.
    pub tier: String,
    /// Limits that decide what fits, by name, in bytes or counts.
    pub limits: Vec<(&'static str, u64)>,
}

/// The adapter that is meant: by index or part of a name, or the most powerful one.
pub(super) async fn choose(wanted: Option<&str>) -> Result<wgpu::Adapter> {
    let mut adapters = enumerate().await;
    let index = match wanted {
        None => (0..adapters.len()).min_by_key(|&index| {
            let info = adapters[index].get_info();
            // The same GPU through Vulkan has all of it; through Direct3D 12 only with DXC.
            (rank(info.device_type), info.backend == wgpu::Backend::Dx12)
        }),
        Some(wanted) => match wanted.parse::<usize>() {
            Ok(index) => Some(index).filter(|&index| index < adapters.len()),
            Err(_) => adapters.iter().position(|adapter| adapter.get_info().name.to_lowercase().contains(&wanted.to_lowercase())),
        },
    };
    let found = || adapters.iter().map(|adapter| adapter.get_info().name).collect();
    let index = index.ok_or_else(|| Error::NoAdapter { wanted: wanted.map(str::to_owned), found: found() })?;
    Ok(adapters.swap_remove(index))
}

pub(super) async fn reports() -> Vec<AdapterReport> {
    enumerate()
        .await
        .iter()
        .enumerate()
        .map(|(index, adapter)| {
            let (info, limits) = (adapter.get_info(), adapter.limits());
            AdapterReport {
                index,
                name: info.name,
                backend: info.backend.to_string(),
                driver: format!("{} {}", info.driver, info.driver_info).trim().to_string(),
                device_type: format!("{:?}", info.device_type),
                tier: Tier::of(adapter).to_string(),
                limits: vec![
                    ("storage binding (bytes)", limits.max_storage_buffer_binding_size),
                    ("buffer (bytes)", limits.max_buffer_size),
                    ("workgroup memory (bytes)", u64::from(limits.max_compute_workgroup_storage_size)),
                    ("invocations per workgroup", u64::from(limits.max_compute_invocations_per_workgroup)),
                    ("subgroup size, least", u64::from(info.subgroup_min_size)),
                    ("subgroup size, most", u64::from(info.subgroup_max_size)),
                ],
            }
        })
        .collect()
}

async fn enumerate() -> Vec<wgpu::Adapter> {
    let mut descriptor = wgpu::InstanceDescriptor::new_without_display_handle();
    descriptor.backends = wgpu::Backends::PRIMARY;
    descriptor.flags = wgpu::InstanceFlags::empty();
    wgpu::Instance::new(descriptor).enumerate_adapters(wgpu::Backends::PRIMARY).await
}

/// Refuses a device that cannot run the portable kernels: below WebGPU's defaults in one of the limits that they come near to.
pub(super) fn requirements(adapter: &wgpu::Adapter, have: &wgpu::Limits) -> Result<()> {
    if !adapter.get_downlevel_capabilities().flags.contains(wgpu::DownlevelFlags::COMPUTE_SHADERS) {
        return Err(Error::Unsupported { what: "compute shaders", need: 1, have: 0 });
    }
    type Limit = (&'static str, fn(&wgpu::Limits) -> u64);
    let limits: [Limit; 6] = [
        ("max_storage_buffers_per_shader_stage", |limits| limits.max_storage_buffers_per_shader_stage.into()),
        ("max_compute_workgroup_storage_size", |limits| limits.max_compute_workgroup_storage_size.into()),
        ("max_compute_invocations_per_workgroup", |limits| limits.max_compute_invocations_per_workgroup.into()),
        ("max_compute_workgroup_size_x", |limits| limits.max_compute_workgroup_size_x.into()),
        ("max_compute_workgroups_per_dimension", |limits| limits.max_compute_workgroups_per_dimension.into()),
        ("max_uniform_buffer_binding_size", |limits| limits.max_uniform_buffer_binding_size),
    ];
    let defaults = wgpu::Limits::default();
    let missing = limits.into_iter().map(|(what, of)| (what, of(&defaults), of(have))).find(|(_, need, have)| have < need);
    missing.map_or(Ok(()), |(what, need, have)| Err(Error::Unsupported { what, need, have }))
}

/// Everything the adapter has of what decides whether a network fits, WebGPU's defaults of the rest.
pub(super) fn limits(adapter: &wgpu::Adapter) -> wgpu::Limits {
    let have = adapter.limits();
    wgpu::Limits {
        max_buffer_size: have.max_buffer_size,
        max_storage_buffer_binding_size: have.max_storage_buffer_binding_size,
        max_compute_workgroup_storage_size: have.max_compute_workgroup_storage_size,
        max_compute_invocations_per_workgroup: have.max_compute_invocations_per_workgroup,
        min_storage_buffer_offset_alignment: have.min_storage_buffer_offset_alignment,
        min_uniform_buffer_offset_alignment: have.min_uniform_buffer_offset_alignment,
        ..wgpu::Limits::default()
    }
}

/// What Direct3D 12 lacks where its shaders are compiled by FXC. wgpu does not say which compiler it found; only DXC knows 16-bit floats.
pub(super) fn without_dxc(backend: wgpu::Backend, features: wgpu::Features) -> Option<&'static str> {
    (backend == wgpu::Backend::Dx12 && !features.contains(wgpu::Features::SHADER_F16)).then_some(
        "Direct3D 12 without 16-bit floats: twice the memory and about half the speed. If the GPU has them, dxcompiler.dll is missing: \
         put it beside the program (from DirectXShaderCompiler's releases), or install a driver with Vulkan",
    )
}

fn rank(device_type: wgpu::DeviceType) -> usize {
    match device_type {
        wgpu::DeviceType::DiscreteGpu => 0,
        wgpu::DeviceType::IntegratedGpu => 1,
        wgpu::DeviceType::VirtualGpu => 2,
        wgpu::DeviceType::Other => 3,
        wgpu::DeviceType::Cpu => 4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_direct3d_without_dxc_is_remarked_on() {
        let half = wgpu::Features::SHADER_F16;
        assert!(without_dxc(wgpu::Backend::Dx12, wgpu::Features::empty()).is_some_and(|note| note.contains("dxcompiler.dll")));
        assert_eq!(without_dxc(wgpu::Backend::Dx12, half), None);
        assert_eq!(without_dxc(wgpu::Backend::Vulkan, wgpu::Features::empty()), None);
    }
}
