//! The activations after every block against the reference's, so that a failure names the first wrong block.

mod fixtures;

use fixtures::{Fixture, rel_l2};
use stylegan_tools::convert;
use stylegan_wgpu::executor::{Executor, Options};
use stylegan_wgpu::networks::stylegan2::Architecture;
use stylegan_wgpu::networks::{NoiseSource, synthesis};
use stylegan_wgpu::tensor::DType;
use stylegan_wgpu::{Gpu, networks::Config};

/// The last layer of every block, and its torgb where it has one, with the names of the taps.
fn layers(config: &Config) -> Vec<(String, String)> {
    let mut layers = Vec::new();
    match config {
        Config::StyleGan1(config) => {
            for resolution in config.resolutions() {
                layers.push((format!("b{resolution}.conv1.adain"), format!("tap.b{resolution}.x")));
            }
        }
        Config::StyleGan2(config) => {
            for resolution in config.resolutions() {
                let residual = config.architecture == Architecture::Resnet && resolution > 4;
                let last = if residual { "" } else { ".conv1" };
                layers.push((format!("b{resolution}{last}"), format!("tap.b{resolution}.x")));
                if config.has_torgb(resolution) {
                    layers.push((format!("b{resolution}.torgb"), format!("tap.b{resolution}.img")));
                }
            }
        }
        Config::MobileStyleGan(_) => panic!("no taps of MobileStyleGAN"),
    }
    layers
}

/// Runs the synthesis network on the expected ws with every block's outputs kept.
#[track_caller]
fn taps(name: &str) {
    let Some(fixture) = Fixture::open(name) else { return };
    let model = convert::open(&fixture.folder.join("network.pkl"), &mut |_| {}).unwrap_or_else(|error| panic!("{error}"));
    let gpu = Gpu::open(None).unwrap_or_else(|error| panic!("{error}"));
    let images = fixture.seeds().len();
    let half = if matches!(model.config, Config::StyleGan1(_)) { 5e-3 } else { 3e-3 };
    for (dtype, limit) in [(DType::F32, 2e-5), (DType::F16, half)] {
        let mut net = synthesis(&model, images, dtype, NoiseSource::Const);
        let mut checks = Vec::new();
        for (layer, tap) in layers(&model.config) {
            let tensor = net.plan.find(&layer).unwrap_or_else(|| panic!("{name} has no {layer}"));
            net.plan.tap(tensor);
            checks.push((tensor, tap));
        }
        let executor = Executor::new(&gpu, net.plan.clone(), name, &Options::default()).unwrap_or_else(|error| panic!("{error}"));
        executor.poison().unwrap();
        executor.write(net.ws, &fixture.expected("ws").values).unwrap();
        executor.run().unwrap_or_else(|error| panic!("{error}"));
        for (tensor, tap) in checks {
            let got = executor.read(tensor).unwrap_or_else(|error| panic!("{error}"));
            let error = rel_l2(&got, &fixture.expected(&tap).values);
            println!("{name} {dtype:?} {tap}: rel L2 {error:.3e}");
            assert!(error <= limit, "{name} {dtype:?}: {tap} is the first wrong activation: rel L2 {error:.3e} is more than {limit:.0e}");
        }
    }
}

#[test]
fn ada_skip_64() {
    taps("ada-skip-64");
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
