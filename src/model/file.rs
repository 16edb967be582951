//! Our file: safetensors whose metadata carries `format_version`, `config` (JSON, which network and its sizes) and
//! `provenance` (JSON, text by key). Everything in it may be wrong: no length is trusted, nothing larger than the file is allocated.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::Arc;

use half::f16;
use safetensors::{Dtype, SafeTensorError, SafeTensors};
use serde_json::{Map, Value, json};

use super::{Array, FORMAT_VERSION, Model, Precision, json as unique};
use crate::atomic_file;
use crate::error::{Error, Result};
use crate::networks::Config;
use crate::regular_file;

/// Longest header that is read: the largest networks need a tenth of it. safetensors itself takes 100 MB, which as JSON is 1.7 GB.
const MOST_HEADER: u64 = 1 << 20;

impl Precision {
    /// The name in the header of a file.
    fn dtype(self) -> &'static str {
        match self {
            Precision::F32 => "F32",
            Precision::F16 => "F16",
        }
    }

    /// Bytes of one element.
    pub fn size(self) -> usize {
        match self {
            Precision::F32 => 4,
            Precision::F16 => 2,
        }
    }
}

impl Model {
    /// Reads a file of ours.
    pub fn load(path: &Path) -> Result<Model> {
        let bytes = regular_file::read(path, u64::MAX)?;
        Model::from_bytes(bytes).map_err(|error| Error::InFile { path: path.into(), error: Box::new(error) })
    }

    /// Reads a model from the bytes of a file of ours; the arrays stay views into them.
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Model> {
        check_header(&bytes)?;
        let (header_length, header) = SafeTensors::read_metadata(&bytes).map_err(|error| Error::Format(explain(&error, &bytes)))?;
        let none = Default::default();
        let metadata = header.metadata().as_ref().unwrap_or(&none);
        if let Some(version) = metadata.get("format_version").filter(|version| *version != FORMAT_VERSION) {
            return Err(Error::Format(format!(
                "format version {} is not one this program reads ({FORMAT_VERSION}); was the file made by a newer one?",
                one_line(version)
            )));
        }
        let config = read_config(metadata.get("config").map(String::as_str))?;
        let provenance: BTreeMap<String, String> = match metadata.get("provenance") {
            None => BTreeMap::new(),
            Some(text) => unique::check(text.as_bytes()).and_then(|()| serde_json::from_str(text)).map_err(|error| {
                let text = one_line(&error.to_string());
                Error::Format(format!("metadata provenance: {text}"))
            })?,
        };

        let data_start = 8 + header_length;
        let bytes = Arc::new(bytes);
        let mut arrays = BTreeMap::new();
        for (name, info) in header.tensors() {
            let precision = match info.dtype {
                Dtype::F32 => Precision::F32,
                Dtype::F16 => Precision::F16,
                other => {
                    return Err(Error::Tensor { name: one_line(&name), needed: "F32 or F16".into(), found: format!("{other:?}") });
                }
            };
            // read_metadata has checked that the shapes fill the offsets and the offsets fill the file.
            let range = data_start + info.data_offsets.0..data_start + info.data_offsets.1;
            arrays.insert(name, Array { shape: info.shape.clone(), precision, bytes: bytes.clone(), range });
        }
        Model::new(config, arrays, provenance)
    }

    /// Writes a file of ours with all floats in `precision`; a failure leaves nothing behind.
    /// The same model gives the same bytes: tensors and metadata are in the order of their names.
    pub fn save(&self, path: &Path, precision: Precision) -> Result<()> {
        self.check_fits(precision)?;
        let header = self.header(precision);
        self.check_readable(&header, precision)?;
        let written = atomic_file::filled(path, |file| self.write(file, &header, precision))?;
        check_written(written.temporary(), &header, self.file_size(precision)).map_err(|source| Error::Io { path: path.into(), source })?;
        written.finish()
    }

