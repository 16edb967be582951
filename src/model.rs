//! A network as it lies in a file: a configuration and named arrays. Our file format is safetensors
//! whose metadata carries `format_version`, `config` (JSON) and where the weights came from.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use half::f16;
use safetensors::{Dtype, SafeTensors};

use crate::error::{Error, Result};
use crate::networks::Config;

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
    bytes: Arc<[u8]>,
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
        let bytes: Arc<[u8]> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        Array { shape: shape.to_vec(), precision: Precision::F32, range: 0..bytes.len(), bytes }
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

    /// The values, widened to f32 when they are stored as f16.
    pub fn to_f32(&self) -> Vec<f32> {
        match self.precision {
            Precision::F32 => self.bytes().chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect(),
            Precision::F16 => self.bytes().chunks_exact(2).map(|b| f16::from_le_bytes([b[0], b[1]]).to_f32()).collect(),
        }
    }

    /// The same values in another element type (f32 to f16 rounds to nearest even).
    pub fn cast(&self, precision: Precision) -> Array {
        if precision == self.precision {
            return self.clone();
        }
        let values = self.to_f32();
        match precision {
            Precision::F32 => Array::from_f32(&self.shape, &values),
            Precision::F16 => {
                let bytes: Arc<[u8]> = values.iter().flat_map(|&value| f16::from_f32(value).to_le_bytes()).collect();
                Array { shape: self.shape.clone(), precision, range: 0..bytes.len(), bytes }
            }
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
                Some(array) if !array.to_f32().iter().all(|value| value.is_finite()) => {
                    return Err(Error::Tensor { name: spec.name.clone(), needed: "finite values".into(), found: "NaN or infinity".into() });
                }
                Some(_) => {}
            }
        }
        let known: std::collections::BTreeSet<&str> = manifest.iter().map(|spec| spec.name.as_str()).collect();
        if let Some(name) = arrays.keys().find(|name| !known.contains(name.as_str())) {
            return Err(Error::Tensor { name: name.clone(), needed: "no such tensor in this configuration".into(), found: "it".into() });
        }
        Ok(Model { config, arrays, provenance })
    }

    /// Reads a file of ours.
    pub fn load(path: &Path) -> Result<Model> {
        let bytes = std::fs::read(path).map_err(|source| Error::Io { path: path.into(), source })?;
        Model::from_bytes(bytes).map_err(|error| match error {
            Error::Format(text) => Error::Format(format!("{}: {text}", path.display())),
            other => other,
        })
    }

    /// Reads a model from the bytes of a file of ours; the arrays stay views into them.
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Model> {
        let _ = bytes;
        unimplemented!("written by the file-format work")
    }

    /// Writes a file of ours with all floats in `precision`; a failure leaves nothing behind.
    pub fn save(&self, path: &Path, precision: Precision) -> Result<()> {
        let _ = (path, precision, SafeTensors::deserialize as fn(&[u8]) -> _, Dtype::F32);
        unimplemented!("written by the file-format work")
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
