//! The synthesis network's graph, from the image back to the constant.
//!
//! ```text
//! layer        PReLU(Add(Add(Convolution(x), noise), bias), 0.2)
//! x, 4x4       Multiply(style, const)                    then a 3x3 convolution
//! x, a block   GroupConvolution(Multiply(style, .), 3x3) then a 1x1 convolution
//! style        Reshape(Add(MatMul(w, M), m)), for some times a scalar
//! up           wavelet(Multiply(style, .))
//! image        wavelet(Add(Convolution(Multiply(style, .)), bias))
//! ```

use super::super::error::Result;
use super::ir::{Graph, Tensor, Value};
use super::mapping::{dense, prelu};

/// What the synthesis network is made of.
pub(super) struct Synthesis {
    pub(super) img_resolution: usize,
    /// Channels at 4, 8, ..., img_resolution / 2.
    pub(super) channels: Vec<usize>,
    /// By their names in our manifest.
    pub(super) tensors: Vec<(String, Tensor)>,
}

/// The resolution of a block doubles, and 2048 has eight of them.
const MOST_BLOCKS: usize = 8;

/// Reads the graph from its result to its constant.
pub(super) fn read(graph: &Graph) -> Result<Synthesis> {
    let value = inverse_wavelet(graph, graph.result()?)?;
    let (value, bias) = add_constant(graph, value)?;
    let (x, weight) = convolution(graph, value, 1)?;
    let (affine, mut value) = modulation(graph, x)?;
    let mut tensors = vec![("synthesis.torgb.weight".to_owned(), weight), ("synthesis.torgb.bias".to_owned(), bias)];
    push_affine(&mut tensors, "torgb", affine);

    let mut blocks = Vec::new();
    let first = loop {
        let layer = read_layer(graph, value)?;
        if layer.depthwise.is_none() {
            break layer;
        }
        if blocks.len() == MOST_BLOCKS {
            return Err(graph.unexpected(value, "at most eight blocks"));
        }
        let conv1 = read_layer(graph, layer.input)?;
        let (up, next) = modulation(graph, inverse_wavelet(graph, conv1.input)?)?;
        value = next;
        blocks.push(Block { up, conv1, conv2: layer });
    };
    let constant = constant_input(graph, first.input)?;
    let mut channels = vec![constant.shape.get(1).copied().unwrap_or(0)];
    tensors.push(("synthesis.b4.const".to_owned(), constant));
    push_layer(&mut tensors, "b4.conv1", first);
    let img_resolution = 8 << blocks.len();
    for (i, block) in blocks.into_iter().rev().enumerate() {
        let resolution = 8 << i;
        channels.push(block.conv2.weight.shape[0]);
        push_affine(&mut tensors, &format!("b{resolution}.up"), block.up);
        push_layer(&mut tensors, &format!("b{resolution}.conv1"), block.conv1);
        push_layer(&mut tensors, &format!("b{resolution}.conv2"), block.conv2);
    }
    Ok(Synthesis { img_resolution, channels, tensors })
}

struct Block {
    up: Affine,
    conv1: Layer,
    conv2: Layer,
}

struct Layer {
    affine: Affine,
    depthwise: Option<Tensor>,
    weight: Tensor,
    noise: Tensor,
    bias: Tensor,
    input: Value,
}

/// Where a style comes from: `w M^T + m`, its scale folded in.
struct Affine {
    weight: Tensor,
    bias: Tensor,
}

fn read_layer(graph: &Graph, value: Value) -> Result<Layer> {
    let (value, bias) = add_constant(graph, prelu(graph, value)?)?;
    let (value, noise) = add_constant(graph, value)?;
    let (x, _) = graph.pair(value, "Convolution")?;
    let (weight, depthwise, x) = if graph.kind(x) == "GroupConvolution" {
        let (_, weight) = convolution(graph, value, 1)?;
        let (input, depthwise) = convolution(graph, x, 3)?;
        (weight, Some(depthwise), input)
    } else {
        (convolution(graph, value, 3)?.1, None, x)
    };
    let (affine, input) = modulation(graph, x)?;
    Ok(Layer { affine, depthwise, weight, noise, bias, input })
}

/// `Add(x, constant)`: x and the constant. A noise map times its strength is folded into one constant.
fn add_constant(graph: &Graph, value: Value) -> Result<(Value, Tensor)> {
    let (a, b) = graph.pair(value, "Add")?;
    let (x, constant) = if graph.kind(a) == "Const" { (b, a) } else { (a, b) };
    Ok((x, graph.constant(constant)?))
}

/// A convolution that keeps the size: its input and its weight.
fn convolution(graph: &Graph, value: Value, kernel: usize) -> Result<(Value, Tensor)> {
    let kind = if graph.kind(value) == "GroupConvolution" { "GroupConvolution" } else { "Convolution" };
    let (x, weight) = graph.pair(value, kind)?;
    let padding = if kernel == 3 { "1,1" } else { "0,0" };
    let attributes = [("strides", "1,1"), ("dilations", "1,1"), ("pads_begin", padding), ("pads_end", padding)];
    for (attribute, needed) in attributes {
        graph.expect_data(value, attribute, needed)?;
    }
    let weight = graph.constant(weight)?;
    // [out, in, k, k], or [groups, 1, 1, k, k].
    let dimensions = if kind == "Convolution" { 4 } else { 5 };
    if weight.shape.len() != dimensions || weight.shape[dimensions - 2..] != [kernel, kernel] {
        return Err(graph.unexpected(value, &format!("a {kernel}x{kernel} kernel (found {:?})", weight.shape)));
    }
    Ok((x, weight))
}

