//! Compiles every variant of every kernel at the layers of config F, MobileStyleGAN and StyleGAN1, one pipeline after the other.
//! Nothing is dispatched, so that drivers without hardware will do; what their compilers say is taken down by `pipestat.c`, in this order.
//!
//! Prints, tab-separated: `device`, its name, driver and tier; and for every pipeline `pipeline`, its label, `fixed` if the fixed order can
//! choose it on this device (else `tuned`), the first layer that it serves, its workgroups and the layer's FLOP; and for every layer of
//! config F and every pipeline that it can run on, in the fixed order, `layer`, its name, the pipeline, the layer's element type,
//! workgroups, FLOP, bytes of its operands, inputs and outputs.
//!
//! `LAB_ONLY`: part of the labels to compile. `LAB_WGSL`: a folder with sources to take in place of the kernels' own, named as
//! `STYLEGAN_DUMP_WGSL` names them.

use std::collections::BTreeMap;
use std::path::PathBuf;

use stylegan_wgpu::internals::kernel::Variant;
use stylegan_wgpu::internals::networks::mapping::mapping;
use stylegan_wgpu::internals::networks::{NoiseSource, mobilestylegan, stylegan1, stylegan2, stylegan3, synthesis};
use stylegan_wgpu::internals::plan::{Band, Pass, Plan};
use stylegan_wgpu::internals::random_weights::random_weights;
use stylegan_wgpu::internals::tensor::DType;
use stylegan_wgpu::internals::tier::{Matrix, Needs, Tier};
use stylegan_wgpu::{Config, blocking};

/// A pipeline to compile.
struct Wanted<'a> {
    pass: &'a Pass,
    variant: &'static Variant,
    matrix: Option<Matrix>,
    layer: String,
    fixed: bool,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let gpu = blocking::open(None)?;
    let (info, tier) = (gpu.info(), gpu.tier());
    println!(
        "device\t{}\t{} {}\t{tier}\tsubgroups of {} to {}",
        info.name, info.driver, info.driver_info, info.subgroup_min_size, info.subgroup_max_size
    );
    let only = std::env::var("LAB_ONLY").unwrap_or_default();
    let folder = std::env::var_os("LAB_WGSL").map(PathBuf::from);
    let plans = plans(&tier);
    // By label: one pipeline serves many layers.
    let mut pipelines: BTreeMap<String, Wanted> = BTreeMap::new();
    for (network, plan) in &plans {
        for pass in &plan.passes {
            // What the fixed order takes, and what it goes on to when trials refuse that.
            let mut refused = true;
            for variant in pass.kernel.fitting(&tier, pass) {
                let fixed = refused;
                refused &= matches!(variant.needs, Needs::Matrix { .. });
                let matrix = tier.matrix.filter(|_| matches!(variant.needs, Needs::Matrix { .. }));
                let wanted = Wanted { pass, variant, matrix, layer: format!("{network} {}", pass.label), fixed };
                if *network == "config F" {
                    println!("{}", layer(&wanted, plan));
                }
                let entry = pipelines.entry(label(&wanted)).or_insert(wanted);
                entry.fixed |= fixed;
            }
        }
    }
    for (label, Wanted { pass, variant, matrix, layer, fixed }) in pipelines.iter().filter(|(label, _)| label.contains(&only)) {
        gpu.compile_untried(pass, variant, *matrix, folder.as_deref())?;
        let [x, y, z] = grid(pass, variant);
        println!("pipeline\t{label}\t{}\t{layer}\t{x}x{y}x{z}\t{}", if *fixed { "fixed" } else { "tuned" }, pass.flops);
    }
    Ok(())
}

/// Workgroups of a whole layer.
fn grid(pass: &Pass, variant: &Variant) -> [u32; 3] {
    (variant.grid)(pass, &Band { y: 0, rows: pass.domain.rows, n: 0, images: pass.domain.images })
}

/// What the model of times (model.py) wants to know of a layer.
fn layer(wanted: &Wanted, plan: &Plan) -> String {
    let pass = wanted.pass;
    let [x, y, z] = grid(pass, wanted.variant);
    let (inputs, outputs) = (pass.reads[0].shape[1], pass.write.shape[1]);
    format!("layer\t{}\t{}\t{x}x{y}x{z}\t{}\t{}\t{inputs}\t{outputs}", pass.label, label(wanted), pass.flops, plan.traffic(pass))
}

/// Networks in which every kernel occurs, in every precision that the device has.
fn plans(tier: &Tier) -> Vec<(&'static str, Plan)> {
    let channels = vec![512, 512, 512, 512, 512, 256, 128, 64];
    let mobile = mobilestylegan::Config { z_dim: 512, w_dim: 512, img_resolution: 1024, num_layers: 8, channels };
    let resnet = stylegan2::Config { architecture: stylegan2::Architecture::Resnet, img_resolution: 256, ..stylegan2::Config::config_f() };
    let first = stylegan1::Config {
        z_dim: 512,
        c_dim: 0,
        w_dim: 512,
        const_size: [4, 4],
        img_resolution: 1024,
        img_channels: 3,
        channel_base: 8192,
        channel_max: 512,
        num_layers: 8,
        layer_features: None,
        lr_multiplier: 0.01,
    };
    let networks = [
        ("config F", Config::StyleGan2(stylegan2::Config::config_f())),
        ("MobileStyleGAN", Config::MobileStyleGan(mobile)),
        ("resnet", Config::StyleGan2(resnet)),
        ("StyleGAN1", Config::StyleGan1(first)),
        ("StyleGAN3 T", Config::StyleGan3(stylegan3::Config::t(1024))),
        ("StyleGAN3 R", Config::StyleGan3(stylegan3::Config::r(1024))),
    ];
    let mut plans = Vec::new();
    for (name, config) in &networks {
        let model = random_weights(config, 0);
        for dtype in [DType::F16, DType::F32].into_iter().filter(|&dtype| dtype == DType::F32 || tier.half) {
            plans.push((*name, synthesis(&model, 1, dtype, NoiseSource::Const).plan));
        }
        let mut mapping = mapping(&model, 1);
        mapping.truncate(&model, 1);
        plans.push((*name, mapping.plan));
    }
    plans
}

fn label(wanted: &Wanted) -> String {
    let Wanted { pass, variant, matrix, .. } = wanted;
    let constants = variant.overrides(pass, *matrix).iter().map(|(name, value)| format!(" {name}={value}")).collect::<String>();
    format!("{}.{}.{:?}.{:?}{constants}", pass.kernel.name, variant.name, pass.dtype, pass.write.dtype)
}
