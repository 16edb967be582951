//! .safetensors files that are not ours: a state_dict in rosinality's, NVIDIA's or another's names. The header becomes the dict that a
//! pickle would hold, so that everything after it is the same.

use std::collections::HashMap;

use safetensors::{Dtype as Theirs, SafeTensors};
use serde::de::IgnoredAny;

use super::budget::Budget;
use super::dtype::Dtype;
use super::error::{ConvertError, Result};
use super::globals::Global;
use super::torch::Checkpoint;
use super::value::{Data, GlobalName, Id, Object, Pickle, Value};

/// Longest header that is looked at; one of a thousand tensors has 150 kB.
const MOST_HEADER: u64 = 1 << 20;

/// Whether a .safetensors file is one of ours, by its metadata.
pub(crate) fn is_ours(bytes: &[u8]) -> bool {
    // Longer ones are the engine's to refuse, unread.
    if bytes.first_chunk().is_none_or(|length| u64::from_le_bytes(*length) > MOST_HEADER) {
        return true;
    }
    // What cannot be read is ours to refuse: the engine's messages are about files of ours.
    let Ok((_, header)) = SafeTensors::read_metadata(bytes) else { return true };
    let Some(metadata) = header.metadata() else { return false };
    // Others, too, write a config or a version of theirs. Ours names sizes; what has two of the keys is ours to refuse, whatever is in them.
    let known = ["config", "format_version", "provenance"];
    metadata.get("config").is_some_and(|config| has_sizes(config)) || known.iter().filter(|key| metadata.contains_key(**key)).count() >= 2
}

/// Whether a text is JSON with what every configuration of ours has.
fn has_sizes(config: &str) -> bool {
    let fields = serde_json::from_str::<HashMap<String, IgnoredAny>>(config);
    fields.is_ok_and(|fields| ["z_dim", "w_dim"].iter().all(|size| fields.contains_key(*size)))
}

/// The tensors of a file as a state_dict.
pub(crate) fn read<'a>(bytes: &'a [u8], budget: &Budget) -> Result<Checkpoint<'a>> {
    let damaged = |error: safetensors::SafeTensorError| ConvertError::malformed(format!("this .safetensors file: {error}"));
    let (length, header) = SafeTensors::read_metadata(bytes).map_err(damaged)?;
    let start = length + 8;
    // About ten values a tensor, its name twice, and its place.
    budget.memory(header.tensors().iter().map(|(name, info)| 600 + 2 * name.len() + 64 * info.shape.len()).sum())?;
    let mut values = Values(Vec::new());
    let mut entries = Vec::new();
    let mut storages = HashMap::new();
    for (name, info) in header.tensors() {
        let Some(dtype) = dtype(info.dtype) else {
            // Not read, and not out of sight: the error of who needs it names it.
            let (key, kind) =
                (values.text(&name), GlobalName { kind: Global::Opaque, module: "safetensors".into(), name: info.dtype.to_string() });
            let kind = values.add(Value::Global(Box::new(kind)));
            entries.push((key, kind));
            continue;
        };
        let (first, end) = (start + info.data_offsets.0, start + info.data_offsets.1);
        if end > bytes.len() {
            return Err(ConvertError::truncated(format!("tensor {name}"), (end - bytes.len()) as u64));
        }
        let key = values.text(&name);
        let tensor = values.tensor(&name, dtype, (end - first) / dtype.size(), &info.shape);
        entries.push((key, tensor));
        storages.insert(name, first..end);
    }
    let root = values.add(Value::Dict(entries));
    let pickle = Pickle { source: bytes, values: values.0, root, end: bytes.len(), budget: budget.clone() };
    Ok(Checkpoint::of(pickle, bytes, storages))
}

/// The values of the pickle that torch.save would have written.
struct Values(Vec<Value>);

impl Values {
    fn add(&mut self, value: Value) -> Id {
        self.0.push(value);
        self.0.len() as Id - 1
    }

    fn text(&mut self, text: &str) -> Id {
        self.add(Value::Str(Data::Decoded(text.as_bytes().into())))
    }

    fn tuple(&mut self, items: &[Id]) -> Id {
        self.add(Value::Tuple(items.into()))
    }

    fn numbers(&mut self, numbers: &[usize]) -> Id {
        let items: Vec<Id> = numbers.iter().map(|&number| self.add(Value::Int(number as i128))).collect();
        self.tuple(&items)
    }

    fn global(&mut self, kind: Global) -> Id {
        self.add(Value::Global(Box::new(GlobalName { kind, module: String::new(), name: String::new() })))
    }

