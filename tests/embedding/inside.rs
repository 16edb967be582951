//! Looking inside: layers to tap, passes, and how long each takes.

use stylegan_wgpu::{LayerInfo, PassInfo, Why};

use super::*;

fn sizes(layers: &[LayerInfo]) -> Vec<(&str, [usize; 3])> {
    layers.iter().map(|layer| (layer.name.as_str(), [layer.channels, layer.height, layer.width])).collect()
}

#[test]
fn layers_are_what_a_tap_gives() {
    let mut generator = Generator::new(gpu(), &model(1), &Options::new().precision(PrecisionChoice::F32)).unwrap();
    let layers = generator.layers();
    let expected = [
        ("b4.conv1", [24, 4, 4]),
        ("b4.torgb", [3, 4, 4]),
        // Transposed convolution first, and what is filtered of it.
        ("b8.conv0", [24, 9, 9]),
        ("b8.conv0.filter", [24, 8, 8]),
        ("b8.conv1", [24, 8, 8]),
        ("b32.conv1", [16, 32, 32]),
        ("b32.torgb", [3, 32, 32]),
    ];
    let found = sizes(&layers);
    for layer in expected {
        assert!(found.contains(&layer), "{layer:?} in {found:?}");
    }
    for layer in &layers {
        let maps = generator.tap(&layer.name, 3, &Look::new()).unwrap().wait().unwrap();
        assert_eq!((maps.len(), maps[0].len()), (1, layer.channels * layer.height * layer.width), "{}", layer.name);
    }
    let last = generator.tap("b32.torgb", 3, &Look::new()).unwrap().wait().unwrap();
    let picture = generator.submit_f32(3, &Look::new()).unwrap().wait().unwrap();
    assert_eq!(last, picture, "the last layer of a skip network is the picture");
    assert!(found.iter().all(|(name, _)| !name.contains("styles")), "{found:?}");
}

#[test]
fn passes_are_those_that_draw_the_input_as_it_looks() {
    let mut generator = Generator::new(gpu(), &model(1), &Options::new()).unwrap();
    let ws = generator.mapping(&latent::z(3, 16), None).unwrap();
    let of_ws = generator.passes(&ws, &Look::new()).unwrap();
    let of_seed = generator.passes(3, &Look::new()).unwrap();
    assert!(of_seed.ends_with(&of_ws) && of_seed.len() > of_ws.len(), "{} {}", of_seed.len(), of_ws.len());
    assert!(of_seed.iter().any(|pass| pass.kernel == "truncate") && of_ws.iter().all(|pass| pass.kernel != "truncate"));
    let preview = generator.passes(&ws, &Look::new().preview(8)).unwrap();
    assert!(preview.len() < of_ws.len());
    let convolution = of_ws.iter().find(|pass| pass.name == "b32.conv1").unwrap();
    // 3 x 3 taps of 16 channels to 16, two operations each; what follows the sum is counted with it.
    let least = 2 * 9 * 16 * 16 * 32 * 32;
    assert!((least..least + least / 10).contains(&convolution.flops), "{}", convolution.flops);
    assert_eq!((convolution.kernel, convolution.shape, convolution.dispatches), ("modulated_conv2d", [1, 16, 32, 32], 1));
    // Read once and written once, in halves or whole.
    assert!(convolution.bytes >= 2 * 2 * 16 * 32 * 32, "{}", convolution.bytes);
    assert_eq!((convolution.milliseconds, convolution.tuned), (None, None));
    assert!(!convolution.others.is_empty());
    for other in &convolution.others {
        assert!(other.variant != convolution.variant && !matches!(other.why, Why::Slower(_)), "{other:?}: nobody timed it");
    }
}

#[test]
fn a_profile_has_the_time_of_every_pass_and_changes_no_picture() {
    let (gpu, _device, _queue) = host();
    if !gpu.tier().timestamps {
        println!("{} has no timestamps: not tested", gpu.name());
        return;
    }
    let mut generator = Generator::new(&gpu, &model(1), &Options::new()).unwrap();
    let look =
        Look::new().psi(0.7).noise(Noise::Random { seed: 4 }).style(StyleOffset { layer: "b8.conv0".into(), channel: 3, amount: 2.0 });
    let before = picture(&mut generator, 3, &Look::new());
    let timeless = |passes: Vec<PassInfo>| -> Vec<PassInfo> {
        let without = |mut pass: PassInfo| {
            pass.milliseconds = None;
            pass
        };
        passes.into_iter().map(without).collect()
    };
    let expected = generator.passes(3, &look).unwrap();

    let waited = generator.profile(3, &look).unwrap().wait().unwrap();
    assert!(waited.iter().all(|pass| pass.milliseconds.is_some_and(|time| (0.0..60_000.0).contains(&time))), "{waited:?}");
    assert!(waited.iter().filter_map(|pass| pass.milliseconds).sum::<f64>() > 0.0);
    assert_eq!(timeless(waited), expected);

    let awaited = pollster::block_on(generator.profile(3, &look).unwrap()).unwrap();
    assert_eq!(timeless(awaited), expected);

    let mut asked = generator.profile(3, &look).unwrap();
    let polled = loop {
        if let Some(passes) = asked.try_take() {
            break passes.unwrap();
        }
        std::thread::yield_now();
    };
    assert_eq!(timeless(polled), expected);
    assert!(asked.try_take().is_none());
    assert!(matches!(asked.wait(), Err(Error::Argument(_))));
    assert_eq!(picture(&mut generator, 3, &Look::new()), before);
}

#[test]
fn a_device_without_timestamps_says_so_and_draws_on() {
    let adapter = adapter();
    let descriptor = wgpu::DeviceDescriptor {
        required_features: Gpu::wanted_features(&adapter).difference(wgpu::Features::TIMESTAMP_QUERY),
        required_limits: Gpu::wanted_limits(&adapter),
        ..Default::default()
    };
    let (device, queue) = pollster::block_on(adapter.request_device(&descriptor)).unwrap();
    let gpu = Gpu::from_host(&adapter, device, queue).unwrap();
    let mut generator = Generator::new(&gpu, &model(1), &Options::new()).unwrap();
    let error = generator.profile(3, &Look::new()).err().unwrap();
    assert!(matches!(&error, Error::NoTimestamps { device } if device == gpu.name()), "{error}");
    assert!(error.to_string().contains("wanted_features"), "{error}");
    assert!(!generator.passes(3, &Look::new()).unwrap().is_empty());
    assert_eq!(picture(&mut generator, 3, &Look::new()).len(), 4 * SIDE * SIDE);
}
