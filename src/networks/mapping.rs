//! The mapping network, z -> w (Karras et al. 2019, "A Style-Based Generator Architecture", section 2).

use std::sync::Arc;

use super::layers::whole;
use super::{Config, stylegan2, stylegan3};
use crate::kernels::slope_and_gain;
use crate::model::Model;
use crate::plan::{Load, Plan};
use crate::tensor::{DType, Layout, Tensor};

/// A mapping network as a plan, and its handles.
pub struct Mapping {
    /// The passes.
    pub plan: Plan,
    /// `[N, z_dim]`; absent when z_dim is 0.
    pub z: Option<Tensor>,
    /// One-hot classes `[N, c_dim]` of a conditional network.
    pub label: Option<Tensor>,
    /// `[N, w_dim]`.
    pub w: Tensor,
}

/// What truncation takes and gives, behind a mapping network.
pub struct Truncated {
    /// `[images * num_ws, 4]` of (row of w, row of the average, psi, 0), an input.
    pub table: Tensor,
    /// `[images * num_ws, w_dim]`, added at the end; an input.
    pub direction: Tensor,
    /// `[images * num_ws, w_dim]`.
    pub ws: Tensor,
}

impl Mapping {
    /// Appends truncation of w to the rows of so many pictures, of any of the latents each.
    pub fn truncate(&mut self, model: &Model, images: usize) -> Truncated {
        let (rows, w_dim) = (images * model.config.num_ws(), model.config.w_dim());
        let averages = model.array("mapping.w_avg").clone();
        let shape = [averages.len() / w_dim, w_dim, 1, 1];
        let w_avg = self.plan.constant("w_avg", shape, DType::F32, Layout::Flat, Arc::new(move || averages.to_f32()));
        let table = self.plan.input("truncation", [rows, 4, 1, 1], DType::F32, Layout::Flat);
        let direction = self.plan.input("direction", [rows, w_dim, 1, 1], DType::F32, Layout::Flat);
        let ws = self.plan.truncate("truncate", self.w, w_avg, table, direction);
        self.plan.tap(ws);
        Truncated { table, direction, ws }
    }
}

/// How a mapping network differs from another.
struct Shape {
    z_dim: usize,
    c_dim: usize,
    num_layers: usize,
    /// Factor of a layer's weight, given its inputs; and of its bias.
    gains: (fn(f32, usize) -> f32, f32),
    lr_multiplier: f32,
    activation: stylegan2::Activation,
    /// TensorFlow's conditioning: the label's embedding is a row of a table, z and it are normalised as one.
    concat_labels: bool,
}

