//! The graph of an OpenVINO IR: layers, who produces each of their inputs, and the constants' values.

use std::collections::HashMap;

use half::f16;

use super::super::budget::Budget;
use super::super::error::{ConvertError, Result};

mod xml;

/// An IR, checked as far as its outline goes: every edge ends at layers that exist, and comes from a port that exists.
pub(super) struct Graph<'a> {
    name: &'static str,
    layers: Vec<Layer>,
    bin: &'a [u8],
    /// A graph that uses the same large constant over and over is not genuine.
    budget: Budget,
}

/// One operation.
struct Layer {
    name: String,
    kind: String,
    /// The attributes of its `<data>`.
    data: HashMap<String, String>,
    /// In the order of its input ports.
    inputs: Vec<Option<Value>>,
    /// How many output ports it has.
    outputs: usize,
}

/// The value at an output of a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Value {
    layer: usize,
    /// Counted from 0 among the layer's outputs.
    pub(super) output: usize,
}

/// A constant, widened to f32.
pub(super) struct Tensor {
    pub(super) shape: Vec<usize>,
    pub(super) values: Vec<f32>,
}

impl<'a> Graph<'a> {
    /// Reads the XML; constants stay in `bin` until they are asked for.
    pub(super) fn parse(name: &'static str, xml: &[u8], bin: &'a [u8], budget: &Budget) -> Result<Graph<'a>> {
        let layers = xml::layers(name, xml, budget)?;
        Ok(Graph { name, layers, bin, budget: budget.clone() })
    }

    /// What the network's only result is made from.
    pub(super) fn result(&self) -> Result<Value> {
        let mut results = (0..self.layers.len()).filter(|&layer| self.layers[layer].kind == "Result");
        match (results.next(), results.next()) {
            (Some(layer), None) => self.input(Value { layer, output: 0 }, 0),
            _ => Err(ConvertError::unsupported(format!("{}.xml needs exactly one result", self.name))),
        }
    }

    /// The operation that produces a value, as `Convolution`.
    pub(super) fn kind(&self, value: Value) -> &str {
        &self.layers[value.layer].kind
    }

    /// True when `a` and `b` are outputs of the same operation.
    pub(super) fn same_layer(&self, a: Value, b: Value) -> bool {
        a.layer == b.layer
    }

    /// An input of the operation that produces a value.
    pub(super) fn input(&self, value: Value, input: usize) -> Result<Value> {
        let layer = &self.layers[value.layer];
        let producer = layer.inputs.get(input).copied().flatten();
        producer.ok_or_else(|| ConvertError::malformed(format!("{}.xml: {} {} has no input {input}", self.name, layer.kind, layer.name)))
    }

    /// Both inputs of a two-sided operation of the given kind.
    pub(super) fn pair(&self, value: Value, kind: &str) -> Result<(Value, Value)> {
        self.expect(value, kind)?;
        Ok((self.input(value, 0)?, self.input(value, 1)?))
    }

    /// Refuses a value that another kind of operation produces.
    pub(super) fn expect(&self, value: Value, kind: &str) -> Result<()> {
        if self.kind(value) == kind { Ok(()) } else { Err(self.unexpected(value, kind)) }
    }

    /// Refuses an attribute of an operation that is not as needed; spaces do not count.
    pub(super) fn expect_data(&self, value: Value, attribute: &str, needed: &str) -> Result<()> {
        let found = self.layers[value.layer].data.get(attribute).map_or("", String::as_str);
        if found.split(',').map(str::trim).eq(needed.split(',')) {
            return Ok(());
        }
        Err(self.unexpected(value, &format!("{attribute}={needed} (found {found:?})")))
    }

    /// The error for a value that is not what the network needs there.
    pub(super) fn unexpected(&self, value: Value, needed: &str) -> ConvertError {
        let layer = &self.layers[value.layer];
        let found = format!("{} {}", layer.kind, layer.name);
        ConvertError::unsupported(format!("{}.xml is not a MobileStyleGAN as we know it: needed {needed}, found {found}", self.name))
    }

    /// The value of a `Const`.
    pub(super) fn constant(&self, value: Value) -> Result<Tensor> {
        self.expect(value, "Const")?;
        let layer = &self.layers[value.layer];
        let malformed = |text: String| ConvertError::malformed(format!("{}.xml: constant {}: {text}", self.name, layer.name));
        let data = |name: &str| layer.data.get(name).map(String::as_str).ok_or_else(|| malformed(format!("has no {name}")));
        let number = |text: &str| text.trim().parse::<usize>().map_err(|_| malformed(format!("{text:?} is not a size")));
        let (offset, size) = (number(data("offset")?)?, number(data("size")?)?);
        let shape = data("shape")?;
        let shape: Vec<usize> = if shape.trim().is_empty() { vec![] } else { shape.split(',').map(number).collect::<Result<_>>()? };
        let width = match data("element_type")? {
            "f32" => 4,
            "f16" => 2,
            other => return Err(ConvertError::tensor(&layer.name, "f32 or f16", other)),
        };
        let needed = shape.iter().try_fold(width, |bytes: usize, &size| bytes.checked_mul(size));
        if needed != Some(size) {
            return Err(malformed(format!("{size} bytes do not hold {shape:?}")));
        }
        let end = offset.checked_add(size).ok_or_else(|| malformed("offset and size are out of range".into()))?;
        let bytes = self.bin.get(offset..end).ok_or_else(|| {
            let missing = (end - self.bin.len().min(end)) as u64;
            ConvertError::truncated(format!("{}.bin, constant {}", self.name, layer.name), missing)
        })?;
        self.budget.elements(&layer.name, &shape)?;
        let values = if width == 4 {
            bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect()
        } else {
            bytes.chunks_exact(2).map(|b| f16::from_le_bytes([b[0], b[1]]).to_f32()).collect()
        };
        Ok(Tensor { shape, values })
    }

    /// The value of a `Const` of one element.
    pub(super) fn scalar(&self, value: Value) -> Result<f32> {
        match self.constant(value)?.values[..] {
            [scalar] => Ok(scalar),
            _ => Err(self.unexpected(value, "a constant of one element")),
        }
    }
}
