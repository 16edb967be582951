//! Every shader exactly as it is assembled at run time: valid in naga, with the parameters and bindings the Rust side gives it.

use std::collections::BTreeSet;
use std::path::Path;

use naga::valid::{Capabilities, ModuleInfo, ValidationFlags, Validator};
use naga::{AddressSpace, Module, ResourceBinding, StorageAccess};
use stylegan_wgpu::kernel::{Assembly, Kernel};
use stylegan_wgpu::kernels;
use stylegan_wgpu::networks::{Config, NoiseSource, mobilestylegan, stylegan1, stylegan2, synthesis};
use stylegan_wgpu::plan::{Band, Pass, Plan};
use stylegan_wgpu::random_weights::random_weights;
use stylegan_wgpu::tensor::{DType, Slab};
use stylegan_wgpu::tier::Needs;

fn parse(label: &str, source: &str) -> (Module, ModuleInfo) {
    let module = naga::front::wgsl::parse_str(source).unwrap_or_else(|error| panic!("{label}: {}", error.emit_to_string(source)));
    let half = Capabilities::SHADER_FLOAT16 | Capabilities::SHADER_FLOAT16_IN_FLOAT32;
    let more = Capabilities::SHADER_INT64 | Capabilities::SUBGROUP | Capabilities::COOPERATIVE_MATRIX;
    let capabilities = half | more | Capabilities::default();
    let mut validator = Validator::new(ValidationFlags::all(), capabilities);
    validator.subgroup_stages(naga::valid::ShaderStages::all()).subgroup_operations(naga::valid::SubgroupOperationSet::all());
    let info = validator.validate(&module).unwrap_or_else(|error| panic!("{label}: {}", error.emit_to_string(source)));
    (module, info)
}

#[test]
fn every_kernel_is_valid_in_every_variant_and_type() {
    for kernel in kernels::ALL {
        for variant in kernel.variants {
            for (reads, writes) in [(DType::F32, DType::F32), (DType::F16, DType::F16), (DType::F16, DType::F32)] {
                let matrix = matches!(variant.needs, Needs::Matrix { .. });
                if matrix && (reads, writes) != (DType::F16, DType::F16) {
                    continue; // matrix units multiply f16
                }
                for other in [false, true] {
                    let assembly = Assembly { words: other && !matrix, emulated: other && matrix };
                    let label = format!("{}.{} {reads:?} {writes:?} {assembly:?}", kernel.name, variant.name);
                    parse(&label, &variant.wgsl(reads, writes, assembly));
                }
            }
        }
        assert_eq!(kernel.variants.last().map(|variant| variant.name), Some("portable"), "{}'s last variant runs everywhere", kernel.name);
    }
}

/// With the constants of its pipeline, as wgpu does it for Vulkan: naga panics on overrides that it accepts in WGSL, and neither it
/// nor wgpu holds workgroup memory against a limit.
#[test]
fn matrix_variants_become_spirv_within_the_memory_they_declare() {
    for kernel in kernels::ALL {
        for variant in kernel.variants {
            let Needs::Matrix { workgroup_memory, .. } = variant.needs else { continue };
            for (lanes, size) in [(32, 3.0), (64, 3.0), (32, 1.0)] {
                let label = format!("{}.{} of {lanes} lanes", kernel.name, variant.name);
                let (module, info) = parse(&label, &variant.wgsl(DType::F16, DType::F16, Assembly::default()));
                let constants = variant.constants.iter().copied().chain([("LANES", f64::from(lanes)), ("KERNEL", size)]);
                let has = |name: &str| module.overrides.iter().any(|(_, known)| known.name.as_deref() == Some(name));
                let constants = constants.filter(|(name, _)| has(name)).map(|(name, value)| (name.to_string(), value)).collect();
                let (module, info) = naga::back::pipeline_constants::process_overrides(&module, &info, None, &constants)
                    .unwrap_or_else(|error| panic!("{label}: {error}"));
                let workgroup = module.global_variables.iter().filter(|(_, variable)| variable.space == AddressSpace::WorkGroup);
                let bytes: u32 = workgroup.map(|(_, variable)| module.types[variable.ty].inner.size(module.to_ctx())).sum();
                assert_eq!(bytes, workgroup_memory, "{label}: workgroup memory");
                assert!(bytes <= 32 << 10, "{label}: more workgroup memory than Apple's GPUs have");
                naga::back::spv::write_vec(&module, &info, &naga::back::spv::Options::default(), None)
                    .unwrap_or_else(|error| panic!("{label}: {error}"));
            }
        }
    }
}

