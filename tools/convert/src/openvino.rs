//! MobileStyleGAN as OpenVINO IR: `{MappingNetwork,SynthesisNetwork}.{xml,bin}` in a folder, or inside the wheel that carries them.
//!
//! The XML is a graph of operations, the .bin the values of its constants. Only some constants kept their names, so the network
//! is read backwards from its result, and every operation on the way is checked: a graph that computes something else is refused
//! rather than turned into a model that draws noise.
//! What is recognised stands at the head of openvino/synthesis.rs.

use std::collections::BTreeMap;
use std::path::Path;

use sha2::{Digest, Sha256};
use stylegan_wgpu::internals::networks::mobilestylegan;
use stylegan_wgpu::{Array, Config, Model};

use super::archive;
use super::average_w::average_w;
use super::budget::Budget;
use super::course::Course;
use super::error::{ConvertError, Result};
use super::{TOOL, hex};
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
    if !path.is_dir() {
        let bytes = super::read_file(path, u64::MAX)?;
        return from_wheel(&bytes, path, &mut Course::new(progress));
    }
    let (mapping, synthesis, provenance) = from_folder(path)?;
    convert(&mapping, &synthesis, provenance, progress)
}

/// Reads the wheel of these bytes; only the name of `path` is used.
pub(super) fn from_wheel(bytes: &[u8], path: &Path, course: &mut Course<'_>) -> Result<Model> {
    let budget = Budget::for_file(bytes.len());
    let (mapping, synthesis, provenance) = unpack(bytes, path, &budget)?;
    convert_within(&mapping, &synthesis, provenance, &budget, course)
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
    let files = [&mapping.xml, &mapping.bin, &synthesis.xml, &synthesis.bin];
    let budget = Budget::for_file(files.iter().map(|file| file.len()).sum());
    convert_within(mapping, synthesis, provenance, &budget, &mut Course::new(progress))
}

fn convert_within(
    mapping: &Ir,
    synthesis: &Ir,
    provenance: BTreeMap<String, String>,
    budget: &Budget,
    course: &mut Course<'_>,
) -> Result<Model> {
    let mapping = mapping::read(&Graph::parse("MappingNetwork", &mapping.xml, &mapping.bin, budget)?)?;
    let synthesis = synthesis::read(&Graph::parse("SynthesisNetwork", &synthesis.xml, &synthesis.bin, budget)?)?;
    let config = mobilestylegan::Config {
        z_dim: mapping.z_dim,
        w_dim: mapping.w_dim,
        img_resolution: synthesis.img_resolution,
        num_layers: mapping.layers.len(),
        channels: synthesis.channels,
    };
    config.validate()?;
    let manifest: BTreeMap<String, Vec<usize>> = config.manifest().into_iter().map(|spec| (spec.name, spec.shape)).collect();

    let w_avg = average_w(&mapping.layers, mapping.z_dim, course);
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
        if path.metadata().is_ok_and(|metadata| metadata.len() > limit) {
            let text = format!("{} is larger than {} MiB; a genuine one is not", path.display(), limit >> 20);
            return Err(ConvertError::TooLarge(text));
        }
        super::read_file(&path, limit)
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

fn unpack(bytes: &[u8], path: &Path, budget: &Budget) -> Result<Files> {
    let members = archive::members(bytes)?;
    let read = |name: &str, limit: u64| {
        let mut entries = members.iter().filter(|member| member.name.rsplit('/').next() == Some(name));
        let (Some(entry), None) = (entries.next(), entries.next()) else {
            return Err(ConvertError::unsupported(format!("this archive is not MobileStyleGAN's: it needs exactly one {name}")));
        };
        // Known before it is unpacked, and paid for: weights hardly shrink, so what grows far beyond the file is none.
        budget.memory(usize::try_from(entry.plain).unwrap_or(usize::MAX))?;
        Ok(entry.unpack(bytes, limit)?.into_owned())
    };
    let graph = |name: &str, limit: u64| -> Result<Ir> {
        Ok(Ir { xml: read(&format!("{name}.xml"), XML_LIMIT)?, bin: read(&format!("{name}.bin"), limit)? })
    };
    let (mapping, synthesis) = (graph("MappingNetwork", MAPPING_BIN_LIMIT)?, graph("SynthesisNetwork", BIN_LIMIT)?);
    let sha256 = super::sha256(bytes);
    let format = if sha256 == KNOWN_WHEEL { "OpenVINO IR (random-face 2021.7.21.1)" } else { "OpenVINO IR (wheel)" };
    Ok((mapping, synthesis, provenance(path, format, &sha256)))
}

fn provenance(path: &Path, format: &str, sha256: &str) -> BTreeMap<String, String> {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let licence = "MobileStyleGAN's weights have no clear licence and were distilled from NVIDIA's StyleGAN2-FFHQ (non-commercial): do not \
                   redistribute them; converting them grants no rights.";
    // An IR has no configuration but its graphs.
    let config = r#"{"graphs":["MappingNetwork.xml","SynthesisNetwork.xml"]}"#;
    [
        ("source_format", format),
        ("source_name", &name),
        ("source_config", config),
        ("source_sha256", sha256),
        ("tool_version", TOOL),
        ("licence", licence),
    ]
    .map(|(key, value)| (key.to_owned(), value.to_owned()))
    .into()
}