    fn write(&self, file: &mut impl Write, header: &str, precision: Precision) -> io::Result<()> {
        file.write_all(&(header.len() as u64).to_le_bytes())?;
        file.write_all(header.as_bytes())?;
        self.arrays.iter().try_for_each(|(name, array)| write_array(file, array, stored(name, precision)))
    }

    /// Refuses what [`Model::save`] would: a value that f16 cannot hold.
    pub fn check_fits(&self, precision: Precision) -> Result<()> {
        for (name, array) in self.arrays.iter().filter(|(name, _)| stored(name, precision) == Precision::F16) {
            if let Some(value) = array.values().find(|value| !f16::from_f32(*value).is_finite()) {
                return Err(Error::Tensor {
                    name: name.clone(),
                    needed: "values f16 can hold (at most 65504); write f32 instead".into(),
                    found: value.to_string(),
                });
            }
        }
        Ok(())
    }

    /// Refuses a file that could not be read again: it has passed all checks of tensors, so what remains is its header.
    fn check_readable(&self, header: &str, precision: Precision) -> Result<()> {
        let bytes = [&(header.len() as u64).to_le_bytes(), header.as_bytes()].concat();
        check_header(&bytes)?;
        let read: Map<String, Value> = serde_json::from_str(header).map_err(|error| Error::Format(error.to_string()))?;
        let config = read_config(read["__metadata__"]["config"].as_str())?;
        match config == self.config && self.file_size(precision) < 1 << 40 {
            true => Ok(()),
            false => Err(Error::Format("the configuration would not come back from the file as it is".into())),
        }
    }

    /// The bytes of the file that [`Model::save`] would write.
    pub fn to_bytes(&self, precision: Precision) -> Result<Vec<u8>> {
        self.check_fits(precision)?;
        let header = self.header(precision);
        self.check_readable(&header, precision)?;
        let mut bytes = Vec::with_capacity(self.file_size(precision) as usize);
        let memory = |source| Error::Io { path: "memory".into(), source };
        self.write(&mut bytes, &header, precision).map_err(memory)?;
        Ok(bytes)
    }

    /// Bytes of the file that [`Model::save`] would write.
    pub fn file_size(&self, precision: Precision) -> u64 {
        let values: usize = self.arrays.iter().map(|(name, array)| array.len() * stored(name, precision).size()).sum();
        (8 + self.header(precision).len() + values) as u64
    }

    /// The JSON header, padded with spaces so that the values start at a multiple of 8.
    fn header(&self, precision: Precision) -> String {
        // Metadata values of safetensors are strings, so JSON goes in as text. Not by way of a `Value`, which is f64 inside and
        // would write an lr_multiplier of 0.01 as 0.009999999776482582.
        let config = serde_json::to_string(&self.config).expect("a configuration is plain data");
        let provenance = serde_json::to_string(&self.provenance).expect("a map of strings is plain data");
        let metadata = json!({ "format_version": FORMAT_VERSION, "config": config, "provenance": provenance });
        let mut header = Map::new();
        header.insert("__metadata__".into(), metadata);
        let mut start = 0;
        for (name, array) in &self.arrays {
            let precision = stored(name, precision);
            let end = start + array.len() * precision.size();
            header.insert(name.clone(), json!({ "dtype": precision.dtype(), "shape": array.shape, "data_offsets": [start, end] }));
            start = end;
        }
        let mut header = Value::Object(header).to_string();
        header.extend(std::iter::repeat_n(' ', header.len().next_multiple_of(8) - header.len()));
        header
    }
}

/// Opens what was written again, before it gets its name: its header is the one meant, and nothing is missing after it.
fn check_written(path: &Path, header: &str, size: u64) -> io::Result<()> {
    let mut file = std::fs::File::open(path)?;
    let mut head = vec![0; 8 + header.len()];
    file.read_exact(&mut head)?;
    let length = file.metadata()?.len();
    match head[8..] == *header.as_bytes() && length == size {
        true => Ok(()),
        false => Err(io::Error::other(format!("what was written did not come back: {length} of {size} bytes; is the disk full?"))),
    }
}

