//! Writes every shader that Direct3D 12 may meet into a folder, as naga writes it for wgpu: all variants without matrix units, in every
//! pair of types, with the constants of the networks' layers. For `dxc.sh`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use naga::back::hlsl;
use naga::valid::{Capabilities, ValidationFlags, Validator};
use stylegan_wgpu::Config;
use stylegan_wgpu::internals::kernel::Assembly;
use stylegan_wgpu::internals::networks::mapping::mapping;
use stylegan_wgpu::internals::networks::{NoiseSource, mobilestylegan, stylegan1, stylegan2, stylegan3, synthesis};
use stylegan_wgpu::internals::random_weights::random_weights;
use stylegan_wgpu::internals::tensor::DType;
use stylegan_wgpu::internals::tier::Needs;
use stylegan_wgpu::internals::to_texture;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = PathBuf::from(std::env::args().nth(1).ok_or("a folder to write to")?);
    std::fs::create_dir_all(&folder)?;
    let channels = vec![64, 64, 64];
    let mobile = mobilestylegan::Config { z_dim: 64, w_dim: 64, img_resolution: 32, num_layers: 2, channels };
    let resnet = stylegan2::Config { architecture: stylegan2::Architecture::Resnet, img_resolution: 64, ..stylegan2::Config::config_f() };
    let config_f = stylegan2::Config { img_resolution: 64, ..stylegan2::Config::config_f() };
    let first = stylegan1::Config {
        z_dim: 64,
        c_dim: 0,
        w_dim: 64,
        const_size: [4, 4],
        img_resolution: 32,
        img_channels: 3,
        channel_base: 2048,
        channel_max: 64,
        num_layers: 2,
        layer_features: None,
        lr_multiplier: 0.01,
    };
    let mut shaders = BTreeMap::new();
    let [t, r] = [stylegan3::Config::t(64), stylegan3::Config::r(64)].map(Config::StyleGan3);
    for config in [Config::StyleGan2(config_f), Config::StyleGan2(resnet), Config::MobileStyleGan(mobile), Config::StyleGan1(first), t, r] {
        let model = random_weights(&config, 0);
        let plans = [DType::F16, DType::F32].map(|dtype| synthesis(&model, 1, dtype, NoiseSource::Const).plan);
        let mut mapping = mapping(&model, 1);
        mapping.truncate(&model, 1);
        for pass in plans.iter().chain([&mapping.plan]).flat_map(|plan| &plan.passes) {
            for variant in pass.kernel.variants.iter().filter(|variant| !matches!(variant.needs, Needs::Matrix { .. })) {
                let constants: String = variant.overrides(pass, None).iter().map(|(name, value)| format!("-{name}{value}")).collect();
                let name = format!("{}.{}.{:?}.{:?}{constants}", pass.kernel.name, variant.name, pass.dtype, pass.write.dtype);
                // In 64-bit words for WARP, Direct3D's software adapter.
                for (words, suffix) in [(false, ""), (true, "-words")] {
                    let source = variant.wgsl(pass.dtype, pass.write.dtype, Assembly { words, emulated: false });
                    shaders.entry(format!("{name}{suffix}")).or_insert((source, variant.overrides(pass, None)));
                }
            }
        }
    }
    // What draws into a host's textures: no kernel, and of other entry points.
    std::fs::create_dir_all(folder.join("render"))?;
    shaders.insert("render/to_texture".into(), (to_texture(), Vec::new()));
    for (name, (source, constants)) in &shaders {
        let module = naga::front::wgsl::parse_str(source).map_err(|error| error.emit_to_string(source))?;
        let mut validator = Validator::new(ValidationFlags::all(), Capabilities::all());
        validator.subgroup_stages(naga::valid::ShaderStages::all()).subgroup_operations(naga::valid::SubgroupOperationSet::all());
        let info = validator.validate(&module)?;
        let known = |name: &str| module.overrides.iter().any(|(_, one)| one.name.as_deref() == Some(name));
        let constants = constants.iter().filter(|(name, _)| known(name)).map(|&(name, value)| (name.to_string(), value)).collect();
        let (module, info) = naga::back::pipeline_constants::process_overrides(&module, &info, None, &constants)?;
        // As wgpu asks for it where shaders are trusted.
        let options = hlsl::Options {
            shader_model: hlsl::ShaderModel::V6_2,
            fake_missing_bindings: true,
            restrict_indexing: false,
            force_loop_bounding: false,
            zero_initialize_workgroup_memory: false,
            ..Default::default()
        };
        let mut text = String::new();
        hlsl::Writer::new(&mut text, &options, &hlsl::PipelineOptions::default()).write(&module, &info, None)?;
        std::fs::write(folder.join(format!("{name}.hlsl")), text)?;
    }
    println!("{} shaders in {}", shaders.len(), folder.display());
    Ok(())
}