    /// `_rebuild_tensor_v2(storage, 0, shape, strides)` of a storage that is called as the tensor is.
    fn tensor(&mut self, name: &str, dtype: Dtype, numel: usize, shape: &[usize]) -> Id {
        let mut strides = vec![1usize; shape.len()];
        for axis in (1..shape.len()).rev() {
            strides[axis - 1] = strides[axis].saturating_mul(shape[axis]);
        }
        let (tag, kind, key, place) = (self.text("storage"), self.global(Global::Storage(dtype)), self.text(name), self.text("cpu"));
        let numel = self.add(Value::Int(numel as i128));
        let storage = self.tuple(&[tag, kind, key, place, numel]);
        let storage = self.add(Value::Persistent(storage));
        let (offset, shape, strides) = (self.add(Value::Int(0)), self.numbers(shape), self.numbers(&strides));
        let args = self.tuple(&[storage, offset, shape, strides]);
        let class = self.global(Global::RebuildTensor);
        self.add(Value::Object(Box::new(Object { class, args, state: None, items: Vec::new(), entries: Vec::new() })))
    }
}

/// The type of an element; `None` of one that no weights have.
fn dtype(theirs: Theirs) -> Option<Dtype> {
    Some(match theirs {
        Theirs::F64 => Dtype::F64,
        Theirs::F32 => Dtype::F32,
        Theirs::F16 => Dtype::F16,
        Theirs::BF16 => Dtype::Bf16,
        Theirs::I64 => Dtype::I64,
        Theirs::I32 => Dtype::I32,
        Theirs::I16 => Dtype::I16,
        Theirs::I8 => Dtype::I8,
        Theirs::U8 => Dtype::U8,
        Theirs::BOOL => Dtype::Bool,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use serde_json::{Map, Value, json};
    use stylegan_wgpu::internals::networks::stylegan2;
    use stylegan_wgpu::internals::random_weights::random_weights;
    use stylegan_wgpu::{Config, Model, Precision};

    use super::super::open;
    use super::*;

    /// The bytes of a model's file, with other metadata.
    fn file(model: &Model, path: &Path, metadata: impl FnOnce(&mut Map<String, Value>)) -> Vec<u8> {
        model.save(path, Precision::F32).unwrap();
        let bytes = std::fs::read(path).unwrap();
        let data = 8 + u64::from_le_bytes(*bytes.first_chunk().unwrap()) as usize;
        let mut header: Map<String, Value> = serde_json::from_slice(&bytes[8..data]).unwrap();
        metadata(header["__metadata__"].as_object_mut().unwrap());
        let header = Value::Object(header).to_string();
        [&(header.len() as u64).to_le_bytes(), header.as_bytes(), &bytes[data..]].concat()
    }

    /// Read as a state_dict it would lose its clamp, its multiplier and its filter, and draw another picture.
    #[test]
    fn a_config_is_enough() {
        let config = stylegan2::Config {
            z_dim: 4,
            w_dim: 6,
            img_resolution: 8,
            channel_base: 32,
            channel_max: 4,
            conv_clamp: Some(3.5),
            lr_multiplier: 0.5,
            resample_filter: vec![1.0, 2.0, 1.0],
            ..stylegan2::Config::config_f()
        };
        let model = random_weights(&Config::StyleGan2(config), 3);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.safetensors");
        let bytes = file(&model, &path, |metadata| metadata.retain(|key, _| key == "config"));
        std::fs::write(&path, bytes).unwrap();
        let (opened, loaded) = (open(&path, &mut |_| ()).unwrap(), Model::load(&path).unwrap());
        assert_eq!((&opened.config, &opened.provenance), (&loaded.config, &loaded.provenance));
        assert_eq!(opened.config, model.config);
        for (name, array) in &loaded.arrays {
            assert_eq!(opened.arrays[name].bytes(), array.bytes(), "{name}");
        }

        for (metadata, ours) in [
            (json!({}), false),
            (json!({"format": "pt"}), false),
            (json!({"format_version": "2.0"}), false),
            (json!({"config": "stylegan2-ffhq"}), false),
            (json!({"config": "{\"batch\":4,\"z_dim\":512}", "format": "pt"}), false),
            (json!({"config": "[\"z_dim\",\"w_dim\"]"}), false),
            (json!({"config": "{\"z_dim\":4,\"w_dim\":6}"}), true),
            // Damaged, and refused as such.
            (json!({"config": "{\"z_dim\":4,\"z_dim\":5,\"w_dim\":6}"}), true),
            (json!({"config": "{\"z_dim\":4", "format_version": "1"}), true),
        ] {
            let bytes = file(&model, &path, |old| *old = metadata.as_object().unwrap().clone());
            assert_eq!(is_ours(&bytes), ours, "{metadata}");
        }
    }
}
