//! Parity with the reference implementations, through the command line: the unclamped image of `--format npy` against the
//! images and activations the fixtures hold, in f32 and f16.

mod fixtures;

use fixtures::{Fixture, generate, rel_l2};

/// Largest rel L2 error of an image: f32; f32 when the expected image is stored as f16; f16.
const F32: f64 = 2e-5;
const F32_STORED_AS_F16: f64 = 3e-4;
const F16: f64 = 3e-3;
/// Of StyleGAN1 only the last block is halves: 3.4e-4 to 9.7e-4 seen in 34 pictures of five networks.
const STYLEGAN1_F16: f64 = 1e-3;

/// Both, or what `STYLEGAN_PRECISIONS` names: for drivers without 16-bit floats.
fn precisions() -> Vec<String> {
    let named = std::env::var("STYLEGAN_PRECISIONS").unwrap_or_else(|_| "f32,f16".to_owned());
    named.split(',').map(str::to_owned).collect()
}

/// Renders every seed of a fixture and compares.
#[track_caller]
fn parity(fixture: &Fixture, network: &std::path::Path, precision: &str, more: &[&str]) {
    let images = generate(network, &fixture.arguments(precision, more));
    let want = fixture.expected("image");
    let per_image = want.values.len() / images.len();
    let limit = match (precision, want.f16) {
        ("f16", _) if fixture.name.contains("stylegan1") => STYLEGAN1_F16,
        ("f16", _) => F16,
        (_, true) => F32_STORED_AS_F16,
        _ => F32,
    };
    for (seed, (got, want)) in fixture.seeds().iter().zip(images.iter().zip(want.values.chunks_exact(per_image))) {
        let error = rel_l2(got, want);
        println!("{} seed {seed} {precision} {more:?}: rel L2 {error:.3e} (at most {limit:.0e})", fixture.name);
        assert!(error <= limit, "{} seed {seed} {precision}: rel L2 {error:.3e} is more than {limit:.0e}", fixture.name);
    }
}

#[track_caller]
fn parity_of_pickle(name: &str) {
    parity_of(name, &["network.pkl"]);
}

#[track_caller]
fn parity_of(name: &str, files: &[&str]) {
    let Some(fixture) = Fixture::open(name) else { return };
    for file in files {
        for precision in precisions() {
            parity(&fixture, &fixture.folder.join(file), &precision, &[]);
        }
    }
}

#[test]
fn ada_skip_32_tiny() {
    parity_of_pickle("tiny/ada-skip-32");
}

#[test]
fn ada_orig_16_tiny() {
    parity_of_pickle("tiny/ada-orig-16");
}

#[test]
fn ada_resnet_cond_16_tiny() {
    parity_of_pickle("tiny/ada-resnet-cond-16");
}

#[test]
fn stylegan3repo_skip_16_tiny() {
    parity_of_pickle("tiny/stylegan3repo-skip-16");
}

#[test]
fn tf_stylegan1_128_tiny() {
    parity_of_pickle("tiny/tf-stylegan1-128");
}

#[test]
fn tf_stylegan1_128() {
    parity_of_pickle("tf-stylegan1-128");
}

#[test]
fn tf_stylegan2_16_tiny() {
    // Without sides, tflib's variables are NumPy scalars; files written by others have arrays of no sides there.
    parity_of("tiny/tf-stylegan2-16", &["network.pkl", "network-arrays.pkl"]);
}

#[test]
fn tf_stylegan2_64() {
    parity_of_pickle("tf-stylegan2-64");
}

#[test]
fn rosinality_16_tiny() {
    parity_of("tiny/rosinality-16", &["checkpoint.pt", "checkpoint-legacy.pt"]);
}

#[test]
fn rosinality_64() {
    parity_of("rosinality-64", &["checkpoint.pt", "checkpoint-legacy.pt"]);
}

#[test]
fn ada_skip_64() {
    parity_of_pickle("ada-skip-64");
}

#[test]
fn ada_resnet_32() {
    parity_of_pickle("ada-resnet-32");
}

#[test]
fn ada_orig_cond_32() {
    parity_of_pickle("ada-orig-cond-32");
}

#[test]
fn stylegan3repo_skip_64() {
    parity_of_pickle("stylegan3repo-skip-64");
}

/// StyleGAN-Human: a constant of 4 x 2.
#[test]
fn human_v2_64x32() {
    parity_of_pickle("human-v2-64x32");
}

/// eps696's forks: a constant of 5 x 3, and a resolution that is neither the height nor the width.
#[test]
fn initres_80x48() {
    parity_of_pickle("initres-80x48");
}

/// TensorFlow, with scopes as `5x3/Const`.
#[test]
fn tf_rect_80x48() {
    parity_of_pickle("tf-rect-80x48");
}

/// Activations up to 256 times styles in the hundreds: NaN in a naive f16.
#[test]
fn ada_fp16_128() {
    parity_of_pickle("ada-fp16-128");
}

#[test]
fn ada_thin_1024() {
    parity_of_pickle("ada-thin-1024");
}

#[test]
fn stylegan3_t_64() {
    parity_of_pickle("stylegan3-t-64");
}

#[test]
fn stylegan3_r_64() {
    parity_of_pickle("stylegan3-r-64");
}

/// Scales of weights over six decades: NaN in a naive f16.
#[test]
fn stylegan3_t_fp16_128() {
    parity_of_pickle("stylegan3-t-fp16-128");
}

/// RGBA, classes, a frozen mapping network, moved and turned.
#[test]
fn stylegan3_t_transform_64() {
    parity_of_pickle("stylegan3-t-transform-64");
}

