//! Torch tensors in a checkpoint: storages (nested legacy streams, a legacy file, a zip archive) seen through
//! (offset, size, stride) and widened to contiguous f32.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;

use half::{bf16, f16};

use super::archive::Member;
use super::budget::Budget;
use super::error::{ConvertError, Result};
use super::globals::Global;
use super::value::{Id, Pickle, Value};
use super::{numpy, pickle};
use crate::strided;

/// The first pickle of a legacy stream is this number.
pub(crate) const MAGIC: i128 = 0x1950_a86a_20f9_469c_fc6c;

/// What a storage costs beside its name, in a map that grows.
const STORAGE: usize = 96;

/// Element type of a storage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dtype {
    F64,
    F32,
    F16,
    Bf16,
    I64,
    I32,
    I16,
    I8,
    U64,
    U32,
    U16,
    U8,
    Bool,
}

impl Dtype {
    /// By torch's name of the type or (in lower case) of its storage.
    pub(crate) fn from_name(name: &str) -> Option<Dtype> {
        Some(match name {
            "float64" | "double" => Dtype::F64,
            "float32" | "float" => Dtype::F32,
            "float16" | "half" => Dtype::F16,
            "bfloat16" => Dtype::Bf16,
            "int64" | "long" => Dtype::I64,
            "int32" | "int" => Dtype::I32,
            "int16" | "short" => Dtype::I16,
            "int8" | "char" => Dtype::I8,
            "uint64" => Dtype::U64,
            "uint32" => Dtype::U32,
            "uint16" => Dtype::U16,
            "uint8" | "byte" => Dtype::U8,
            "bool" => Dtype::Bool,
            _ => return None,
        })
    }

    pub(crate) fn size(self) -> usize {
        match self {
            Dtype::F64 | Dtype::I64 | Dtype::U64 => 8,
            Dtype::F32 | Dtype::I32 | Dtype::U32 => 4,
            Dtype::F16 | Dtype::Bf16 | Dtype::I16 | Dtype::U16 => 2,
            Dtype::I8 | Dtype::U8 | Dtype::Bool => 1,
        }
    }

    /// Refuses what weights are not made of; a single number may be a whole one.
    pub(crate) fn refuse_integers(self, name: &str, shape: &[usize]) -> Result<()> {
        match self {
            Dtype::F64 | Dtype::F32 | Dtype::F16 | Dtype::Bf16 => Ok(()),
            _ if shape.is_empty() => Ok(()),
            _ => Err(ConvertError::tensor(name, "floats", format!("{self:?} of shape {shape:?}"))),
        }
    }

    /// One little-endian element as f32.
    fn widen(self, bytes: &[u8]) -> f32 {
        let wide = || {
            let mut wide = [0; 8];
            wide[..bytes.len()].copy_from_slice(bytes);
            u64::from_le_bytes(wide)
        };
        match self {
            Dtype::F64 => f64::from_bits(wide()) as f32,
            Dtype::F32 => f32::from_bits(wide() as u32),
            Dtype::F16 => f16::from_bits(wide() as u16).to_f32(),
            Dtype::Bf16 => bf16::from_bits(wide() as u16).to_f32(),
            Dtype::I64 => wide() as i64 as f32,
            Dtype::I32 => wide() as i32 as f32,
            Dtype::I16 => f32::from(wide() as i16),
            Dtype::I8 => f32::from(wide() as i8),
            Dtype::U64 => wide() as f32,
            Dtype::U32 => wide() as u32 as f32,
            Dtype::U16 => f32::from(wide() as u16),
            Dtype::U8 => f32::from(wide() as u8),
            Dtype::Bool => f32::from(u8::from(wide() != 0)),
        }
    }

    /// A run of elements as f32.
    pub(crate) fn widen_all(self, bytes: &[u8]) -> Vec<f32> {
        match self {
            // The usual one, in a form the compiler vectorises.
            Dtype::F32 => bytes.as_chunks().0.iter().map(|&b| f32::from_le_bytes(b)).collect(),
            _ => bytes.chunks_exact(self.size()).map(|b| self.widen(b)).collect(),
        }
    }
}

/// A tensor, contiguous.
#[derive(Clone, Debug)]
pub(crate) struct Tensor {
    pub(crate) shape: Vec<usize>,
    pub(crate) values: Vec<f32>,
}

