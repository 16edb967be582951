//! MobileStyleGAN as OpenVINO IR: `{MappingNetwork,SynthesisNetwork}.{xml,bin}` in a folder, or inside the wheel that carries them.
//!
//! The XML is a graph of operations, the .bin the values of its constants. Only some constants kept their names, so the network
//! is read backwards from its result, and every operation on the way is checked: a graph that computes something else is refused
//! rather than turned into a model that draws noise.
//! What is recognised stands at the head of openvino/synthesis.rs.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek};
use std::path::Path;

use sha2::{Digest, Sha256};
use stylegan_wgpu::model::{Array, Model};
use stylegan_wgpu::networks::{Config, mobilestylegan};

use super::average_w::average_w;
use super::error::{ConvertError, Result};
use ir::{Graph, Tensor};

mod ir;
mod mapping;
mod synthesis;

/// A genuine graph has 0.4 MB of XML.
const XML_LIMIT: u64 = 8 << 20;
/// A genuine synthesis network has 32 MB of values; at 2048 with the noise maps of every layer it stays below 100.
const BIN_LIMIT: u64 = 512 << 20;
/// A genuine mapping network has 8.4 MB; each of them costs a 10,000-fold work for w_avg.
const MAPPING_BIN_LIMIT: u64 = 64 << 20;
/// The wheel this was written for, random-face 2021.7.21.1.
const KNOWN_WHEEL: &str = "e5d10e2be7df63f06123855ec591ca35dcb1d059eba47ddcb175d7d26b4019b5";

/// Reads a MobileStyleGAN from a folder with the four files (or with an unpacked wheel), or from the wheel itself.
///
/// `w_avg` is not in the files: it is computed, as the mean of the mapping network over 10,000 latents, which takes some seconds.
/// `progress` is told the fraction done meanwhile, from 0 to 1.
pub fn open(path: &Path, progress: &mut dyn FnMut(f32)) -> Result<Model> {
    let (mapping, synthesis, provenance) = if path.is_dir() { from_folder(path)? } else { from_wheel(path)? };
    convert(&mapping, &synthesis, provenance, progress)
}

/// The two files of a graph.
pub struct Ir {
    /// The operations.
    pub xml: Vec<u8>,
    /// The constants' values.
    pub bin: Vec<u8>,
}

/// Converts what [`open`] has read, for applications whose files are not in a file system.
pub fn convert(mapping: &Ir, synthesis: &Ir, provenance: BTreeMap<String, String>, progress: &mut dyn FnMut(f32)) -> Result<Model> {
    let mapping = mapping::read(&Graph::parse("MappingNetwork", &mapping.xml, &mapping.bin)?)?;
    let synthesis = synthesis::read(&Graph::parse("SynthesisNetwork", &synthesis.xml, &synthesis.bin)?)?;
    let config = mobilestylegan::Config {
        z_dim: mapping.z_dim,
        w_dim: mapping.w_dim,
        img_resolution: synthesis.img_resolution,
        num_layers: mapping.layers.len(),
        channels: synthesis.channels,
    };
    config.validate()?;
    let manifest: BTreeMap<String, Vec<usize>> = config.manifest().into_iter().map(|spec| (spec.name, spec.shape)).collect();

    let w_avg = average_w(&mapping.layers, mapping.z_dim, progress);
    let mut tensors = synthesis.tensors;
    tensors.push(("mapping.w_avg".into(), Tensor { shape: vec![w_avg.len()], values: w_avg }));
    for (i, dense) in mapping.layers.into_iter().enumerate() {
        tensors.push((format!("mapping.fc{i}.weight"), Tensor { shape: vec![dense.outputs(), dense.inputs], values: dense.weight }));
        tensors.push((format!("mapping.fc{i}.bias"), Tensor { shape: vec![dense.bias.len()], values: dense.bias }));
    }
    let mut arrays = BTreeMap::new();
    for (name, tensor) in tensors {
        let shape = manifest.get(&name).unwrap_or(&tensor.shape);
        // The IR pads shapes with ones (a bias is [1,C,1,1]); what remains without them must agree.
        let real = |shape: &[usize]| shape.iter().copied().filter(|&size| size != 1).collect::<Vec<_>>();
        if real(shape) != real(&tensor.shape) {
            return Err(ConvertError::tensor(name, format!("{shape:?}"), format!("{:?}", tensor.shape)));
        }
        arrays.insert(name, Array::from_f32(shape, &tensor.values));
    }
    Ok(Model::new(Config::MobileStyleGan(config), arrays, provenance)?)
}

type Files = (Ir, Ir, BTreeMap<String, String>);

