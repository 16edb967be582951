//! Every shader exactly as it is assembled at run time: valid in naga, with the parameters and bindings the Rust side gives it.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::Path;
use std::process::Command;

use naga::back::hlsl::ShaderModel;
use naga::valid::{Capabilities, ModuleInfo, ValidationFlags, Validator};
use naga::{AddressSpace, Module, ResourceBinding, StorageAccess, TypeInner};
use stylegan_wgpu::internals;
use stylegan_wgpu::internals::kernel::{Assembly, Kernel, Variant};
use stylegan_wgpu::internals::kernels;
use stylegan_wgpu::internals::networks::mapping::mapping;
use stylegan_wgpu::internals::networks::{NoiseSource, mobilestylegan, stylegan1, stylegan2, stylegan3, synthesis};
use stylegan_wgpu::internals::plan::{Band, Pass, Plan};
use stylegan_wgpu::internals::random_weights::random_weights;
use stylegan_wgpu::internals::tensor::{DType, Layout, Slab};
use stylegan_wgpu::internals::tier::Needs;
use stylegan_wgpu::{Config, Model};

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
    let layers = layers();
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
                assert_eq!(duplicates(&text), Vec::<String>::new(), "{label}: Direct3D 12 refuses a second definition");
            }
            // What is compiled without DXC: no 16-bit floats, 64-bit words or subgroups there.
            if variant.needs == Needs::Portable && *types == [DType::F32; 2] && !assembly.words {
                let text = hlsl(&label, &module, &info, ShaderModel::V5_1);
                for word in ["half", "float16_t", "int64_t", "Wave"] {
                    assert!(!text.contains(word), "{label}: {word} in shader model 5.1");
                }
            }
        }
    }
}

/// The constants of every kernel's passes in networks of every kind.
fn layers() -> BTreeMap<&'static str, Vec<Vec<(&'static str, f64)>>> {
    let mut layers: BTreeMap<_, Vec<Vec<_>>> = BTreeMap::new();
    for pass in plans().iter().flat_map(|plan| &plan.passes) {
        let known = layers.entry(pass.kernel.name).or_default();
        if !known.contains(&pass.constants) {
            known.push(pass.constants.clone());
        }
    }
    layers
}

