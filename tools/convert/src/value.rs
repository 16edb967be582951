//! What a pickle holds: an arena of plain values that name each other by index. A cycle is therefore harmless, nothing
//! recurses to build, walk or drop it, and every walk is as deep as its caller makes it.

use std::borrow::Cow;
use std::ops::Range;

use super::budget::Budget;
use super::globals::Global;

/// Longest text that is a name, in bytes.
const LONGEST_NAME: usize = 200;

/// Dimensions of an array, at most: NumPy's limit.
const MOST_DIMENSIONS: usize = 64;

/// Parts of a path or tuple that is a key.
const MOST_PARTS: usize = 32;

/// A value's place in the arena.
pub(crate) type Id = u32;

/// Bytes of a string: nearly always a stretch of the file itself.
#[derive(Debug)]
pub(crate) enum Data {
    Source(Range<usize>),
    Decoded(Box<[u8]>),
}

/// One value.
#[derive(Debug)]
pub(crate) enum Value {
    None,
    Bool(bool),
    Int(i128),
    /// Beyond 128 bits: no format needs one.
    BigInt,
    Float(f64),
    Bytes(Data),
    /// UTF-8, as Python 3 writes it.
    Str(Data),
    /// A Python 2 `str`: bytes, or text in latin-1.
    Latin1(Data),
    Tuple(Box<[Id]>),
    List(Vec<Id>),
    Set(Vec<Id>),
    Dict(Vec<(Id, Id)>),
    Global(Box<GlobalName>),
    Object(Box<Object>),
    /// A persistent id: what it refers to lies outside of the pickle (torch's storages).
    Persistent(Id),
}

/// A permitted global.
#[derive(Debug)]
pub(crate) struct GlobalName {
    pub(crate) kind: Global,
    pub(crate) module: String,
    pub(crate) name: String,
}

/// An object that Python would have made by calling something: what, with what, and what was put in afterwards.
#[derive(Debug)]
pub(crate) struct Object {
    /// The global called (REDUCE) or instantiated (NEWOBJ).
    pub(crate) class: Id,
    /// Its arguments: a tuple.
    pub(crate) args: Id,
    /// The argument of BUILD.
    pub(crate) state: Option<Id>,
    /// What APPENDS added.
    pub(crate) items: Vec<Id>,
    /// What SETITEMS added.
    pub(crate) entries: Vec<(Id, Id)>,
}

/// A read pickle.
#[derive(Debug)]
pub(crate) struct Pickle<'a> {
    pub(crate) source: &'a [u8],
    pub(crate) values: Vec<Value>,
    pub(crate) root: Id,
    /// Where the bytes after the pickle begin.
    pub(crate) end: usize,
    /// Of the file: whoever copies a value or walks far spends from it.
    pub(crate) budget: Budget,
}

impl<'a> Pickle<'a> {
    pub(crate) fn value(&self, id: Id) -> &Value {
        &self.values[id as usize]
    }

    fn data<'s>(&'s self, data: &'s Data) -> &'s [u8] {
        match data {
            Data::Source(range) => &self.source[range.clone()],
            Data::Decoded(bytes) => bytes,
        }
    }

