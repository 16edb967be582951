//! The activations after every block against the reference's, so that a failure names the first wrong block.

mod fixtures;

use fixtures::{Fixture, rel_l2};
use stylegan_tools::convert;
use stylegan_wgpu::executor::{Executor, Options};
use stylegan_wgpu::networks::{NoiseSource, synthesis};
use stylegan_wgpu::tensor::DType;
use stylegan_wgpu::{Gpu, networks::Config};

/// Runs the synthesis network on the expected ws with every block's outputs kept.
#[track_caller]
fn taps(name: &str) {
    let Some(fixture) = Fixture::open(name) else { return };
    let model = convert::open(&fixture.folder.join("network.pkl"), &mut |_| {}).unwrap_or_else(|error| panic!("{error}"));
    let Config::StyleGan2(config) = &model.config else { panic!("{name} is a StyleGAN2") };
    let gpu = Gpu::open(None).unwrap_or_else(|error| panic!("{error}"));
    let images = fixture.seeds().len();
    for (dtype, limit) in [(DType::F32, 2e-5), (DType::F16, 3e-3)] {
        let mut net = synthesis(&model, images, dtype, NoiseSource::Const);
        let mut checks = Vec::new();
        for resolution in config.resolutions() {
            for (layer, tap) in [("conv1", "x"), ("torgb", "img")] {
                let tensor = net.plan.find(&format!("b{resolution}.{layer}")).expect("every block of a skip network has both");
                net.plan.tap(tensor);
                checks.push((tensor, format!("tap.b{resolution}.{tap}")));
            }
        }
        let executor = Executor::new(&gpu, net.plan.clone(), name, &Options::default()).unwrap_or_else(|error| panic!("{error}"));
        executor.poison();
        executor.write(net.ws, &fixture.expected("ws").values);
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