/// What Apple's GPUs have, and of kernels that run everywhere what WebGPU promises.
fn within_limits(label: &str, module: &Module, needs: Needs) {
    let everywhere = needs == Needs::Portable;
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

/// Functions of one name and the same parameter types, structures and constants of one name, that a text of HLSL defines twice.
fn duplicates(text: &str) -> Vec<String> {
    let mut seen = HashSet::new();
    let top = text.lines().filter(|line| !line.starts_with([' ', '\t', '}', '[', '#']) && !line.starts_with("typedef"));
    let definitions = top.filter_map(|line| {
        let Some((head, parameters)) = line.split_once('(').filter(|_| !line.contains(['=', ':'])) else {
            let name = line.strip_prefix("struct ").or_else(|| line.strip_prefix("static ")?.split(['=', ';']).next());
            return name.map(|name| name.trim_end_matches(['{', ' ']).to_string());
        };
        let types = parameters.split(')').next()?.split(',').map(|parameter| parameter.trim().rsplit_once(' ').map_or("", |(ty, _)| ty));
        Some(format!("{}({})", head.split(' ').next_back()?, types.collect::<Vec<_>>().join(", ")))
    });
    definitions.filter(|definition| !seen.insert(definition.clone())).collect()
}

#[test]
fn duplicate_helpers_are_seen() {
    let array = "var<storage, read_write> x: array<a4>; @group(0) @binding(1) var<storage, read_write> y: array<b4>;";
    let main = "var s = x[0]; y[0] = b4(s[3], s[2], s[1], s[0]); x[1] = a4(s[0], s[0], s[1], s[1]); y[1] = b4(); x[2] = a4();";
    let source = |a: &str, b: &str| {
        let text = format!("{a}{b} @group(0) @binding(0) {array} @compute @workgroup_size(1) fn main() {{ {main} }}");
        if a.is_empty() { text.replace("a4", "array<vec4<f32>, 4>").replace("b4", "array<vec4<f32>, 4>") } else { text }
    };
    let found = |source: &str| {
        let (module, info) = parse("two types of one spelling", source);
        duplicates(&hlsl("two types of one spelling", &module, &info, ShaderModel::V6_2))
    };
    let twice = found(&source("alias a4 = array<vec4<f32>, 4>;", "alias b4 = array<vec4<f32>, 4>;"));
    assert!(twice.iter().any(|name| name.starts_with("Constructarray4_float4_(")), "{twice:?}");
    assert!(twice.iter().any(|name| name.starts_with("ZeroValuearray4_float4_(")), "{twice:?}");
    assert_eq!(found(&source("", "")), Vec::<String>::new());
}

/// Browsers compile with tint or with what naga accepts; naga accepts more than the grammar.
#[test]
fn every_portable_kernel_is_valid_for_tint() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("kernel.wgsl");
    if let Err(error) = Command::new("tint").arg("--version").output() {
        println!("tint does not run here ({error}): only the grammar's rules on parentheses are held");
        return;
    }
    let kernels = assembled().into_iter().filter(|one| one.variant.needs == Needs::Portable && !one.assembly.words);
    let sources = kernels.map(|one| (one.label, one.source)).chain([("to_texture".to_owned(), internals::to_texture())]);
    for (label, source) in sources {
        std::fs::write(&path, source).expect("a file");
        let output = Command::new("tint")
            .args(["--format", "wgsl", "--output-name"])
            .args([folder.path().join("out.wgsl"), path.clone()])
            .output()
            .expect("tint");
        assert!(output.status.success(), "{label}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn operators_stand_in_the_parentheses_that_the_grammar_demands() {
    for Assembled { label, source, .. } in assembled() {
        assert_eq!(ungrouped(&source), None, "{label}");
    }
    assert_eq!(ungrouped(&internals::to_texture()), None);
    for wrong in ["a | b << 8", "a & b | c", "a + b << c", "a & b == c", "a < b == c", "a && b || c", "f(a, b ^ c + d)", "x[i * 4 >> 2]"] {
        assert!(ungrouped(&format!("let v = {wrong};")).is_some(), "{wrong}");
    }
    for right in ["a | (b << 8) | c", "vec4<u32>(a >> 2, *b & *c)", "a << 2u < b + c && d", "-a * -b + c", "bitcast<vec4<u32>>(a)", "a < b"]
    {
        assert_eq!(ungrouped(&format!("let v = {right};")), None, "{right}");
    }
}

/// The first place where binary operators meet that WGSL's grammar only takes with parentheses: operands of `&`, `|`, `^` and shifts
/// are unary, but for chains of one of the three; comparisons do not chain; `&&` and `||` do not mix.
fn ungrouped(source: &str) -> Option<String> {
    const TEMPLATES: [&str; 11] = ["vec2", "vec3", "vec4", "mat2x4", "mat4x4", "array", "ptr", "var", "bitcast", "coopLoadT", "coop_mat"];
    let comparisons = ["==", "!=", "<=", ">=", "<", ">"];
    let text: String = source.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n");
    // Operators of the brackets that are open, since the last separator.
    let mut levels: Vec<Vec<&str>> = vec![Vec::new()];
    let (mut rest, mut operand) = (text.trim_start(), false);
    while let Some(first) = rest.chars().next() {
        let word = rest.find(|c: char| !c.is_alphanumeric() && c != '_' && c != '.').unwrap_or(rest.len());
        let mut length = word.max(first.len_utf8());
        let here = levels.last_mut()?;
        if word > 0 {
            operand = rest[..word] != *"return";
            if TEMPLATES.iter().any(|name| rest[..word].starts_with(name)) && rest[word..].starts_with('<') {
                let mut depth = 0;
                length += 1 + rest[word..].find(|c| {
                    depth += i32::from(c == '<') - i32::from(c == '>');
                    depth == 0
                })?;
            }
        } else {
            let operator =
                ["<<=", ">>=", "&&", "||", "<<", ">>", "==", "!=", "<=", ">=", "->", "++", "--"].into_iter().find(|o| rest.starts_with(o));
            let operator = operator.unwrap_or(&rest[..length]);
            length = operator.len();
            let assigns = rest[length..].starts_with('=') && !comparisons.contains(&operator);
            match operator {
                "(" | "[" | "{" => levels.push(Vec::new()),
                ")" | "]" | "}" => drop(levels.pop()),
                "," | ";" | "=" | ":" | "<<=" | ">>=" | "->" | "@" => here.clear(),
                _ if assigns => here.clear(),
                _ if operand && operator != "++" && operator != "--" => here.push(operator),
                _ => {}
            }
            operand = matches!(operator, ")" | "]" | "++" | "--");
        }
        let here = levels.last()?;
        let part = here.rsplit(|o| ["&&", "||"].contains(o)).next()?;
        let term = part.rsplit(|o| comparisons.contains(o)).next()?;
        let bits = here.iter().any(|o| ["&", "|", "^"].contains(o)) && here.iter().any(|o| *o != here[0]);
        let shifts = term.len() > 1 && term.iter().any(|o| ["<<", ">>"].contains(o));
        let mixed = here.contains(&"&&") && here.contains(&"||");
        if bits || shifts || mixed || part.iter().filter(|o| comparisons.contains(o)).count() > 1 {
            return Some(format!("{here:?} before {:?}", rest.chars().take(40).collect::<String>()));
        }
        rest = rest[length..].trim_start();
    }
    None
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
        let mapping = mapping_and_truncation(&model);
        [synthesis(&model, 2, DType::F32, NoiseSource::Const).plan, synthesis(&model, 2, DType::F16, NoiseSource::Input).plan, mapping]
    });
    networks.collect()
}

/// As generators have it.
fn mapping_and_truncation(model: &Model) -> Plan {
    let mut network = mapping(model, 2);
    let [rows, w_dim] = [2 * model.config.num_ws(), model.config.w_dim()];
    let mut input = |name, shape| network.plan.input(name, shape, DType::F32, Layout::Flat);
    let (w_avg, table, direction) =
        (input("w_avg", [1, w_dim, 1, 1]), input("table", [rows, 4, 1, 1]), input("direction", [rows, w_dim, 1, 1]));
    network.plan.truncate("truncate", network.w, w_avg, table, direction);
    network.plan
}

/// What draws into a host's textures, as Vulkan, Metal and Direct3D 12 get it.
#[test]
fn pictures_become_textures_everywhere() {
    let source = internals::to_texture();
    let (module, info) = parse("to_texture", &source);
    for (stage, entry_point) in [("Vertex", "triangle"), ("Fragment", "bytes"), ("Fragment", "floats")] {
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