/// A pickle and the storages its tensors are in.
#[derive(Debug)]
pub(crate) struct Checkpoint<'a> {
    pub(crate) pickle: Pickle<'a>,
    /// Where the storages of persistent ids lie in the file.
    file: &'a [u8],
    storages: HashMap<String, Range<usize>>,
}

/// Where a tensor's values are.
enum Source {
    Torch(View),
    Numpy(Id),
}

/// A tensor before its data are touched.
struct View {
    storage: Id,
    /// Where `_rebuild_tensor_v3` says it, over an untyped storage.
    dtype: Option<Dtype>,
    offset: usize,
    shape: Vec<usize>,
    strides: Vec<usize>,
    /// Its values have the other sign: torch negates lazily, and saves it so.
    negative: bool,
}

/// Lists in lists that may be one array.
const MOST_SIDES: usize = 6;

impl<'a> Checkpoint<'a> {
    /// A pickle and the storages it names.
    pub(crate) fn of(pickle: Pickle<'a>, file: &'a [u8], storages: HashMap<String, Range<usize>>) -> Checkpoint<'a> {
        Checkpoint { pickle, file, storages }
    }

    /// Whether the pickle speaks of storages and there are none: it was taken out of its archive.
    pub(crate) fn lacks_storages(&self) -> bool {
        self.storages.is_empty() && self.pickle.values.iter().any(|value| matches!(value, Value::Persistent(_)))
    }

    /// A plain pickle, whose tensors carry their own nested streams.
    pub(crate) fn plain(pickle: Pickle<'a>) -> Checkpoint<'a> {
        let file = pickle.source;
        Checkpoint { pickle, file, storages: HashMap::new() }
    }

    /// A legacy file: pickles of the magic number, the protocol, the writer's system and the object, then the storages.
    pub(crate) fn legacy(file: &'a [u8], budget: &Budget) -> Result<Checkpoint<'a>> {
        let mut at = 0;
        let mut next = || -> Result<Pickle<'a>> {
            let pickle = pickle::parse(&file[at..], budget)?;
            at += pickle.end;
            Ok(pickle)
        };
        let (magic, protocol, system) = (next()?, next()?, next()?);
        if magic.int(magic.root) != Some(MAGIC) || protocol.int(protocol.root) != Some(1001) {
            return Err(ConvertError::malformed("this is no torch stream of protocol 1001"));
        }
        if system.get(system.root, "little_endian").is_some_and(|id| matches!(system.value(id), Value::Bool(false))) {
            return Err(ConvertError::unsupported("a torch file written on a big-endian machine; save it again on a usual one"));
        }
        let (pickle, keys) = (next()?, next()?);
        let mut known = HashMap::new();
        for value in &pickle.values {
            if let Value::Persistent(id) = value {
                let reference = Reference::read(&pickle, *id)?;
                budget.memory(reference.key.len() + STORAGE)?;
                known.insert(reference.key.into_owned(), (reference.dtype, reference.numel));
            }
        }
        let listed = keys.items(keys.root).unwrap_or(&[]);
        if listed.len() > known.len() {
            return Err(ConvertError::malformed("more storages are listed than are used"));
        }
        // The same name may be listed any number of times.
        budget.memory(listed.iter().filter_map(|&key| keys.name(key)).map(|key| 2 * (key.len() + STORAGE)).sum())?;
        let keys: Vec<String> = listed.iter().filter_map(|&key| keys.name(key).map(Cow::into_owned)).collect();
        // What the file ought to have from here: lets a download that stopped early be told to the byte.
        let whole = keys
            .iter()
            .filter_map(|key| known.get(key))
            .fold(at, |sum, (dtype, numel)| sum.saturating_add(8).saturating_add(numel.saturating_mul(dtype.size())));
        let mut storages = HashMap::new();
        for key in keys {
            let &(dtype, _) = known.get(&key).ok_or_else(|| ConvertError::malformed(format!("storage {key} is listed but never used")))?;
            let missing = || ConvertError::truncated(format!("storage {key}"), (whole > file.len()).then(|| (whole - file.len()) as u64));
            let numel: [u8; 8] = file.get(at..at + 8).and_then(|bytes| bytes.try_into().ok()).ok_or_else(missing)?;
            let bytes = usize::try_from(u64::from_le_bytes(numel)).ok().and_then(|numel| numel.checked_mul(dtype.size()));
            let end = bytes.and_then(|bytes| bytes.checked_add(at + 8)).filter(|&end| end <= file.len()).ok_or_else(missing)?;
            storages.insert(key, at + 8..end);
            at = end;
        }
        Ok(Checkpoint { pickle, file, storages })
    }

    /// A zip archive: */data.pkl and */data/N.
    pub(crate) fn zip(file: &'a [u8], members: &[Member<'a>], budget: &Budget) -> Result<Checkpoint<'a>> {
        let Some(object) = members.iter().find(|member| member.name.ends_with("/data.pkl") || member.name == "data.pkl") else {
            return Err(ConvertError::Unrecognised("a zip archive without a data.pkl; it is no PyTorch checkpoint".into()));
        };
        let folder = &object.name[..object.name.len() - "data.pkl".len()];
        let mut storages = HashMap::new();
        for member in members {
            let Some(name) = member.name.strip_prefix(folder) else { continue };
            if name == "byteorder" && member.stored && file[member.range.clone()].starts_with(b"big") {
                return Err(ConvertError::unsupported("a torch file written on a big-endian machine; save it again on a usual one"));
            }
            let key = name.strip_prefix("data/");
            if !member.stored && (key.is_some() || name == "data.pkl") {
                return Err(ConvertError::unsupported(
                    "a compressed zip archive; torch.save writes uncompressed ones: unpack it and zip it with `zip -0`",
                ));
            }
            if let Some(key) = key {
                storages.insert(key.to_owned(), member.range.clone());
            }
        }
        let pickle = pickle::parse(&file[object.range.clone()], budget)?;
        Ok(Checkpoint { pickle, file, storages })
    }

    /// Whether `id` is a tensor, or a NumPy array in the place of one.
    pub(crate) fn is_tensor(&self, id: Id) -> bool {
        self.is_torch(id) || self.is_numpy(id)
    }

    fn is_torch(&self, id: Id) -> bool {
        use Global::{RebuildDeviceTensor, RebuildFromType, RebuildParameter, RebuildTensor, RebuildTensorV3};
        let call = self.pickle.call(id);
        matches!(call, Some((RebuildTensor | RebuildTensorV3 | RebuildParameter | RebuildFromType | RebuildDeviceTensor, _)))
    }

    fn is_numpy(&self, id: Id) -> bool {
        matches!(self.pickle.call(id), Some((Global::NumpyReconstruct | Global::NumpyFromBuffer | Global::NumpyScalar, _)))
    }

    /// The shape of a tensor, without touching its data.
    pub(crate) fn shape(&self, id: Id) -> Option<Vec<usize>> {
        match self.resolve(id)? {
            Source::Torch(view) => Some(view.shape),
            Source::Numpy(id) => numpy::shape(&self.pickle, id),
        }
    }

    /// The values of a tensor of floats; `name` is for errors. A single number may be a whole one.
    pub(crate) fn tensor(&self, name: &str, id: Id) -> Result<Tensor> {
        self.read(name, id, true)
    }

    /// The values of a tensor, an array, or numbers, arrays and tensors in lists, of any type. A dict or a list of one is what it holds.
    pub(crate) fn numbers(&self, name: &str, id: Id) -> Result<Tensor> {
        self.numbers_in(name, id, MOST_SIDES)
    }

    fn numbers_in(&self, name: &str, id: Id, sides: usize) -> Result<Tensor> {
        self.pickle.budget.work(1)?;
        if self.is_tensor(id) {
            return self.read(name, id, false);
        }
        let other = || ConvertError::tensor(name, "numbers", self.describe(id));
        let sides = sides.checked_sub(1).ok_or_else(other)?;
        if let Some(value) = numpy::number(&self.pickle, id) {
            return Ok(Tensor { shape: Vec::new(), values: vec![value as f32] });
        }
        if let Some(&[(_, only)]) = self.pickle.entries(id).as_deref() {
            return self.numbers_in(name, only, sides);
        }
        let items = self.pickle.items(id).ok_or_else(other)?;
        self.pickle.budget.elements(name, &[items.len()])?;
        let parts = items.iter().map(|&item| self.numbers_in(name, item, sides)).collect::<Result<Vec<_>>>()?;
        let first = parts.first().ok_or_else(other)?.shape.clone();
        if parts.iter().any(|part| part.shape != first) {
            return Err(ConvertError::tensor(name, "parts of one shape", self.describe(id)));
        }
        let shape = [vec![parts.len()], first].concat();
        Ok(Tensor { shape, values: parts.into_iter().flat_map(|part| part.values).collect() })
    }

    /// Whether a value is a number beside weights and none of them: a whole one without sides, or NumPy's, which no parameter is.
    pub(crate) fn is_setting(&self, id: Id) -> bool {
        let is_one = |shape: &[usize]| shape.iter().all(|&side| side == 1);
        match self.resolve(id) {
            Some(Source::Numpy(id)) => matches!(self.pickle.call(id), Some((Global::NumpyScalar, _))),
            Some(Source::Torch(view)) if is_one(&view.shape) => {
                let dtype = view.dtype.or_else(|| match self.pickle.value(view.storage) {
                    Value::Persistent(reference) => Reference::read(&self.pickle, *reference).ok().map(|reference| reference.dtype),
                    _ => self.storage("", view.storage).ok().map(|(dtype, _)| dtype),
                });
                dtype.is_some_and(|dtype| !matches!(dtype, Dtype::F64 | Dtype::F32 | Dtype::F16 | Dtype::Bf16))
            }
            _ => false,
        }
    }

    /// Whether two tensors are one, or copies: of one shape, with the same bytes.
    pub(crate) fn same(&self, a: Id, b: Id) -> Result<bool> {
        if a == b {
            return Ok(true);
        }
        match (self.resolve(a), self.resolve(b)) {
            (Some(Source::Torch(x)), Some(Source::Torch(y))) => self.same_view(&x, &y),
            (Some(Source::Numpy(x)), Some(Source::Numpy(y))) => numpy::same(&self.pickle, x, y),
            _ => Ok(false),
        }
    }

    fn same_view(&self, x: &View, y: &View) -> Result<bool> {
        if (&x.shape, x.negative) != (&y.shape, y.negative) {
            return Ok(false);
        }
        if (x.dtype, x.offset, &x.strides) == (y.dtype, y.offset, &y.strides) && self.same_storage(x.storage, y.storage) {
            return Ok(true);
        }
        let count = x.shape.iter().try_fold(1usize, |count, &side| count.checked_mul(side));
        let Some(count) = count.filter(|_| x.is_contiguous() && y.is_contiguous()) else { return Ok(false) };
        let ((dtype, x_bytes), (other, y_bytes)) = match (self.storage("", x.storage), self.storage("", y.storage)) {
            (Ok(x), Ok(y)) => (x, y),
            (Err(error @ ConvertError::TooLarge(_)), _) | (_, Err(error @ ConvertError::TooLarge(_))) => return Err(error),
            // What cannot be read is no copy.
            _ => return Ok(false),
        };
        let dtype = x.dtype.unwrap_or(dtype);
        if dtype != y.dtype.unwrap_or(other) {
            return Ok(false);
        }
        let part = |view: &View, bytes: &'_ [u8]| {
            let (start, length) = (view.offset.checked_mul(dtype.size())?, count.checked_mul(dtype.size())?);
            Some(start..start.checked_add(length)?).filter(|range| range.end <= bytes.len())
        };
        let (Some(x), Some(y)) = (part(x, &x_bytes), part(y, &y_bytes)) else { return Ok(false) };
        self.pickle.budget.work(x.len())?;
        Ok(x_bytes[x] == y_bytes[y])
    }

    /// Whether two storages are one: the same value of the pickle, or persistent ids that say the same.
    fn same_storage(&self, a: Id, b: Id) -> bool {
        let reference = |id| match self.pickle.value(id) {
            Value::Persistent(id) => Reference::read(&self.pickle, *id).ok(),
            _ => None,
        };
        a == b || matches!((reference(a), reference(b)), (Some(a), Some(b)) if a == b)
    }

    /// What a value is, for an error.
    pub(crate) fn describe(&self, id: Id) -> String {
        let dtype = |args: &[Id]| self.pickle.global(*args.get(6)?).map(|(_, name)| format!("a tensor of {name}, which is not read"));
        let unread = match self.pickle.call(id) {
            Some((Global::RebuildTensorV3, args)) if self.resolve(id).is_none() => dtype(args),
            _ => self.resolve(id).is_some().then(|| self.shape(id).map(|shape| format!("a tensor of shape {shape:?}"))).flatten(),
        };
        unread.unwrap_or_else(|| self.pickle.describe(id))
    }

    fn read(&self, name: &str, id: Id, only_floats: bool) -> Result<Tensor> {
        let view = match self.resolve(id) {
            Some(Source::Numpy(id)) if only_floats => return numpy::array(&self.pickle, name, id),
            Some(Source::Numpy(id)) => return numpy::numbers(&self.pickle, name, id),
            Some(Source::Torch(view)) => Some(view),
            None => None,
        };
        let view = view.ok_or_else(|| ConvertError::tensor(name, "a tensor", self.describe(id)))?;
        let (dtype, bytes) = self.storage(name, view.storage)?;
        let dtype = view.dtype.unwrap_or(dtype);
        if only_floats {
            dtype.refuse_integers(name, &view.shape)?;
        }
        let count = self.pickle.budget.elements(name, &view.shape)?;
        let available = bytes.len() / dtype.size();
        let outside = || {
            let needed = format!("elements {} and on, of size {:?} and stride {:?}", view.offset, view.shape, view.strides);
            ConvertError::tensor(name, needed, format!("a storage of {available}"))
        };
        if count == 0 {
            return Ok(Tensor { shape: view.shape, values: Vec::new() });
        }
        let last = view
            .shape
            .iter()
            .zip(&view.strides)
            .try_fold(view.offset, |last, (&side, &stride)| last.checked_add((side - 1).checked_mul(stride)?));
        if last.is_none_or(|last| last >= available) {
            return Err(outside());
        }
        let mut values: Vec<f32> = match view.is_contiguous() {
            true => dtype.widen_all(&bytes[view.offset * dtype.size()..][..count * dtype.size()]),
            false => strided::indices(&view.shape, &view.strides)
                .map(|index| dtype.widen(&bytes[(view.offset + index) * dtype.size()..][..dtype.size()]))
                .collect(),
        };
        if view.negative {
            values.iter_mut().for_each(|value| *value = -*value);
        }
        Ok(Tensor { shape: view.shape, values })
    }

    /// What a tensor is made of, through what is wrapped around it.
    fn resolve(&self, id: Id) -> Option<Source> {
        let pickle = &self.pickle;
        let (mut kind, mut args) = pickle.call(id)?;
        let mut id = id;
        // A parameter with attributes of a tensor of another device; a cycle of them would be longer.
        for _ in 0..4 {
            match (kind, args) {
                (Global::NumpyReconstruct | Global::NumpyFromBuffer | Global::NumpyScalar, _) => return Some(Source::Numpy(id)),
                (Global::RebuildParameter | Global::RebuildDeviceTensor, &[tensor, ..]) => {
                    id = tensor;
                    (kind, args) = pickle.call(id)?;
                }
                // (function, type, arguments, state)
                (Global::RebuildFromType, &[function, _, arguments, ..]) => {
                    (kind, args) = (pickle.kind(function)?, pickle.items(arguments)?);
                }
                (Global::RebuildTensor | Global::RebuildTensorV3, &[storage, offset, size, stride, ..]) => {
                    let dtype = match (kind, args.get(6)) {
                        (Global::RebuildTensorV3, Some(&dtype)) => match pickle.kind(dtype)? {
                            Global::TorchDtype(dtype) => Some(dtype),
                            _ => return None,
                        },
                        _ => None,
                    };
                    // The last argument of version 2 says what torch has put off.
                    let put_off = args.get(6).filter(|_| kind == Global::RebuildTensor).and_then(|&metadata| pickle.get(metadata, "neg"));
                    let negative = put_off.is_some_and(|neg| pickle.int(neg) == Some(1));
                    let (shape, strides) = (pickle.sides(size)?, pickle.sides(stride)?);
                    let view = View { storage, dtype, offset: pickle.usize(offset)?, shape, strides, negative };
                    return (view.shape.len() == view.strides.len() && view.shape.len() <= 8).then_some(Source::Torch(view));
                }
                _ => return None,
            }
        }
        None
    }

    /// Element type and bytes of a storage.
    fn storage(&self, name: &str, id: Id) -> Result<(Dtype, Cow<'_, [u8]>)> {
        match self.pickle.value(id) {
            Value::Persistent(id) => {
                let reference = Reference::read(&self.pickle, *id)?;
                let range = self.storages.get(reference.key.as_ref());
                let range =
                    range.ok_or_else(|| ConvertError::tensor(name, format!("storage {}", reference.key), "no such storage in the file"))?;
                let bytes = reference
                    .slice(&self.file[range.clone()])
                    .ok_or_else(|| ConvertError::malformed(format!("the storage of tensor {name} is not as long as its reference says")))?;
                Ok((reference.dtype, Cow::Borrowed(bytes)))
            }
            _ => match self.pickle.call(id) {
                Some((Global::LoadFromBytes, &[stream])) => {
                    let stream =
                        self.pickle.bytes(stream).ok_or_else(|| ConvertError::tensor(name, "bytes", self.pickle.describe(stream)))?;
                    let (dtype, range) = nested(&stream, &self.pickle.budget)?;
                    Ok((
                        dtype,
                        match stream {
                            Cow::Borrowed(bytes) => Cow::Borrowed(&bytes[range]),
                            Cow::Owned(mut bytes) => {
                                bytes.truncate(range.end);
                                bytes.drain(..range.start);
                                Cow::Owned(bytes)
                            }
                        },
                    ))
                }
                _ => Err(ConvertError::tensor(name, "a storage", self.pickle.describe(id))),
            },
        }
    }
}