/// As wgpu does it for Metal and DX12, of which no device is at hand: naga's validation is not the end of its complaints.
#[test]
fn kernels_for_every_gpu_become_metal_and_hlsl() {
    for kernel in kernels::ALL {
        for variant in kernel.variants.iter().filter(|variant| variant.needs == Needs::Portable) {
            for (reads, writes) in [(DType::F32, DType::F32), (DType::F16, DType::F16), (DType::F16, DType::F32)] {
                let label = format!("{}.{} {reads:?} {writes:?}", kernel.name, variant.name);
                let (module, info) = parse(&label, &variant.wgsl(reads, writes, Assembly::default()));
                let constants = variant.constants.iter().map(|&(name, value)| (name.to_string(), value)).collect();
                let (module, info) = naga::back::pipeline_constants::process_overrides(&module, &info, None, &constants)
                    .unwrap_or_else(|error| panic!("{label}: {error}"));
                let options = naga::back::msl::Options { lang_version: (2, 4), fake_missing_bindings: true, ..Default::default() };
                let metal = naga::back::msl::write_string(&module, &info, &options, &naga::back::msl::PipelineOptions::default());
                assert!(metal.unwrap_or_else(|error| panic!("{label}: {error}")).0.contains("kernel void"), "{label}");
                let options = naga::back::hlsl::Options {
                    shader_model: naga::back::hlsl::ShaderModel::V6_2,
                    fake_missing_bindings: true,
                    ..Default::default()
                };
                let mut text = String::new();
                let pipeline = naga::back::hlsl::PipelineOptions::default();
                naga::back::hlsl::Writer::new(&mut text, &options, &pipeline)
                    .write(&module, &info, None)
                    .unwrap_or_else(|error| panic!("{label}: {error}"));
                assert!(text.contains("numthreads"), "{label}");
            }
        }
    }
}

#[test]
fn an_invalid_shader_fails() {
    let source = kernels::to_rgba8::KERNEL.variants[0].wgsl(DType::F32, DType::F32, Assembly::default());
    let broken = source.replace("p.img.width", "p.img.depth");
    assert!(std::panic::catch_unwind(|| parse("broken", &broken)).is_err());
}

#[test]
fn a_shader_has_a_rust_file_of_the_same_stem() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let stems = |folder: &str, extension: &str| -> BTreeSet<String> {
        let entries = std::fs::read_dir(root.join(folder)).unwrap_or_else(|error| panic!("{folder}: {error}"));
        let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).filter(|name| name.ends_with(extension));
        names.filter_map(|name| name.split('.').next().map(String::from)).filter(|stem| stem != "mod").collect()
    };
    let kernels: BTreeSet<String> = kernels::ALL.iter().map(|kernel| kernel.name.to_string()).collect();
    assert_eq!(stems("shaders", ".wgsl"), kernels);
    assert_eq!(stems("src/kernels", ".rs"), kernels);
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
    let configs = [Config::StyleGan1(stylegan1), Config::StyleGan2(stylegan2), Config::StyleGan2(resnet), Config::MobileStyleGan(mobile)];
    let networks = configs.iter().flat_map(|config| {
        let model = random_weights(config, 1);
        let mapping = stylegan_wgpu::networks::mapping::mapping(&model, 2).plan;
        [synthesis(&model, 2, DType::F32, NoiseSource::Const).plan, synthesis(&model, 2, DType::F16, NoiseSource::Input).plan, mapping]
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