/// `Multiply(style, x)`: where the style comes from, and x.
fn modulation(graph: &Graph, value: Value) -> Result<(Affine, Value)> {
    let (a, b) = graph.pair(value, "Multiply")?;
    let is_style = |value| matches!(graph.kind(value), "Reshape" | "Multiply");
    let (style, x) = if is_style(a) { (a, b) } else { (b, a) };
    let (style, scale) = if graph.kind(style) == "Multiply" {
        let (a, b) = graph.pair(style, "Multiply")?;
        let (style, scale) = if graph.kind(a) == "Const" { (b, a) } else { (a, b) };
        (style, graph.scalar(scale)?)
    } else {
        (style, 1.0)
    };
    graph.expect(style, "Reshape")?;
    let (affine, w) = dense(graph, graph.input(style, 0)?)?;
    graph.expect(w, "Parameter")?;
    let (outputs, inputs) = (affine.outputs(), affine.inputs);
    let scaled = |values: Vec<f32>| values.into_iter().map(|value| value * scale).collect();
    let weight = Tensor { shape: vec![outputs, inputs], values: scaled(affine.weight) };
    Ok((Affine { weight, bias: Tensor { shape: vec![outputs], values: scaled(affine.bias) } }, x))
}

/// The 4x4 constant behind the operations that repeat it for every image of a batch.
fn constant_input(graph: &Graph, mut value: Value) -> Result<Tensor> {
    for _ in 0..4 {
        if !matches!(graph.kind(value), "Tile" | "Broadcast") {
            break;
        }
        value = graph.input(value, 0)?;
    }
    graph.constant(value)
}

/// What an inverse Haar transform is made from: rows first, of (low, detail 0) and (detail 1, detail 2), then columns.
/// Detail k of channel c is channel `C/4 + 3c + k` of the result.
fn inverse_wavelet(graph: &Graph, value: Value) -> Result<Value> {
    let (upper, lower) = graph.pair(value, "Add")?;
    let left = graph.pair(upsample(graph, upper, "1,2", 1.0)?, "Add")?;
    let right = graph.pair(upsample(graph, lower, "1,2", -1.0)?, "Add")?;
    let low = upsample(graph, left.0, "2,1", 1.0)?;
    let details = [upsample(graph, left.1, "2,1", -1.0)?, upsample(graph, right.0, "2,1", 1.0)?, upsample(graph, right.1, "2,1", -1.0)?];
    if graph.kind(low) != "VariadicSplit" || low.output != 0 {
        return Err(graph.unexpected(low, "the low band of a wavelet"));
    }
    for (k, detail) in details.into_iter().enumerate() {
        graph.expect(detail, "Squeeze")?;
        let split = graph.input(detail, 0)?;
        graph.expect(split, "VariadicSplit")?;
        let triples = graph.input(split, 0)?;
        graph.expect(triples, "Reshape")?;
        let band = graph.input(triples, 0)?;
        if split.output != k || !graph.same_layer(band, low) || band.output != 1 {
            return Err(graph.unexpected(detail, &format!("detail {k} of a wavelet")));
        }
    }
    graph.input(low, 0)
}

/// A transposed convolution per channel with (1, sign) / sqrt(2) along one axis: its input.
fn upsample(graph: &Graph, value: Value, strides: &str, sign: f32) -> Result<Value> {
    let (x, kernel) = graph.pair(value, "GroupConvolutionBackpropData")?;
    for (attribute, needed) in [("strides", strides), ("pads_begin", "0,0"), ("pads_end", "0,0"), ("dilations", "1,1")] {
        graph.expect_data(value, attribute, needed)?;
    }
    let tensor = graph.constant(kernel)?;
    let along = if strides == "2,1" { [2, 1] } else { [1, 2] };
    let haar = [std::f32::consts::FRAC_1_SQRT_2, sign * std::f32::consts::FRAC_1_SQRT_2];
    let is_haar = tensor.values.chunks(2).all(|pair| pair.iter().zip(haar).all(|(value, needed)| (value - needed).abs() < 1e-6));
    if tensor.shape.len() != 5 || tensor.shape[1..] != [1, 1, along[0], along[1]] || !is_haar {
        return Err(graph.unexpected(kernel, "a Haar filter"));
    }
    Ok(x)
}

fn push_affine(tensors: &mut Vec<(String, Tensor)>, name: &str, affine: Affine) {
    tensors.push((format!("synthesis.{name}.affine.weight"), affine.weight));
    tensors.push((format!("synthesis.{name}.affine.bias"), affine.bias));
}

fn push_layer(tensors: &mut Vec<(String, Tensor)>, name: &str, layer: Layer) {
    push_affine(tensors, name, layer.affine);
    if let Some(depthwise) = layer.depthwise {
        tensors.push((format!("synthesis.{name}.depthwise"), depthwise));
    }
    tensors.push((format!("synthesis.{name}.weight"), layer.weight));
    tensors.push((format!("synthesis.{name}.bias"), layer.bias));
    let (map, strength) = split_noise(layer.noise);
    tensors.push((format!("synthesis.{name}.noise_const"), map));
    tensors.push((format!("synthesis.{name}.noise_strength"), strength));
}

/// The file has only map * strength. The map was drawn from N(0, 1), so the strength is the product's root mean square (its sign
/// is arbitrary); without it, fresh noise (`--noise-mode random`) would come out many times too strong.
fn split_noise(product: Tensor) -> (Tensor, Tensor) {
    let squares: f64 = product.values.iter().map(|&value| f64::from(value) * f64::from(value)).sum();
    let strength = (squares / product.values.len().max(1) as f64).sqrt() as f32;
    let values = product.values.iter().map(|&value| if strength > 0.0 { value / strength } else { 0.0 }).collect();
    (Tensor { shape: product.shape, values }, Tensor { shape: vec![], values: vec![strength] })
}
