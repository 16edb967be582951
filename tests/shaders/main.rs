//! Every shader exactly as it is assembled at run time: valid in naga, with the parameters and bindings the Rust side gives it.

mod grammar;
mod plans;

use naga::back::hlsl::ShaderModel;
use naga::valid::{Capabilities, ModuleInfo, ValidationFlags, Validator};
use naga::{AddressSpace, Module, ResourceBinding, StorageAccess, TypeInner};
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::Path;
use std::process::Command;
use stylegan_wgpu::Config;
use stylegan_wgpu::internals;
use stylegan_wgpu::internals::kernel::{Assembly, Kernel, Variant};
use stylegan_wgpu::internals::kernels;
use stylegan_wgpu::internals::networks::mapping::mapping;
use stylegan_wgpu::internals::networks::{NoiseSource, mobilestylegan, stylegan1, stylegan2, stylegan3, synthesis};
use stylegan_wgpu::internals::plan::{Band, Pass, Plan};
use stylegan_wgpu::internals::random_weights::random_weights;
use stylegan_wgpu::internals::tensor::{DType, Slab};
use stylegan_wgpu::internals::tier::Needs;

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

/// A kernel's source as it is assembled for a device.
struct Assembled {
    label: String,
    kernel: &'static Kernel,
    variant: &'static Variant,
    types: [DType; 2],
    assembly: Assembly,
    source: String,
}

/// Every kernel in every variant, of every pair of types read and written, for every kind of device.
fn assembled() -> Vec<Assembled> {
    let mut all = Vec::new();
    for (&kernel, variant) in kernels::ALL.iter().flat_map(|kernel| kernel.variants.iter().map(move |variant| (kernel, variant))) {
        for (reads, writes) in [(DType::F32, DType::F32), (DType::F16, DType::F16), (DType::F16, DType::F32), (DType::F32, DType::F16)] {
            let matrix = matches!(variant.needs, Needs::Matrix { .. });
            if matrix && reads != DType::F16 {
                continue; // matrix units multiply f16
            }
            for other in [false, true] {
                let assembly = Assembly { words: other && !matrix, emulated: other && matrix };
                let label = format!("{}.{} {reads:?} {writes:?} {assembly:?}", kernel.name, variant.name);
                all.push(Assembled {
                    label,
                    kernel,
                    variant,
                    types: [reads, writes],
                    assembly,
                    source: variant.wgsl(reads, writes, assembly),
                });
            }
        }
    }
    all
}

/// The module with a pipeline's constants in place, as wgpu hands it to a backend; those it does not have are left out.
fn specialised(label: &str, source: &str, constants: &[(&str, f64)]) -> (Module, ModuleInfo) {
    let (module, info) = parse(label, source);
    let has = |name: &str| module.overrides.iter().any(|(_, known)| known.name.as_deref() == Some(name));
    let constants = constants.iter().filter(|(name, _)| has(name)).map(|&(name, value)| (name.to_string(), value)).collect();
    let (module, info) = naga::back::pipeline_constants::process_overrides(&module, &info, None, &constants)
        .unwrap_or_else(|error| panic!("{label}: {error}"));
    (module.into_owned(), info.into_owned())
}

#[test]
fn every_kernel_is_valid_in_every_variant_and_type() {
    for Assembled { label, source, .. } in assembled() {
        let (module, _) = parse(&label, &source);
        // What naga names after a type's spelling exists once per type: two of one spelling are two definitions of one name.
        let mut spellings = HashSet::new();
        for (_, ty) in module.types.iter().filter(|(_, ty)| !matches!(ty.inner, TypeInner::Struct { .. })) {
            assert!(spellings.insert(&ty.inner), "{label}: a second type is spelled like {:?}, as {:?}", ty.inner, ty.name);
        }
    }
    for kernel in kernels::ALL {
        assert_eq!(kernel.variants.last().map(|variant| variant.name), Some("portable"), "{}'s last variant runs everywhere", kernel.name);
    }
}

