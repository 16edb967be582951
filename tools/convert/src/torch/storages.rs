//! Storages: the bytes behind tensors, in a legacy file, a zip archive, or a stream inside the pickle.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;

use super::{Checkpoint, MAGIC};
use crate::archive::{self, Member};
use crate::budget::Budget;
use crate::dtype::Dtype;
use crate::error::{ConvertError, Result};
use crate::globals::Global;
use crate::pickle;
use crate::value::{Id, Pickle, Value};

/// What a storage costs beside its name, in a map that grows.
const STORAGE: usize = 96;

impl<'a> Checkpoint<'a> {
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

    /// Whether two storages are one: the same value of the pickle, or persistent ids that say the same.
    pub(super) fn same_storage(&self, a: Id, b: Id) -> bool {
        let reference = |id| match self.pickle.value(id) {
            Value::Persistent(id) => Reference::read(&self.pickle, *id).ok(),
            _ => None,
        };
        a == b || matches!((reference(a), reference(b)), (Some(a), Some(b)) if a == b)
    }

    /// Element type and bytes of a storage.
    pub(super) fn storage(&self, name: &str, id: Id) -> Result<(Dtype, Cow<'_, [u8]>)> {
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
        true => Checkpoint::zip(stream, &archive::members(stream)?, budget)?,
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
pub(super) struct Reference<'p> {
    key: Cow<'p, str>,
    pub(super) dtype: Dtype,
    numel: usize,
    /// First element and length, of torch's oldest files.
    view: Option<(usize, usize)>,
}

impl<'p> Reference<'p> {
    pub(super) fn read(pickle: &'p Pickle<'_>, id: Id) -> Result<Reference<'p>> {
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
