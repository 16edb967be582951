//! The mapping network's graph, from w back to z.

use super::super::average_w::Dense;
use super::super::error::{ConvertError, Result};
use super::ir::{Graph, Tensor, Value};

/// What the mapping network is made of.
pub(super) struct Mapping {
    pub(super) z_dim: usize,
    pub(super) w_dim: usize,
    /// First to last; the weights carry their scales.
    pub(super) layers: Vec<Dense>,
}

/// `x = z * rsqrt(mean(z^2) + eps)`, then per layer `x = sqrt(2) * prelu(x W^T + b, 0.2)`.
pub(super) fn read(graph: &Graph) -> Result<Mapping> {
    let mut layers = Vec::new();
    let mut value = graph.result()?;
    while let Some((linear, gain)) = activation(graph, value)? {
        if (gain - std::f32::consts::SQRT_2).abs() > 1e-5 {
            return Err(graph.unexpected(value, "a gain of sqrt(2)"));
        }
        if layers.len() == 64 {
            return Err(graph.unexpected(value, "at most 64 layers"));
        }
        let (dense, input) = dense(graph, linear)?;
        layers.push(dense);
        value = input;
    }
    let (a, b) = graph.pair(value, "Multiply")?;
    if graph.kind(a) != "Parameter" && graph.kind(b) != "Parameter" {
        return Err(graph.unexpected(value, "the normalisation of z"));
    }
    layers.reverse();
    let (Some(first), Some(last)) = (layers.first(), layers.last()) else {
        return Err(graph.unexpected(value, "a fully connected layer"));
    };
    let (z_dim, w_dim) = (first.inputs, last.outputs());
    for pair in layers.windows(2) {
        if pair[0].outputs() != pair[1].inputs {
            return Err(ConvertError::malformed("MappingNetwork.xml: the sizes of its layers do not fit each other"));
        }
    }
    Ok(Mapping { z_dim, w_dim, layers })
}

/// `Multiply(PReLU(x), gain)`: x and the gain; nothing when the value is something else.
fn activation(graph: &Graph, value: Value) -> Result<Option<(Value, f32)>> {
    if graph.kind(value) != "Multiply" {
        return Ok(None);
    }
    let (a, b) = graph.pair(value, "Multiply")?;
    for (x, gain) in [(a, b), (b, a)] {
        if graph.kind(x) == "PReLU" && graph.kind(gain) == "Const" {
            return Ok(Some((prelu(graph, x)?, graph.scalar(gain)?)));
        }
    }
    Ok(None)
}

/// The input of a `PReLU` of slope 0.2.
pub(super) fn prelu(graph: &Graph, value: Value) -> Result<Value> {
    let (x, slope) = graph.pair(value, "PReLU")?;
    if (graph.scalar(slope)? - 0.2).abs() > 1e-6 {
        return Err(graph.unexpected(slope, "a slope of 0.2"));
    }
    Ok(x)
}

/// `Add(MatMul(x, W), b)` with W `[out, in]`: the layer, and x.
pub(super) fn dense(graph: &Graph, value: Value) -> Result<(Dense, Value)> {
    let (a, b) = graph.pair(value, "Add")?;
    let (product, bias) = if graph.kind(a) == "MatMul" { (a, b) } else { (b, a) };
    let (x, weight) = graph.pair(product, "MatMul")?;
    graph.expect_data(product, "transpose_a", "false")?;
    graph.expect_data(product, "transpose_b", "true")?;
    // The exporter reshapes the mapping's biases to [1, C] at run time.
    let bias = if graph.kind(bias) == "Reshape" { graph.input(bias, 0)? } else { bias };
    let Tensor { shape, values: weight_values } = graph.constant(weight)?;
    let bias_values = graph.constant(bias)?.values;
    match shape[..] {
        [outputs, inputs] if outputs > 0 && inputs > 0 && outputs == bias_values.len() => {
            Ok((Dense { inputs, weight: weight_values, bias: bias_values }, x))
        }
        _ => Err(ConvertError::malformed(format!("a weight {shape:?} has a bias of {} elements", bias_values.len()))),
    }
}
