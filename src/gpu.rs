//! STUB, replaced at merge: the signatures of the engine's device, so that the command line compiles.

use crate::error::{Error, Result};

/// An opened device.
pub struct Gpu(());

/// What `stylegan devices` shows of an adapter.
#[derive(Clone, Debug)]
pub struct AdapterReport {
    /// What `--device` takes.
    pub index: usize,
    /// Name of the adapter.
    pub name: String,
    /// Vulkan, Metal, Dx12, ...
    pub backend: String,
    /// Driver and its version.
    pub driver: String,
    /// DiscreteGpu, Cpu, ...
    pub device_type: String,
    /// Best tier of ours it reaches.
    pub tier: String,
    /// The limits that matter, by name.
    pub limits: Vec<(&'static str, u64)>,
}

impl Gpu {
    /// Opens the best adapter, or the one of this index or part of a name.
    pub fn open(device: Option<&str>) -> Result<Gpu> {
        match device {
            Some(device) if device != "0" => Err(Error::NoAdapter(format!("no adapter {device}; see stylegan devices"))),
            _ => Ok(Gpu(())),
        }
    }

    /// Every adapter of this machine.
    pub fn adapters() -> Vec<AdapterReport> {
        vec![AdapterReport {
            index: 0,
            name: "STUB".into(),
            backend: "Vulkan".into(),
            driver: "stub 1.0".into(),
            device_type: "Cpu".into(),
            tier: "half".into(),
            limits: vec![("storage binding (bytes)", 134217728)],
        }]
    }

    /// Name of the adapter.
    pub fn name(&self) -> &str {
        "STUB"
    }
}