/// A nested stream holds one storage and nothing else: no stream inside it is ever opened, so nesting ends here.
fn nested(stream: &[u8], budget: &Budget) -> Result<(Dtype, Range<usize>)> {
    let checkpoint = match stream.starts_with(b"PK\x03\x04") {
        true => Checkpoint::zip(stream, &super::archive::members(stream)?, budget)?,
        false => Checkpoint::legacy(stream, budget)?,
    };
    let Value::Persistent(id) = checkpoint.pickle.value(checkpoint.pickle.root) else {
        return Err(ConvertError::malformed("a nested torch stream that is no storage"));
    };
    let reference = Reference::read(&checkpoint.pickle, *id)?;
    let range = checkpoint.storages.get(reference.key.as_ref()).cloned();
    let range = range.ok_or_else(|| ConvertError::malformed("a nested torch stream without its storage"))?;
    let part = reference.range(range.len());
    let part = part.ok_or_else(|| ConvertError::malformed("a nested torch stream whose storage is not as long as its reference says"))?;
    Ok((reference.dtype, range.start + part.start..range.start + part.end))
}

/// The persistent id of a storage: ('storage', type, key, location, numel, view).
#[derive(PartialEq)]
struct Reference<'p> {
    key: Cow<'p, str>,
    dtype: Dtype,
    numel: usize,
    /// First element and length, of torch's oldest files.
    view: Option<(usize, usize)>,
}

