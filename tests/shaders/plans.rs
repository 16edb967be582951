//! What passes give to their shaders: parameters and bindings, by reflection.

use super::*;

/// The constants of every kernel's passes in networks of every kind.
pub(super) fn layers() -> BTreeMap<&'static str, Vec<Vec<(&'static str, f64)>>> {
    let mut layers: BTreeMap<_, Vec<Vec<_>>> = BTreeMap::new();
    for pass in plans().iter().flat_map(|plan| &plan.passes) {
        let known = layers.entry(pass.kernel.name).or_default();
        if !known.contains(&pass.constants) {
            known.push(pass.constants.clone());
        }
    }
    layers
}

/// The same StyleGAN3 with fewer channels.
fn small(mut config: stylegan3::Config) -> stylegan3::Config {
    (config.z_dim, config.w_dim, config.input.channels) = (8, 8, 12);
    for layer in &mut config.layers {
        (layer.in_channels, layer.out_channels) = (12, 12);
    }
    config
}

/// Plans in which every kernel occurs.
fn plans() -> Vec<Plan> {
    let stylegan2 = stylegan2::Config {
        img_resolution: 16,
        channel_base: 128,
        channel_max: 12,
        z_dim: 8,
        w_dim: 8,
        c_dim: 3,
        ..stylegan2::Config::config_f()
    };
    let mobile = mobilestylegan::Config { z_dim: 8, w_dim: 8, img_resolution: 16, num_layers: 2, channels: vec![16, 8] };
    let resnet = stylegan2::Config { architecture: stylegan2::Architecture::Resnet, ..stylegan2.clone() };
    let stylegan1 = stylegan1::Config {
        z_dim: 8,
        c_dim: 3,
        w_dim: 8,
        img_resolution: 8,
        const_size: [3, 5],
        img_channels: 3,
        channel_base: 64,
        channel_max: 12,
        num_layers: 2,
        layer_features: None,
        lr_multiplier: 0.01,
    };
    let [t, r] = [stylegan3::Config::t(64), stylegan3::Config::r(64)].map(|config| Config::StyleGan3(small(config)));
    let configs =
        [Config::StyleGan1(stylegan1), Config::StyleGan2(stylegan2), Config::StyleGan2(resnet), Config::MobileStyleGan(mobile), t, r];
    let networks = configs.iter().flat_map(|config| {
        let model = random_weights(config, 1);
        let mut mapping = mapping(&model, 2);
        mapping.truncate(&model, 2);
        [synthesis(&model, 2, DType::F32, NoiseSource::Const).plan, synthesis(&model, 2, DType::F16, NoiseSource::Input).plan, mapping.plan]
    });
    networks.collect()
}

#[test]
fn shaders_take_what_passes_give() {
    let mut seen = BTreeSet::new();
    for pass in plans().iter().flat_map(|plan| &plan.passes) {
        seen.insert(pass.kernel.name);
        for variant in pass.kernel.variants {
            let label = format!("{} ({}.{})", pass.label, pass.kernel.name, variant.name);
            if matches!(variant.needs, Needs::Matrix { .. }) && pass.dtype == DType::F32 {
                continue;
            }
            agree(&label, pass, &parse(&label, &variant.wgsl(pass.dtype, pass.write.dtype, Assembly::default())).0);
        }
    }
    let missing: Vec<&str> = kernels::ALL.iter().map(|kernel: &&Kernel| kernel.name).filter(|name| !seen.contains(name)).collect();
    assert!(missing.is_empty(), "no network here uses {missing:?}: nothing checks their parameters");
}

/// The size of `Params`, the number of bindings and who writes.
fn agree(label: &str, pass: &Pass, module: &Module) {
    let mut bindings = Vec::new();
    for (_, variable) in module.global_variables.iter() {
        let Some(ResourceBinding { binding, .. }) = variable.binding else { continue };
        bindings.push(binding);
        match variable.space {
            AddressSpace::Uniform => {
                let size = module.types[variable.ty].inner.size(module.to_ctx()) as usize;
                let header = if pass.windows.is_empty() { 0 } else { size_of::<Band>() + pass.windows.len() * size_of::<Slab>() };
                assert_eq!(size, header + pass.params.len(), "{label}: Params of the shader and of the Rust side differ in size");
            }
            AddressSpace::Storage { access } => {
                let writes = access.contains(StorageAccess::STORE);
                assert_eq!(writes, binding as usize == pass.reads.len() + 1, "{label}: binding {binding} is written, or the last is not");
            }
            space => panic!("{label}: a binding in {space:?}"),
        }
    }
    bindings.sort_unstable();
    assert_eq!(bindings, (0..pass.reads.len() as u32 + 2).collect::<Vec<_>>(), "{label}: bindings");
}