/// StyleGAN-Human v3: every width is half of the height, margins included.
#[test]
fn human_v3_r_64x32() {
    parity_of_pickle("human-v3-r-64x32");
}

/// The full size: 30 M synthetic weights, drawn by `random-weights`; at 1024 in f32 a layer is larger than a 128 MiB binding.
#[test]
fn synthetic_config_f_1024() {
    let Some(fixture) = Fixture::open("synthetic-config-f-1024") else { return };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let network = folder.path().join("config-f.safetensors");
    fixtures::stylegan(&[
        "random-weights".as_ref(),
        "--config-f".as_ref(),
        "--seed".as_ref(),
        "0".as_ref(),
        "-o".as_ref(),
        network.as_os_str(),
    ]);
    for precision in precisions() {
        parity(&fixture, &network, &precision, &[]);
    }
}

/// Real faces. The wheel is fetched by `make test` (scripts/fetch-mobilestylegan.sh) into the cache folder.
#[test]
fn mobilestylegan_ffhq_1024() {
    let Some(fixture) = Fixture::open("mobilestylegan-ffhq-1024") else { return };
    let Some(wheel) = fixtures::mobilestylegan_wheel() else { return };
    for precision in precisions() {
        parity(&fixture, &wheel, &precision, &[]);
    }
}

#[test]
fn noise_none_equals_the_reference() {
    let Some(fixture) = Fixture::open("tiny/ada-skip-32") else { return };
    let images = generate(&fixture.folder.join("network.pkl"), &fixture.arguments("f32", &["--noise-mode", "none"]));
    let error = rel_l2(&images.concat(), &fixture.expected("image.noise_none").values);
    assert!(error <= F32, "rel L2 {error:.3e}");
    let with_noise = rel_l2(&images.concat(), &fixture.expected("image").values);
    assert!(with_noise > 100.0 * F32, "the noise changes nothing ({with_noise:.3e}): the check cannot fail");
}

/// A network larger than the fixtures', whose styles are those of a random one: f16 against f32.
#[test]
fn stylegan1_256_in_halves() {
    if !precisions().contains(&"f16".to_owned()) {
        return;
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (config, network) = (folder.path().join("256.json"), folder.path().join("256.safetensors"));
    let sizes = r#"{"network":"stylegan1","z_dim":64,"w_dim":64,"img_resolution":256,"channel_base":4096,"channel_max":64}"#;
    std::fs::write(&config, sizes).expect("a file in a temporary folder");
    let arguments = ["random-weights".as_ref(), "--config".as_ref(), config.as_os_str(), "--seed".as_ref(), "0".as_ref()];
    fixtures::stylegan(&[&arguments[..], &["-o".as_ref(), network.as_os_str()]].concat());
    let run = |precision: &str| generate(&network, &["--seeds", "0,1", "--precision", precision].map(String::from));
    for (half, single) in run("f16").iter().zip(run("f32")) {
        let error = rel_l2(half, &single);
        assert!(error <= STYLEGAN1_F16, "rel L2 {error:.3e}");
    }
}

#[test]
fn stylegan1_takes_noise_modes_and_batches() {
    let Some(fixture) = Fixture::open("tf-stylegan1-128") else { return };
    let network = fixture.folder.join("network.pkl");
    let without = generate(&network, &fixture.arguments("f32", &["--noise-mode", "none"])).concat();
    let error = rel_l2(&without, &fixture.expected("image.noise_none").values);
    assert!(error <= F32, "rel L2 {error:.3e}");
    let run = |mode: &str, batch: &str| {
        let arguments = ["--seeds", "3,4", "--precision", "f32", "--noise-mode", mode, "--noise-seed", "7", "--batch", batch];
        generate(&network, &arguments.map(String::from)).concat()
    };
    for mode in ["const", "random"] {
        let error = rel_l2(&run(mode, "2"), &run(mode, "1"));
        assert!(error <= 1e-6, "noise {mode}: batch 2 differs from batch 1 by {error:.3e}");
    }
    assert!(rel_l2(&run("random", "1"), &run("const", "1")) > 1e-3, "random noise is the stored noise");
}

#[test]
fn a_batch_gives_the_images_of_single_runs() {
    let Some(fixture) = Fixture::open("ada-skip-64") else { return };
    let network = fixture.folder.join("network.pkl");
    let run = |batch: &str| generate(&network, &["--seeds", "0-3", "--precision", "f32", "--batch", batch].map(String::from));
    let (single, again, four) = (run("1"), run("1"), run("4"));
    assert_eq!(single, again, "the same seed on the same device gives other bytes");
    for (single, four) in single.iter().zip(&four) {
        let error = rel_l2(four, single);
        assert!(error <= 1e-6, "batch 4 differs from batch 1 by {error:.3e}");
    }
}

#[test]
fn random_noise_depends_on_its_seed_and_not_on_the_batch() {
    let Some(fixture) = Fixture::open("tiny/ada-skip-32") else { return };
    let run = |seed: &str, batch: &str| {
        let arguments = ["--seeds", "0-2", "--precision", "f32", "--noise-mode", "random", "--noise-seed", seed, "--batch", batch];
        generate(&fixture.folder.join("network.pkl"), &arguments.map(String::from))
    };
    let (one, three, other) = (run("7", "1"), run("7", "3"), run("8", "1"));
    for (i, (one, (three, other))) in one.iter().zip(three.iter().zip(&other)).enumerate() {
        assert!(rel_l2(three, one) <= 1e-6, "the noise of image {i} depends on the batch");
        assert!(rel_l2(other, one) > 1e-3, "the noise of image {i} does not depend on its seed");
    }
}
