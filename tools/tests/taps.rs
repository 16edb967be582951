//! The activations after every block against the reference's, so that a failure names the first wrong block.

mod fixtures;

use fixtures::{Fixture, rel_l2};
use stylegan_wgpu::internals::executor::{Executor, Options};
use stylegan_wgpu::internals::networks::stylegan2::Architecture;
use stylegan_wgpu::internals::networks::{NoiseSource, synthesis};
use stylegan_wgpu::internals::tensor::DType;
use stylegan_wgpu::{Config, blocking};

/// An activation of the plan, and the fixture's.
struct Tap {
    layer: String,
    name: String,
    /// What the plan's is multiplied by, and the fixture's is not.
    scale: f32,
}

impl Tap {
    fn new(layer: String, name: String) -> Tap {
        Tap { layer, name, scale: 1.0 }
    }
}

/// The last layer of every block, and its torgb where it has one; of a StyleGAN3 every layer.
fn layers(config: &Config) -> Vec<Tap> {
    let mut layers = Vec::new();
    match config {
        Config::StyleGan1(config) => {
            for resolution in config.resolutions() {
                layers.push(Tap::new(format!("b{resolution}.conv1.adain"), format!("tap.b{resolution}.x")));
            }
        }
        Config::StyleGan2(config) => {
            for resolution in config.resolutions() {
                let residual = config.architecture == Architecture::Resnet && resolution > 4;
                let last = if residual { "" } else { ".conv1" };
                layers.push(Tap::new(format!("b{resolution}{last}"), format!("tap.b{resolution}.x")));
                if config.has_torgb(resolution) {
                    layers.push(Tap::new(format!("b{resolution}.torgb"), format!("tap.b{resolution}.img")));
                }
            }
        }
        Config::StyleGan3(config) => {
            let of_layer = |name: &String| Tap::new(name.clone(), format!("tap.{name}"));
            layers.extend(config.layers.iter().map(|layer| of_layer(&layer.name)));
            layers.push(Tap { scale: config.output_scale, ..of_layer(&config.torgb.name) });
        }
        Config::MobileStyleGan(_) => panic!("no taps of MobileStyleGAN"),
    }
    layers
}

/// The activation without the margin of zeros that a next layer wants as pixels.
fn without_margin(values: &[f32], [_, _, rows, columns]: [usize; 4], wanted: usize) -> Vec<f32> {
    let planes = values.len() / (rows * columns);
    let margin = if values.len() == wanted { 0 } else { 1 };
    assert_eq!(planes * (rows - 2 * margin) * (columns - 2 * margin), wanted, "neither with nor without a margin");
    let inside = |i: usize, size: usize| (margin..size - margin).contains(&i);
    let pixel = |i: usize| inside(i / columns % rows, rows) && inside(i % columns, columns);
    let (kept, zeros): (Vec<_>, Vec<_>) = values.iter().copied().enumerate().partition(|&(i, _)| pixel(i));
    assert!(zeros.iter().all(|&(_, value)| value == 0.0), "the margin is not of zeros");
    kept.into_iter().map(|(_, value)| value).collect()
}

/// Runs the synthesis network on the expected ws with every block's outputs kept.
#[track_caller]
fn taps(name: &str) {
    let Some(fixture) = Fixture::open(name) else { return };
    let model = stylegan_convert::open(&fixture.folder.join("network.pkl"), &mut |_| {}).unwrap_or_else(|error| panic!("{error}"));
    let gpu = blocking::open(None).unwrap_or_else(|error| panic!("{error}"));
    let images = fixture.seeds().len();
    for dtype in [DType::F32, DType::F16] {
        let mut net = synthesis(&model, images, dtype, NoiseSource::Const);
        let mut checks = Vec::new();
        for tap in layers(&model.config).into_iter().filter(|tap| fixture.has(&tap.name)) {
            let tensor = net.plan.find(&tap.layer).unwrap_or_else(|| panic!("{name} has no {}", tap.layer));
            net.plan.tap(tensor);
            checks.push((tensor, tap));
        }
        assert!(checks.len() > 3, "{name} has {} taps", checks.len());
        let executor = Executor::new(&gpu, net.plan.clone(), name, &Options::default()).unwrap_or_else(|error| panic!("{error}"));
        executor.poison().unwrap();
        executor.write(net.ws, &fixture.expected("ws").values).unwrap();
        if let Some(tensor) = net.transform {
            executor.write(tensor, &fixture.transform().repeat(images)).unwrap();
        }
        executor.run().unwrap_or_else(|error| panic!("{error}"));
        for (tensor, tap) in checks {
            let want = fixture.expected(&tap.name);
            let got = executor.read(tensor).unwrap_or_else(|error| panic!("{error}"));
            let got: Vec<f32> = without_margin(&got, tensor.shape, want.values.len()).iter().map(|value| value / tap.scale).collect();
            let error = rel_l2(&got, &want.values);
            let limit = match (&model.config, tensor.dtype) {
                (_, DType::F32 | DType::Rgba8) if dtype == DType::F32 => 2e-5,
                // All but the last block.
                (Config::StyleGan1(_), DType::F32) => 2e-5,
                (Config::StyleGan1(_), _) => 1e-3,
                _ => 3e-3,
            };
            // What is stored as f16 is rounded to 3e-4 of it.
            let limit = if want.f16 { f64::max(limit, 3e-4) } else { limit };
            let name = format!("{name} {dtype:?}: {}", tap.name);
            println!("{name}: rel L2 {error:.3e}");
            assert!(error <= limit, "{name} is the first wrong activation: rel L2 {error:.3e} is more than {limit:.0e}");
        }
    }
}

#[test]
fn ada_skip_64() {
    taps("ada-skip-64");
}

/// Activations up to the clamp at 256.
#[test]
fn ada_fp16_128() {
    taps("ada-fp16-128");
}

#[test]
fn ada_skip_32_tiny() {
    taps("tiny/ada-skip-32");
}

#[test]
fn ada_resnet_32() {
    taps("ada-resnet-32");
}

#[test]
fn ada_resnet_cond_16_tiny() {
    taps("tiny/ada-resnet-cond-16");
}

#[test]
fn ada_orig_cond_32() {
    taps("ada-orig-cond-32");
}

#[test]
fn tf_stylegan1_128() {
    taps("tf-stylegan1-128");
}

#[test]
fn stylegan3_t_64() {
    taps("stylegan3-t-64");
}

#[test]
fn stylegan3_r_64() {
    taps("stylegan3-r-64");
}

#[test]
fn stylegan3_t_fp16_128() {
    taps("stylegan3-t-fp16-128");
}

#[test]
fn stylegan3_t_transform_64() {
    taps("stylegan3-t-transform-64");
}

#[test]
fn human_v3_r_64x32() {
    taps("human-v3-r-64x32");
}