impl<'p> Reference<'p> {
    fn read(pickle: &'p Pickle<'_>, id: Id) -> Result<Reference<'p>> {
        let read = || {
            let items = pickle.items(id)?;
            let &[tag, kind, key, _, numel, ..] = items else { return None };
            let dtype = match pickle.kind(kind)? {
                Global::Storage(dtype) => dtype,
                Global::UntypedStorage => Dtype::U8,
                _ => return None,
            };
            let view = match items.get(5) {
                Some(&view) if !pickle.is_none(view) => match pickle.items(view)? {
                    &[_, offset, size] => Some((pickle.usize(offset)?, pickle.usize(size)?)),
                    _ => return None,
                },
                _ => None,
            };
            pickle.is_str(tag, "storage").then_some(Reference { key: pickle.name(key)?, dtype, numel: pickle.usize(numel)?, view })
        };
        read().ok_or_else(|| ConvertError::malformed("a persistent id that is no torch storage"))
    }

    /// The part of a storage of `length` bytes that is meant; none when the storage is not the one that is described.
    fn range(&self, length: usize) -> Option<Range<usize>> {
        (self.numel.checked_mul(self.dtype.size()) == Some(length)).then_some(())?;
        let Some((first, count)) = self.view else { return Some(0..length) };
        let start = first.checked_mul(self.dtype.size())?;
        let end = count.checked_mul(self.dtype.size())?.checked_add(start)?;
        (end <= length).then_some(start..end)
    }

    fn slice<'b>(&self, bytes: &'b [u8]) -> Option<&'b [u8]> {
        bytes.get(self.range(bytes.len())?)
    }
}

impl View {
    fn is_contiguous(&self) -> bool {
        let mut expected = 1;
        for (&side, &stride) in self.shape.iter().zip(&self.strides).rev() {
            if side != 1 && stride != expected {
                return false;
            }
            expected *= side;
        }
        true
    }
}
