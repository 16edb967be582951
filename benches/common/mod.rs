//! What the benches share: a device and random values.
#![allow(dead_code, reason = "every bench uses its own part")]

use std::sync::OnceLock;

use stylegan_wgpu::{Gpu, blocking};

/// A device, opened once; `STYLEGAN_DEVICE` chooses another.
pub(crate) fn gpu() -> &'static Gpu {
    static GPU: OnceLock<Gpu> = OnceLock::new();
    GPU.get_or_init(|| {
        let device = std::env::var("STYLEGAN_DEVICE").ok();
        let gpu = blocking::open(device.as_deref()).unwrap_or_else(|error| panic!("{error}"));
        println!("measuring on {} ({})", gpu.name(), gpu.tier());
        gpu
    })
}

/// Uniform values in -1..1, seeded.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Random {
        Random(seed)
    }

    pub(crate) fn values(&mut self, n: usize) -> Vec<f32> {
        let next = |_| {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (self.0 >> 40) as f32 / (1u64 << 23) as f32 - 1.0
        };
        (0..n).map(next).collect()
    }
}