/// Appends `fc0 ... fcN` to a new plan for `n` latents.
pub fn mapping(model: &Model, n: usize) -> Mapping {
    let shape = match &model.config {
        Config::StyleGan1(config) => Shape {
            z_dim: config.z_dim,
            c_dim: config.c_dim,
            num_layers: config.num_layers,
            // lrelu(sqrt(2) x W^T + b) = sqrt(2) lrelu(x W^T + b / sqrt(2))
            gains: (|lr_multiplier, inputs| lr_multiplier / (inputs as f32).sqrt(), config.lr_multiplier / std::f32::consts::SQRT_2),
            lr_multiplier: config.lr_multiplier,
            activation: stylegan2::Activation::Lrelu,
            concat_labels: true,
        },
        Config::StyleGan2(config) => Shape {
            z_dim: config.z_dim,
            c_dim: config.c_dim,
            num_layers: config.num_layers,
            // Equalised learning rate: the stored weight times lr_multiplier / sqrt(fan_in).
            gains: (|lr_multiplier, inputs| lr_multiplier / (inputs as f32).sqrt(), config.lr_multiplier),
            lr_multiplier: config.lr_multiplier,
            activation: config.mapping_activation,
            concat_labels: config.concat_labels,
        },
        Config::StyleGan3(config) => Shape {
            z_dim: config.z_dim,
            c_dim: config.c_dim,
            num_layers: config.num_layers,
            gains: (|lr_multiplier, inputs| lr_multiplier / (inputs as f32).sqrt(), config.lr_multiplier),
            lr_multiplier: config.lr_multiplier,
            activation: stylegan2::Activation::Lrelu,
            concat_labels: false,
        },
        Config::MobileStyleGan(config) => Shape {
            z_dim: config.z_dim,
            c_dim: 0,
            num_layers: config.num_layers,
            // The weights carry their scales.
            gains: (|_, _| 1.0, 1.0),
            lr_multiplier: 1.0,
            activation: stylegan2::Activation::Lrelu,
            concat_labels: false,
        },
    };
    let mut plan = Plan::new();
    let z = (shape.z_dim > 0).then(|| plan.input("z", [n, shape.z_dim, 1, 1], DType::F32, Layout::Flat));
    let label = (shape.c_dim > 0).then(|| plan.input("label", [n, shape.c_dim, 1, 1], DType::F32, Layout::Flat));
    let embed = label.map(|label| {
        if let Config::StyleGan3(stylegan3::Config { class_embedding: Some(_), .. }) = &model.config {
            return class_embedding(&mut plan, model, label);
        }
        let gain = if shape.concat_labels { 1.0 } else { 1.0 / (shape.c_dim as f32).sqrt() };
        let (weight, bias) = fc(&mut plan, model, "embed", gain, 1.0);
        plan.fully_connected("embed", label, weight, bias, 1.0, 1.0)
    });
    // Without a label, the first layer normalises z itself.
    let bare = z.filter(|_| embed.is_none() && shape.num_layers > 0);
    let mut x = match bare {
        Some(z) => z,
        None if shape.concat_labels => plan.normalize_2nd_moment_jointly("normalize", z, embed),
        None => plan.normalize_2nd_moment("normalize", z, embed),
    };
    let (slope, gain) = slope_and_gain(shape.activation);
    for i in 0..shape.num_layers {
        let name = format!("fc{i}");
        let (weight, bias) = fc(&mut plan, model, &name, (shape.gains.0)(shape.lr_multiplier, x.shape[1]), shape.gains.1);
        x = match bare {
            Some(_) if i == 0 => plan.fully_connected_normalized(&name, x, weight, bias, slope, gain),
            _ => plan.fully_connected(&name, x, weight, bias, slope, gain),
        };
    }
    plan.tap(x);
    Mapping { plan, z, label, w: x }
}

/// StyleGAN-XL: the class's row of a table through a layer of its own. Table and layer are one matrix, made when it is loaded.
fn class_embedding(plan: &mut Plan, model: &Model, label: Tensor) -> Tensor {
    let (table, weight) = (model.array("mapping.embed.weight").clone(), model.array("mapping.embed_proj.weight").clone());
    let ([classes, features], [outputs, _]) = (table.shape(), weight.shape()) else {
        unreachable!("the manifest says [classes, E], [O, E]")
    };
    let (classes, features, outputs) = (*classes, *features, *outputs);
    let load = move || {
        let (table, weight) = (table.to_f32(), weight.to_f32());
        let gain = 1.0 / (features as f64).sqrt();
        let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum::<f64>();
        let rows = weight.chunks_exact(features);
        rows.flat_map(|row| table.chunks_exact(features).map(move |class| (dot(row, class) * gain) as f32)).collect()
    };
    let matrix = plan.constant("embed.weight", [outputs, classes, 1, 1], DType::F32, Layout::Flat, Arc::new(load));
    let bias = whole(model.array("mapping.embed_proj.bias"));
    let bias = plan.constant("embed.bias", [1, outputs, 1, 1], DType::F32, Layout::Flat, bias);
    let (slope, gain) = slope_and_gain(stylegan2::Activation::Lrelu);
    plan.fully_connected("embed", label, matrix, bias, slope, gain)
}

/// The weight and bias of a layer, times their gains; a bias the model does not have is 0.
fn fc(plan: &mut Plan, model: &Model, name: &str, weight_gain: f32, bias_gain: f32) -> (Tensor, Tensor) {
    let weight = model.array(&format!("mapping.{name}.weight"));
    let scaled = |load: Load, gain: f32| -> Load { Arc::new(move || load().into_iter().map(|value| value * gain).collect()) };
    let [outputs, inputs] = weight.shape()[..] else { unreachable!("the manifest says [O, I]") };
    let bias: Load = match model.arrays.get(&format!("mapping.{name}.bias")) {
        Some(bias) => whole(bias),
        None => Arc::new(move || vec![0.0; outputs]),
    };
    (
        plan.constant(&format!("{name}.weight"), [outputs, inputs, 1, 1], DType::F32, Layout::Flat, scaled(whole(weight), weight_gain)),
        plan.constant(&format!("{name}.bias"), [1, outputs, 1, 1], DType::F32, Layout::Flat, scaled(bias, bias_gain)),
    )
}