    /// The text of a string.
    pub(crate) fn str(&self, id: Id) -> Option<Cow<'_, str>> {
        match self.value(id) {
            Value::Str(data) => Some(String::from_utf8_lossy(self.data(data))),
            Value::Latin1(data) => Some(latin1(self.data(data))),
            _ => None,
        }
    }

    /// Whether `id` is the string `text`; cheap for keys of any length.
    pub(crate) fn is_str(&self, id: Id, text: &str) -> bool {
        match self.value(id) {
            Value::Str(data) | Value::Latin1(data) => self.data(data) == text.as_bytes(),
            _ => false,
        }
    }

    /// The text of a name: a string short enough to be one.
    pub(crate) fn name(&self, id: Id) -> Option<Cow<'_, str>> {
        match self.value(id) {
            Value::Str(data) | Value::Latin1(data) if self.data(data).len() <= LONGEST_NAME => self.str(id),
            _ => None,
        }
    }

    /// Bytes, in any of the ways pickles write them.
    pub(crate) fn bytes(&self, id: Id) -> Option<Cow<'_, [u8]>> {
        match self.value(id) {
            Value::Bytes(data) | Value::Latin1(data) => Some(Cow::Borrowed(self.data(data))),
            Value::Object(_) => match self.call(id)? {
                (Global::Encode, &[text, ..]) => {
                    // Never longer than the text itself: each character stands for one byte.
                    let text = self.str(text)?;
                    self.budget.work(text.len()).ok()?;
                    let mut bytes = Vec::with_capacity(text.len());
                    for character in text.chars() {
                        bytes.push(u8::try_from(u32::from(character)).ok()?);
                    }
                    Some(Cow::Owned(bytes))
                }
                (Global::Inert, []) if self.global(id).is_some_and(|(_, name)| name == "bytes") => Some(Cow::Borrowed(&[])),
                _ => None,
            },
            _ => None,
        }
    }

    pub(crate) fn int(&self, id: Id) -> Option<i128> {
        match self.value(id) {
            Value::Int(value) => Some(*value),
            Value::Bool(value) => Some(i128::from(*value)),
            _ => None,
        }
    }

    pub(crate) fn usize(&self, id: Id) -> Option<usize> {
        self.int(id).and_then(|value| usize::try_from(value).ok())
    }

    /// The sides of a shape, or strides. Thousands of tensors may share a list: one that is longer than any tensor's is not read.
    pub(crate) fn sides(&self, id: Id) -> Option<Vec<usize>> {
        let sides = self.items(id).filter(|sides| sides.len() <= MOST_DIMENSIONS)?;
        sides.iter().map(|&side| self.usize(side)).collect()
    }

    pub(crate) fn is_none(&self, id: Id) -> bool {
        matches!(self.value(id), Value::None)
    }

    /// The elements of a tuple, a list or a `torch.Size`.
    pub(crate) fn items(&self, id: Id) -> Option<&[Id]> {
        match self.value(id) {
            Value::Tuple(items) => Some(items),
            Value::List(items) | Value::Set(items) => Some(items),
            Value::Object(object) => match self.value(object.args) {
                // torch.Size((3, 4)), list((3, 4))
                Value::Tuple(args) if args.len() == 1 => match self.value(args[0]) {
                    Value::Tuple(items) => Some(items),
                    Value::List(items) => Some(items),
                    _ => None,
                },
                _ => None,
            },
            _ => None,
        }
    }

    /// The entries of a dict or of a class that behaves like one.
    pub(crate) fn entries(&self, id: Id) -> Option<Cow<'_, [(Id, Id)]>> {
        match self.value(id) {
            Value::Dict(entries) => Some(Cow::Borrowed(entries)),
            Value::Object(object) => {
                match self.call(id)? {
                    (Global::Mapping, _) => {}
                    // Only a dict takes entries, whatever its class is called: an EasyDict, an AttrDict, a ConfigDict of somebody's.
                    (Global::Opaque | Global::Inert, _) if !object.entries.is_empty() => return Some(Cow::Borrowed(&object.entries)),
                    // Protocols 0 and 1: copyreg._reconstructor(EasyDict, dict, {...}).
                    (Global::Reconstructor, &[_, base, dict]) if self.kind(base) == Some(Global::Mapping) => {
                        return Some(match self.value(dict) {
                            Value::Dict(entries) if object.entries.is_empty() => Cow::Borrowed(entries),
                            _ => Cow::Borrowed(&object.entries),
                        });
                    }
                    _ => return None,
                }
                // Python 2 writes OrderedDict([[key, value], ...]).
                let Some(pairs) = self.items(id).filter(|_| object.entries.is_empty()) else {
                    return Some(Cow::Borrowed(&object.entries));
                };
                self.budget.work(pairs.len()).ok()?;
                let pair = |&pair: &Id| match self.items(pair) {
                    Some(&[key, value]) => Some((key, value)),
                    _ => None,
                };
                Some(pairs.iter().map(pair).collect::<Option<Vec<_>>>().map_or(Cow::Borrowed(&object.entries[..]), Cow::Owned))
            }
            _ => None,
        }
    }

    /// The value under a string key of a dict; the last one when it is there twice, as in Python. Any number of objects may share a dict:
    /// every search is paid for.
    pub(crate) fn get(&self, dict: Id, key: &str) -> Option<Id> {
        let entries = self.entries(dict)?;
        self.budget.work(entries.len()).ok()?;
        entries.iter().rev().find(|(name, _)| self.is_str(*name, key)).map(|(_, value)| *value)
    }

    /// A key of a dict as a name: a text, a number, bytes, a path, a member of an enumeration, a tuple of those.
    pub(crate) fn key(&self, id: Id) -> Option<String> {
        let one = |id: Id| match self.value(id) {
            Value::Bytes(data) if self.data(data).len() <= LONGEST_NAME => Some(String::from_utf8_lossy(self.data(data)).into_owned()),
            _ => self.name(id).map(String::from).or_else(|| self.int(id).map(|key| key.to_string())),
        };
        let joined = |items: &[Id], by: &str| {
            let parts: Vec<String> = items.iter().take(MOST_PARTS).map(|&item| one(item)).collect::<Option<_>>()?;
            (!parts.is_empty()).then(|| parts.join(by))
        };
        match self.value(id) {
            Value::Tuple(items) => joined(items, "."),
            // Bytes of protocol 2.
            Value::Object(_) if matches!(self.call(id), Some((Global::Encode, _))) => match self.call(id)?.1 {
                &[text, ..] => one(text),
                [] => None,
            },
            Value::Object(object) => match self.value(object.args) {
                Value::Tuple(parts) => {
                    joined(parts, if self.global(id).is_some_and(|(module, _)| module.starts_with("pathlib")) { "/" } else { "." })
                }
                _ => None,
            },
            _ => one(id),
        }
    }

    /// What a global stands for.
    pub(crate) fn kind(&self, id: Id) -> Option<Global> {
        match self.value(id) {
            Value::Global(global) => Some(global.kind),
            _ => None,
        }
    }

    /// Module and name of a global, or of the class of an object.
    pub(crate) fn global(&self, id: Id) -> Option<(&str, &str)> {
        match self.value(id) {
            Value::Global(global) => Some((&global.module, &global.name)),
            Value::Object(object) => match self.value(object.class) {
                Value::Global(global) => Some((&global.module, &global.name)),
                _ => None,
            },
            _ => None,
        }
    }

    /// What an object is an instance (or the result) of, with the arguments.
    pub(crate) fn call(&self, id: Id) -> Option<(Global, &[Id])> {
        let Value::Object(object) = self.value(id) else { return None };
        let args: &[Id] = match self.value(object.args) {
            Value::Tuple(args) => args,
            _ => &[],
        };
        Some((self.kind(object.class)?, args))
    }

    /// The class of an object, however its protocol made it.
    pub(crate) fn class(&self, id: Id) -> Option<Global> {
        match self.call(id)? {
            (Global::Reconstructor, &[class, ..]) => self.kind(class),
            (class, _) => Some(class),
        }
    }

    /// The argument of an object's BUILD.
    pub(crate) fn state(&self, id: Id) -> Option<Id> {
        match self.value(id) {
            Value::Object(object) => object.state,
            _ => None,
        }
    }

    /// What a value is, for an error.
    pub(crate) fn describe(&self, id: Id) -> String {
        match self.value(id) {
            Value::None => "None".into(),
            Value::Bool(_) => "a bool".into(),
            Value::Int(_) | Value::BigInt => "an integer".into(),
            Value::Float(_) => "a float".into(),
            Value::Bytes(_) => "bytes".into(),
            Value::Str(_) | Value::Latin1(_) => "a string".into(),
            Value::Tuple(items) => format!("a tuple of {}", items.len()),
            Value::List(items) => format!("a list of {}", items.len()),
            Value::Set(_) => "a set".into(),
            Value::Dict(entries) => {
                let keys: Vec<_> = entries.iter().take(6).filter_map(|(key, _)| self.key(*key)).collect();
                format!("a dict with {}{}", keys.join(", "), if entries.len() > keys.len() { ", ..." } else { "" })
            }
            Value::Global(global) => format!("{}.{}", global.module, global.name),
            Value::Object(_) => self.global(id).map_or("an object".into(), |(module, name)| format!("a {module}.{name}")),
            Value::Persistent(_) => "a reference to data outside of the pickle".into(),
        }
    }
}

fn latin1(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) if text.is_ascii() => Cow::Borrowed(text),
        _ => Cow::Owned(bytes.iter().map(|&byte| char::from(byte)).collect()),
    }
}
