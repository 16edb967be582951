//! The CPU twins of whole networks: w of seeds, and pictures of rows of w.
#![allow(dead_code, reason = "every test binary uses its own part")]

use std::collections::HashMap;

use stylegan_wgpu::Model;
use stylegan_wgpu::internals::networks::mapping::mapping;
use stylegan_wgpu::internals::networks::{NoiseSource, synthesis};
use stylegan_wgpu::internals::reference;
use stylegan_wgpu::internals::tensor::DType;
use stylegan_wgpu::latent::{Ws, z};

/// w of seeds, not truncated; of a class where there are some.
pub(crate) fn w_of(model: &Model, seeds: &[u32], class: Option<usize>) -> Vec<Vec<f32>> {
    let mapping = mapping(model, seeds.len());
    let latents = seeds.iter().flat_map(|&seed| z(seed, model.config.z_dim())).collect();
    let mut label = vec![0.0; model.config.c_dim()];
    if let Some(class) = class {
        label[class] = 1.0;
    }
    let inputs = HashMap::from([("z", latents), ("label", label.repeat(seeds.len()))]);
    reference::run(&mapping.plan, &inputs)[mapping.w.id].chunks(model.config.w_dim()).map(<[f32]>::to_vec).collect()
}

/// anchor + psi (w - anchor), for all layers.
pub(crate) fn towards(model: &Model, anchor: &[f32], w: &[f32], psi: f32) -> Ws {
    assert_eq!(anchor.len(), w.len());
    let row: Vec<f32> = anchor.iter().zip(w).map(|(anchor, w)| anchor + psi * (w - anchor)).collect();
    Ws::broadcast(&row, model.config.w_dim(), model.config.num_ws())
}

/// The average w.
pub(crate) fn average(model: &Model) -> Vec<f32> {
    model.array("mapping.w_avg").to_f32()
}

/// The picture of rows of w, as the network yields it.
pub(crate) fn picture(model: &Model, ws: &Ws) -> Vec<f32> {
    assert_eq!(ws.n, 1);
    let network = synthesis(model, 1, DType::F32, NoiseSource::Const);
    reference::run(&network.plan, &HashMap::from([("ws", ws.values.clone())]))[network.img.id].clone()
}
