//! A network as it lies in a file: a configuration and named arrays. Our file format is safetensors
//! whose metadata carries `format_version`, `config` (JSON) and where the weights came from.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use half::f16;

use crate::error::{Error, Result};
use crate::networks::Config;

mod file;
pub(crate) mod json;
use file::one_line;

/// The version written into `format_version`; another one is refused.
pub const FORMAT_VERSION: &str = "1";

/// Element type of an array in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Precision {
    /// 32-bit floats, the type every checkpoint is trained in.
    F32,
    /// 16-bit floats: half the file; loading widens them exactly.
    F16,
}

/// One named tensor: row-major values, shared and never copied when a model is cloned.
#[derive(Clone)]
pub struct Array {
    shape: Vec<usize>,
    precision: Precision,
    /// Shared with every other tensor of the same file. An `Arc<[u8]>` would copy the whole file once more when it is made.
    bytes: Arc<Vec<u8>>,
    range: Range<usize>,
}

/// A network at rest: what a converter produces, what a file holds, what a generator is built from.
#[derive(Clone, Debug)]
pub struct Model {
    /// The architecture and its sizes.
    pub config: Config,
    /// Tensors by their full names, as `synthesis.b8.conv0.weight`; exactly those of [`Config::manifest`].
    pub arrays: BTreeMap<String, Array>,
    /// Where the weights came from (source format, sha256, licence note): free text by key.
    pub provenance: BTreeMap<String, String>,
}

/// What a network of some configuration is made of: one line per tensor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorSpec {
    /// Full name, as `mapping.fc0.weight`.
    pub name: String,
    /// Shape as in the reference implementations (convolutions `[out, in, k, k]`).
    pub shape: Vec<usize>,
}

impl Array {
    /// An array of 32-bit floats. Panics when the shape does not hold `values`.
    #[track_caller]
    pub fn from_f32(shape: &[usize], values: &[f32]) -> Array {
        assert_eq!(shape.iter().product::<usize>(), values.len(), "shape {shape:?} holds another number of values");
        let bytes: Vec<[u8; 4]> = values.iter().map(|value| value.to_le_bytes()).collect();
        Array::owned(shape, Precision::F32, bytes.into_flattened())
    }

    fn owned(shape: &[usize], precision: Precision, bytes: Vec<u8>) -> Array {
        Array { shape: shape.to_vec(), precision, range: 0..bytes.len(), bytes: Arc::new(bytes) }
    }

    /// The shape, outermost first.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The stored element type.
    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// Number of elements.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// True when a dimension is zero.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The stored little-endian bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[self.range.clone()]
    }

    /// The values one by one, widened to f32 when they are stored as f16.
    pub fn values(&self) -> impl Iterator<Item = f32> + '_ {
        self.bytes().chunks_exact(self.precision.size()).map(|bytes| match *bytes {
            [a, b, c, d] => f32::from_le_bytes([a, b, c, d]),
            [a, b] => f16::from_le_bytes([a, b]).to_f32(),
            _ => unreachable!("elements are of 2 or 4 bytes"),
        })
    }

    /// The values, widened to f32 when they are stored as f16.
    pub fn to_f32(&self) -> Vec<f32> {
        self.values().collect()
    }

    /// The same values in another element type (f32 to f16 rounds to nearest even).
    pub fn cast(&self, precision: Precision) -> Array {
        if precision == self.precision {
            return self.clone();
        }
        match precision {
            Precision::F32 => Array::from_f32(&self.shape, &self.to_f32()),
            Precision::F16 => {
                let bytes: Vec<[u8; 2]> = self.values().map(|value| f16::from_f32(value).to_le_bytes()).collect();
                Array::owned(&self.shape, precision, bytes.into_flattened())
            }
        }
    }

    /// No NaN and no infinity; reads the exponents where they lie, because a widened copy of the largest tensor is megabytes.
    fn is_finite(&self) -> bool {
        match self.precision {
            Precision::F32 => self.bytes().chunks_exact(4).all(|b| u16::from_le_bytes([b[2], b[3]]) & 0x7f80 != 0x7f80),
            Precision::F16 => self.bytes().chunks_exact(2).all(|b| u16::from_le_bytes([b[0], b[1]]) & 0x7c00 != 0x7c00),
        }
    }
}

impl std::fmt::Debug for Array {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}{:?}", self.precision, self.shape)
    }
}

impl Model {
    /// A model whose configuration and arrays agree: every tensor of the manifest is there with its shape and finite
    /// values, and nothing else is.
    pub fn new(config: Config, arrays: BTreeMap<String, Array>, provenance: BTreeMap<String, String>) -> Result<Model> {
        config.validate()?;
        let manifest = config.manifest();
        for spec in &manifest {
            let needed = || format!("{:?}", spec.shape);
            match arrays.get(&spec.name) {
                None => return Err(Error::Tensor { name: spec.name.clone(), needed: needed(), found: "nothing".into() }),
                Some(array) if array.shape != spec.shape => {
                    return Err(Error::Tensor { name: spec.name.clone(), needed: needed(), found: format!("{:?}", array.shape) });
                }
                Some(array) if !array.is_finite() => {
                    return Err(Error::Tensor { name: spec.name.clone(), needed: "finite values".into(), found: "NaN or infinity".into() });
                }
                Some(_) => {}
            }
        }
        let known: BTreeSet<&str> = manifest.iter().map(|spec| spec.name.as_str()).collect();
        if let Some(name) = arrays.keys().find(|name| !known.contains(name.as_str())) {
            return Err(Error::Tensor {
                name: one_line(name),
                needed: "nothing of that name in this configuration".into(),
                found: format!("{:?}", arrays[name]),
            });
        }
        Ok(Model { config, arrays, provenance })
    }

    /// An array of the manifest. Panics on a name that is not in it: networks ask only for their own tensors.
    #[track_caller]
    pub fn array(&self, name: &str) -> &Array {
        self.arrays.get(name).unwrap_or_else(|| panic!("{name} is not in the manifest"))
    }

    /// Number of parameters: all elements of all tensors but the noise maps.
    pub fn parameters(&self) -> usize {
        self.arrays.iter().filter(|(name, _)| !name.ends_with("noise_const")).map(|(_, array)| array.len()).sum()
    }
}

#[cfg(test)]
mod tests;