fn from_folder(path: &Path) -> Result<Files> {
    let inner = path.join("random_face").join("data");
    let folder = if !path.join("SynthesisNetwork.xml").is_file() && inner.is_dir() { &inner } else { path };
    let read = |name: String, limit: u64| {
        let path = folder.join(name);
        let file = File::open(&path).map_err(|source| ConvertError::Io { path: path.clone(), source })?;
        read_bounded(file, limit, &path.display().to_string())?.map_err(|source| ConvertError::Io { path, source })
    };
    let graph = |name: &str, limit: u64| -> Result<Ir> {
        Ok(Ir { xml: read(format!("{name}.xml"), XML_LIMIT)?, bin: read(format!("{name}.bin"), limit)? })
    };
    let (mapping, synthesis) = (graph("MappingNetwork", MAPPING_BIN_LIMIT)?, graph("SynthesisNetwork", BIN_LIMIT)?);
    // Of the four files one after the other.
    let mut sha256 = Sha256::new();
    [&mapping.xml, &mapping.bin, &synthesis.xml, &synthesis.bin].into_iter().for_each(|file| sha256.update(file));
    let sha256 = hex(&sha256.finalize());
    Ok((mapping, synthesis, provenance(path, "OpenVINO IR (folder)", &sha256)))
}

fn from_wheel(path: &Path) -> Result<Files> {
    let io = |source| ConvertError::Io { path: path.into(), source };
    let mut file = File::open(path).map_err(io)?;
    let mut sha256 = Sha256::new();
    let mut chunk = vec![0; 1 << 16];
    loop {
        match file.read(&mut chunk).map_err(io)? {
            0 => break,
            n => sha256.update(&chunk[..n]),
        }
    }
    let sha256 = hex(&sha256.finalize());
    file.rewind().map_err(io)?;
    let mut archive = zip::ZipArchive::new(file).map_err(|error| ConvertError::malformed(format!("the archive: {error}")))?;
    let names: Vec<String> = archive.file_names().filter_map(|name| Some(name.ok()?.into_owned())).collect();
    let mut read = |name: &str, limit: u64| {
        let mut entries = names.iter().filter(|entry| entry.rsplit('/').next() == Some(name));
        let (Some(entry), None) = (entries.next(), entries.next()) else {
            return Err(ConvertError::unsupported(format!("this archive is not MobileStyleGAN's: it needs exactly one {name}")));
        };
        let damaged = |error: String| ConvertError::malformed(format!("{entry} in the archive: {error}"));
        let file = archive.by_name(entry).map_err(|error| damaged(error.to_string()))?;
        // Whatever size the archive declares: no more than the limit is ever unpacked.
        read_bounded(file, limit, entry)?.map_err(|error| damaged(error.to_string()))
    };
    let mut graph = |name: &str, limit: u64| -> Result<Ir> {
        Ok(Ir { xml: read(&format!("{name}.xml"), XML_LIMIT)?, bin: read(&format!("{name}.bin"), limit)? })
    };
    let (mapping, synthesis) = (graph("MappingNetwork", MAPPING_BIN_LIMIT)?, graph("SynthesisNetwork", BIN_LIMIT)?);
    let format = if sha256 == KNOWN_WHEEL { "OpenVINO IR (random-face 2021.7.21.1)" } else { "OpenVINO IR (wheel)" };
    Ok((mapping, synthesis, provenance(path, format, &sha256)))
}

fn provenance(path: &Path, format: &str, sha256: &str) -> BTreeMap<String, String> {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let licence = "MobileStyleGAN's weights have no clear licence and were distilled from NVIDIA's StyleGAN2-FFHQ (non-commercial): do not \
                   redistribute them; converting them grants no rights.";
    let tool = concat!("stylegan-tools ", env!("CARGO_PKG_VERSION"));
    // An IR has no configuration but its graphs.
    let config = r#"{"graphs":["MappingNetwork.xml","SynthesisNetwork.xml"]}"#;
    [
        ("source_format", format),
        ("source_name", &name),
        ("source_config", config),
        ("source_sha256", sha256),
        ("tool_version", tool),
        ("licence", licence),
    ]
    .map(|(key, value)| (key.to_owned(), value.to_owned()))
    .into()
}

/// Everything up to `limit` bytes; the outer error is a file that goes on.
fn read_bounded(file: impl Read, limit: u64, name: &str) -> Result<std::io::Result<Vec<u8>>> {
    let mut bytes = Vec::new();
    if let Err(error) = file.take(limit + 1).read_to_end(&mut bytes) {
        return Ok(Err(error));
    }
    if bytes.len() as u64 > limit {
        return Err(ConvertError::TooLarge(format!("{name} is larger than {} MiB; a genuine one is not", limit >> 20)));
    }
    Ok(Ok(bytes))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
