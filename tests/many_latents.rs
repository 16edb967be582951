//! The mapping network as convolutions over latents against the mapping network: on the twins, and on the device.

use std::collections::HashMap;

use stylegan_wgpu::internals::executor::{Executor, Options};
use stylegan_wgpu::internals::networks::many_latents::ManyLatents;
use stylegan_wgpu::internals::networks::mapping::mapping;
use stylegan_wgpu::internals::random_weights::random_weights;
use stylegan_wgpu::internals::reference;
use stylegan_wgpu::latent::z;
use stylegan_wgpu::{Config, blocking};

#[test]
fn many_latents_are_mapped_as_one() {
    let gpu = blocking::open(None).unwrap_or_else(|error| panic!("{error}"));
    for config in [
        r#"{"z_dim": 24, "w_dim": 40, "img_resolution": 8, "channel_max": 8, "num_layers": 3}"#,
        r#"{"z_dim": 24, "w_dim": 40, "img_resolution": 8, "channel_max": 8, "num_layers": 1, "mapping_activation": "linear"}"#,
        r#"{"z_dim": 10, "c_dim": 3, "w_dim": 7, "layer_features": 37, "img_resolution": 8, "channel_max": 8, "num_layers": 3}"#,
        r#"{"z_dim": 10, "c_dim": 3, "w_dim": 10, "concat_labels": true, "img_resolution": 8, "channel_max": 8, "num_layers": 2}"#,
        r#"{"z_dim": 0, "c_dim": 5, "w_dim": 9, "img_resolution": 8, "channel_max": 8, "num_layers": 2}"#,
        r#"{"network": "stylegan1", "z_dim": 12, "c_dim": 2, "w_dim": 8, "img_resolution": 8, "channel_max": 8, "num_layers": 2}"#,
        r#"{"network": "mobilestylegan", "z_dim": 8, "w_dim": 8, "img_resolution": 16, "num_layers": 2, "channels": [8, 8]}"#,
    ] {
        let model = random_weights(&Config::from_json(config).unwrap(), 3);
        let (z_dim, c_dim, w_dim) = (model.config.z_dim(), model.config.c_dim(), model.config.w_dim());
        // Fills no row of pixels.
        let n = 131;
        let latents: Vec<f32> = (0..n as u32).flat_map(|seed| z(seed, z_dim)).collect();
        let mut label = vec![0.0; n * c_dim];
        (0..n).filter(|_| c_dim > 0).for_each(|i| label[i * c_dim + i % c_dim.max(1)] = 1.0);

        let whole = mapping(&model, n);
        let inputs = HashMap::from([("z", latents.clone()), ("label", label.clone())]);
        let want = reference::run(&whole.plan, &inputs)[whole.w.id].clone();
        let many = ManyLatents::new(&model, n);
        let x = many.inputs(&latents, &label);
        let twin = many.rows(&reference::run(&many.plan, &HashMap::from([("x", x.clone())]))[many.w.id], n);
        let executor = Executor::new(&gpu, many.plan.clone(), "many", &Options::default()).unwrap();
        executor.poison().unwrap();
        executor.write(many.x, &x).unwrap();
        executor.run().unwrap();
        let device = many.rows(&executor.read(many.w).unwrap(), n);
        for (where_, got) in [("twin", twin), ("device", device)] {
            assert_eq!(got.len(), n * w_dim);
            let norm = |values: &mut dyn Iterator<Item = f64>| values.map(|value| value * value).sum::<f64>().sqrt();
            let error = norm(&mut got.iter().zip(&want).map(|(a, b)| f64::from(a - b))) / norm(&mut want.iter().map(|b| f64::from(*b)));
            println!("{where_} {config}: rel L2 {error:.2e}");
            assert!(error <= 2e-6, "{where_} {config}: rel L2 {error:.2e}");
        }
    }
}