/// With the constants of its pipeline, as wgpu does it for Vulkan: naga panics on overrides that it accepts in WGSL, and neither it
/// nor wgpu holds workgroup memory against a limit.
#[test]
fn matrix_variants_become_spirv_within_the_memory_they_declare() {
    for kernel in kernels::ALL {
        for variant in kernel.variants {
            let Needs::Matrix { side, workgroup_memory } = variant.needs else { continue };
            let lanes = if side == 8 { vec![8, 16, 32, 64] } else { vec![32, 64] };
            for (lanes, size) in lanes.into_iter().flat_map(|lanes| [(lanes, 3.0), (lanes, 1.0)]) {
                let label = format!("{}.{} of {lanes} lanes", kernel.name, variant.name);
                let constants = [variant.constants, &[("LANES", f64::from(lanes)), ("KERNEL", size)]].concat();
                let (module, info) = specialised(&label, &variant.wgsl(DType::F16, DType::F16, Assembly::default()), &constants);
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

/// As wgpu does it for Metal and Direct3D 12, of which no device is at hand, with the constants of every layer: naga's validation is
/// not the end of its complaints, nor what it writes always valid.
#[test]
fn kernels_become_metal_and_hlsl_within_their_limits() {
    let layers = plans::layers();
    for Assembled { label, kernel, variant, assembly, types, source } in assembled().iter().filter(|one| !one.assembly.emulated) {
        for layer in &layers[kernel.name] {
            let constants = [layer, variant.constants, &[("LANES", 32.0)]].concat();
            let label = format!("{label} {constants:?}");
            let (module, info) = specialised(&label, source, &constants);
            let options = naga::back::msl::Options { lang_version: (2, 4), fake_missing_bindings: true, ..Default::default() };
            let metal = naga::back::msl::write_string(&module, &info, &options, &naga::back::msl::PipelineOptions::default());
            assert!(metal.unwrap_or_else(|error| panic!("{label}: {error}")).0.contains("kernel void"), "{label}");
            within_limits(&label, &module, variant.needs);
            if !matches!(variant.needs, Needs::Matrix { .. }) {
                let text = hlsl(&label, &module, &info, ShaderModel::V6_2);
                assert_eq!(grammar::duplicates(&text), Vec::<String>::new(), "{label}: Direct3D 12 refuses a second definition");
            }
            // What is compiled without DXC: no 16-bit floats, 64-bit words or subgroups there.
            if matches!(variant.needs, Needs::Portable | Needs::Gpu) && *types == [DType::F32; 2] && !assembly.words {
                let text = hlsl(&label, &module, &info, ShaderModel::V5_1);
                for word in ["half", "float16_t", "int64_t", "Wave"] {
                    assert!(!text.contains(word), "{label}: {word} in shader model 5.1");
                }
            }
        }
    }
}

/// What Apple's GPUs have, and of kernels that run everywhere what WebGPU promises.
fn within_limits(label: &str, module: &Module, needs: Needs) {
    let everywhere = matches!(needs, Needs::Portable | Needs::Gpu);
    let workgroup = module.global_variables.iter().filter(|(_, variable)| variable.space == AddressSpace::WorkGroup);
    let bytes: u32 = workgroup.map(|(_, variable)| module.types[variable.ty].inner.size(module.to_ctx())).sum();
    assert!(bytes <= if everywhere { 16 << 10 } else { 32 << 10 }, "{label}: {bytes} bytes of workgroup memory");
    let threads: u32 = module.entry_points[0].workgroup_size.iter().product();
    assert!(threads <= 256, "{label}: workgroups of {threads}");
    let bound = |storage: bool| {
        let variables = module.global_variables.iter().filter(|(_, variable)| variable.binding.is_some());
        variables.filter(|(_, variable)| matches!(variable.space, AddressSpace::Storage { .. }) == storage).count()
    };
    // Metal has 31, one of which wgpu needs for the lengths of the others.
    assert!(bound(true) <= 8 && bound(true) + bound(false) <= 30, "{label}: {} and {} buffers", bound(true), bound(false));
}

fn hlsl(label: &str, module: &Module, info: &ModuleInfo, shader_model: ShaderModel) -> String {
    let options = naga::back::hlsl::Options { shader_model, fake_missing_bindings: true, ..Default::default() };
    let mut text = String::new();
    naga::back::hlsl::Writer::new(&mut text, &options, &naga::back::hlsl::PipelineOptions::default())
        .write(module, info, None)
        .unwrap_or_else(|error| panic!("{label}: {error}"));
    assert!(text.contains("numthreads"), "{label}");
    text
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

/// What draws into a host's textures, as Vulkan, Metal and Direct3D 12 get it.
#[test]
fn pictures_become_textures_everywhere() {
    let source = internals::to_texture();
    let (module, info) = parse("to_texture", &source);
    for (stage, entry_point) in [("Vertex", "corners"), ("Fragment", "bytes"), ("Fragment", "floats")] {
        let entry = module.entry_points.iter().find(|entry| entry.name == entry_point).unwrap();
        assert_eq!(format!("{:?}", entry.stage), stage);
    }
    naga::back::spv::write_vec(&module, &info, &naga::back::spv::Options::default(), None).unwrap();
    let options = naga::back::msl::Options { lang_version: (2, 4), fake_missing_bindings: true, ..Default::default() };
    let metal = naga::back::msl::write_string(&module, &info, &options, &naga::back::msl::PipelineOptions::default()).unwrap();
    assert!(metal.0.contains("fragment") && metal.0.contains("vertex"));
    let options = naga::back::hlsl::Options { fake_missing_bindings: true, ..Default::default() };
    let mut hlsl = String::new();
    let pipeline = naga::back::hlsl::PipelineOptions::default();
    naga::back::hlsl::Writer::new(&mut hlsl, &options, &pipeline).write(&module, &info, None).unwrap();
    assert!(hlsl.contains("SV_Target0"), "{hlsl}");
}