/// The configuration in the metadata.
fn read_config(text: Option<&str>) -> Result<Config> {
    let text = text.ok_or_else(|| Error::Format("a safetensors file, but without a config in its metadata: not a model of ours".into()))?;
    Config::from_json(text).map_err(|error| Error::Format(format!("metadata config: {}", one_line(&error.to_string()))))
}

/// The type of a tensor in a file of that precision. Frequencies and filters of StyleGAN3 are few, and every pixel depends on them: they
/// stay f32.
fn stored(name: &str, precision: Precision) -> Precision {
    let exact = name.starts_with("synthesis.input.") || name.ends_with("_filter") || name.ends_with(".magnitude_ema");
    if exact { Precision::F32 } else { precision }
}

/// Writes the values of one tensor, through a small buffer when they change their type.
fn write_array(file: &mut impl Write, array: &Array, precision: Precision) -> io::Result<()> {
    if array.precision == precision {
        return file.write_all(array.bytes());
    }
    array.values().try_for_each(|value| match precision {
        Precision::F32 => file.write_all(&value.to_le_bytes()),
        Precision::F16 => file.write_all(&f16::from_f32(value).to_le_bytes()),
    })
}

/// Refuses a header that is longer than any of ours, or has a name twice; what else may be wrong with it is found later.
fn check_header(bytes: &[u8]) -> Result<()> {
    let Some(length) = bytes.first_chunk().map(|length| u64::from_le_bytes(*length)) else { return Ok(()) };
    // One beyond the file is told as such.
    let Some(header) = usize::try_from(length).ok().and_then(|length| bytes.get(8..8usize.checked_add(length)?)) else { return Ok(()) };
    if length > MOST_HEADER {
        let text = format!("its header has {length} bytes, ours at most {MOST_HEADER}; it is not a model of ours");
        return Err(Error::Format(text));
    }
    match unique::check(header) {
        Err(error) if error.is_data() => Err(Error::Format(format!("damaged safetensors file ({})", one_line(&error.to_string())))),
        _ => Ok(()),
    }
}

/// What is wrong with a file that is not safetensors, for somebody who does not know the format.
fn explain(error: &SafeTensorError, bytes: &[u8]) -> String {
    let length = bytes.len();
    if let Some(missing) = missing(bytes) {
        return format!("truncated: {missing} bytes are missing after the {length} that are there; download it again");
    }
    match error {
        SafeTensorError::HeaderTooSmall | SafeTensorError::InvalidHeaderLength | SafeTensorError::MetadataIncompleteBuffer => {
            format!("truncated, or not a safetensors file ({length} bytes; {error})")
        }
        SafeTensorError::HeaderTooLarge | SafeTensorError::InvalidHeader(_) | SafeTensorError::InvalidHeaderDeserialization(_) => {
            format!("not a safetensors file ({})", one_line(&error.to_string()))
        }
        other => format!("damaged safetensors file ({})", one_line(&other.to_string())),
    }
}

/// Bytes missing at the end, when there is a whole header to tell.
fn missing(bytes: &[u8]) -> Option<u64> {
    let data = u64::from_le_bytes(*bytes.first_chunk()?).checked_add(8)?;
    let header: Map<String, Value> = serde_json::from_slice(bytes.get(8..usize::try_from(data).ok()?)?).ok()?;
    let end = header.values().filter_map(|info| info.get("data_offsets")?.get(1)?.as_u64()).max()?;
    // No network has a tebibyte: that offset is damaged itself.
    data.checked_add(end)?.checked_sub(bytes.len() as u64).filter(|missing| (1..1 << 40).contains(missing))
}

/// Text out of a file made fit for one line of an error: no control characters, not endless.
pub(super) fn one_line(text: &str) -> String {
    crate::text::line(text, 200)
}
