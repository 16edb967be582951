//! The pickle machine, protocols 0 to 5: opcodes become plain values, and nothing is ever executed. REDUCE, NEWOBJ and BUILD
//! only note what Python would have called.
//!
//! Memory is bounded by the file: strings and bytes are stretches of it, and everything else is charged to the file's budget before
//! it is allocated. Every opcode is charged, too: a nested stream is read again for each tensor that names it.

use std::collections::HashMap;

use super::budget::Budget;
use super::error::{ConvertError, Result};
use super::globals;
use super::value::{Data, GlobalName, Id, Object, Pickle, Value};

mod reader;
mod stack;

use stack::charge_push;

/// Longest name of a module or class; a corrupt one would otherwise run to the next newline of the weights.
const LONGEST_NAME: usize = 200;

const NONE: Id = 0;
const TRUE: Id = 1;
const FALSE: Id = 2;
const EMPTY_TUPLE: Id = 3;

/// Reads the pickle at the start of `source`; what follows it is left alone.
pub(crate) fn parse<'a>(source: &'a [u8], budget: &Budget) -> Result<Pickle<'a>> {
    let mut machine = Machine {
        source,
        at: 0,
        values: vec![Value::None, Value::Bool(true), Value::Bool(false), Value::Tuple(Box::default())],
        stack: Vec::new(),
        marks: Vec::new(),
        memo: HashMap::new(),
        budget: budget.clone(),
    };
    let root = machine.run()?;
    let Machine { values, at: end, budget, .. } = machine;
    Ok(Pickle { source, values, root, end, budget })
}

struct Machine<'a> {
    source: &'a [u8],
    at: usize,
    values: Vec<Value>,
    stack: Vec<Id>,
    /// Heights of the stack at each open MARK.
    marks: Vec<usize>,
    memo: HashMap<u64, Id>,
    budget: Budget,
}

impl<'a> Machine<'a> {
    fn run(&mut self) -> Result<Id> {
        loop {
            let start = self.at;
            let opcode = self.take(1, "opcode")?[0];
            self.budget.work(1)?;
            match opcode {
                b'.' => return self.pop(),
                0x80 => {
                    let version = self.u8()?;
                    if version > 5 {
                        return Err(ConvertError::unsupported(format!("a pickle of protocol {version}; protocols 0 to 5 are known")));
                    }
                }
                0x95 => {
                    // A frame promises that many bytes of opcodes: a download that stopped inside tells how much is missing.
                    let length = self.length(8)?;
                    self.check_left(length, "a frame")?;
                }

                // Values
                b'N' => self.push_id(NONE)?,
                0x88 => self.push_id(TRUE)?,
                0x89 => self.push_id(FALSE)?,
                b'J' => {
                    let value = self.array::<4>("integer")?;
                    self.push(Value::Int(i32::from_le_bytes(value).into()))?;
                }
                b'K' => {
                    let value = self.u8()?;
                    self.push(Value::Int(value.into()))?;
                }
                b'M' => {
                    let value = self.array::<2>("integer")?;
                    self.push(Value::Int(u16::from_le_bytes(value).into()))?;
                }
                b'I' => self.text_integer(true)?,
                b'L' => self.text_integer(false)?,
                0x8a => self.long(1)?,
                0x8b => self.long(4)?,
                b'F' => {
                    let value = self.line("float")?.parse().map_err(|_| damaged("a float that is no number"))?;
                    self.push(Value::Float(value))?;
                }
                b'G' => {
                    let value = self.array::<8>("float")?;
                    self.push(Value::Float(f64::from_be_bytes(value)))?;
                }
                b'C' => self.bytes(1, Value::Bytes)?,
                b'B' => self.bytes(4, Value::Bytes)?,
                0x8e | 0x96 => self.bytes(8, Value::Bytes)?,
                0x8c => self.bytes(1, Value::Str)?,
                b'X' => self.bytes(4, Value::Str)?,
                0x8d => self.bytes(8, Value::Str)?,
                b'U' => self.bytes(1, Value::Latin1)?,
                b'T' => self.bytes(4, Value::Latin1)?,
                b'S' => self.quoted_string()?,
                b'V' => self.raw_unicode()?,

                // Containers
                b')' => self.push_id(EMPTY_TUPLE)?,
                0x85 => self.tuple(1)?,
                0x86 => self.tuple(2)?,
                0x87 => self.tuple(3)?,
                b't' => {
                    let items = self.pop_mark()?;
                    self.tuple(items)?;
                }
                b']' => self.push(Value::List(Vec::new()))?,
                b'}' => self.push(Value::Dict(Vec::new()))?,
                0x8f => self.push(Value::Set(Vec::new()))?,
                b'l' => {
                    let items = self.pop_items()?;
                    self.push(Value::List(items))?;
                }
                0x91 => {
                    let items = self.pop_items()?;
                    self.push(Value::Set(items))?;
                }
                b'd' => {
                    let items = self.pop_items()?;
                    let entries = pairs(&items)?;
                    self.push(Value::Dict(entries))?;
                }
                b'a' => {
                    let item = self.pop()?;
                    self.append(&[item])?;
                }
                b'e' | 0x90 => {
                    let items = self.pop_items()?;
                    self.append(&items)?;
                }
                b's' => {
                    let value = self.pop()?;
                    let key = self.pop()?;
                    self.set_items(&[key, value])?;
                }
                b'u' => {
                    let items = self.pop_items()?;
                    self.set_items(&items)?;
                }

                // The stack and the memo
                b'(' => {
                    charge_push(&self.budget, &mut self.marks)?;
                    self.marks.push(self.stack.len());
                }
                b'0' if self.stack.len() > self.fence() => self.stack.truncate(self.stack.len() - 1),
                b'0' | b'1' => {
                    let items = self.pop_mark()?;
                    self.stack.truncate(self.stack.len() - items);
                }
                b'2' => {
                    let top = self.top()?;
                    self.push_id(top)?;
                }
                b'p' => {
                    let index = self.line("memo index")?.parse().map_err(|_| damaged("a memo index that is no number"))?;
                    self.memoize(index)?;
                }
                b'q' => {
                    let index = self.u8()?;
                    self.memoize(index.into())?;
                }
                b'r' => {
                    let index = self.array::<4>("memo index")?;
                    self.memoize(u32::from_le_bytes(index).into())?;
                }
                0x94 => self.memoize(self.memo.len() as u64)?,
                b'g' => {
                    let index = self.line("memo index")?.parse().map_err(|_| damaged("a memo index that is no number"))?;
                    self.recall(index)?;
                }
                b'h' => {
                    let index = self.u8()?;
                    self.recall(index.into())?;
                }
                b'j' => {
                    let index = self.array::<4>("memo index")?;
                    self.recall(u32::from_le_bytes(index).into())?;
                }

                // Objects: noted, never made
                b'c' => {
                    let (module, name) = self.two_lines()?;
                    self.global(module, name)?;
                }
                0x93 => {
                    let (name, module) = (self.pop()?, self.pop()?);
                    let (module, name) = (self.name(module)?, self.name(name)?);
                    self.global(module, name)?;
                }
                b'R' | 0x81 => {
                    let (args, class) = (self.pop()?, self.pop()?);
                    self.object(class, args)?;
                }
                0x92 => {
                    // NEWOBJ_EX: keyword arguments are inert here.
                    let (_, args, class) = (self.pop()?, self.pop()?, self.pop()?);
                    self.object(class, args)?;
                }
                b'i' => {
                    let items = self.pop_mark()?;
                    self.tuple(items)?;
                    let args = self.pop()?;
                    let (module, name) = self.two_lines()?;
                    self.global(module, name)?;
                    let class = self.pop()?;
                    self.object(class, args)?;
                }
                b'o' => {
                    let items = self.pop_mark()?;
                    let args = items.checked_sub(1).ok_or_else(|| damaged("OBJ without a class"))?;
                    self.tuple(args)?;
                    let (args, class) = (self.pop()?, self.pop()?);
                    self.object(class, args)?;
                }
                b'b' => {
                    let state = self.pop()?;
                    match self.top_mut()? {
                        Value::Object(object) => object.state = Some(state),
                        // Of a class made elsewhere: opaque, with or without it.
                        Value::Global(_) => {}
                        _ => return Err(damaged("BUILD of something that is no object")),
                    }
                }
                b'P' => {
                    let start = self.at;
                    let length = self.line("persistent id")?.len();
                    self.push(Value::Str(Data::Source(start..start + length)))?;
                    self.persistent()?;
                }
                b'Q' => self.persistent()?,
                0x82..=0x84 => return Err(damaged("an extension code; they need a registry that no checkpoint has")),
                0x97 | 0x98 => return Err(ConvertError::unsupported("a pickle with out-of-band buffers: its data lie in another file")),
                other => return Err(damaged(format!("byte {other:#04x} at {start} is no pickle opcode"))),
            }
        }
    }

    fn tuple(&mut self, count: usize) -> Result<()> {
        if self.stack.len() - self.fence() < count {
            return Err(damaged("an opcode that finds the stack empty"));
        }
        self.budget.memory(count * size_of::<Id>() + 16)?;
        let items = self.stack.split_off(self.stack.len() - count);
        match count {
            0 => self.push_id(EMPTY_TUPLE),
            _ => self.push(Value::Tuple(items.into_boxed_slice())),
        }
    }

    fn append(&mut self, items: &[Id]) -> Result<()> {
        // Vec doubles: twice the items is the most an append can cost.
        self.budget.memory(2 * items.len() * size_of::<Id>())?;
        match self.top_mut()? {
            Value::List(list) | Value::Set(list) => list.extend_from_slice(items),
            Value::Object(object) => object.items.extend_from_slice(items),
            _ => return Err(damaged("APPEND to something that is no list")),
        }
        Ok(())
    }

    fn set_items(&mut self, items: &[Id]) -> Result<()> {
        self.budget.memory(2 * items.len() * size_of::<Id>())?;
        let new = pairs(items)?;
        match self.top_mut()? {
            Value::Dict(entries) => entries.extend(new),
            Value::Object(object) => object.entries.extend(new),
            _ => return Err(damaged("SETITEM of something that is no dict")),
        }
        Ok(())
    }

    fn memoize(&mut self, index: u64) -> Result<()> {
        let top = self.top()?;
        // About what a hash map takes for an entry while it grows.
        self.budget.memory(48)?;
        self.memo.insert(index, top);
        Ok(())
    }

    fn recall(&mut self, index: u64) -> Result<()> {
        let id = *self.memo.get(&index).ok_or_else(|| damaged(format!("memo {index} is used before it is set")))?;
        self.push_id(id)
    }

    fn persistent(&mut self) -> Result<()> {
        let id = self.pop()?;
        self.push(Value::Persistent(id))
    }

    /// A name from the stack, for STACK_GLOBAL.
    fn name(&self, id: Id) -> Result<String> {
        match &self.values[id as usize] {
            Value::Str(Data::Source(range)) | Value::Latin1(Data::Source(range)) if range.len() <= LONGEST_NAME => {
                Ok(String::from_utf8_lossy(&self.source[range.clone()]).into_owned())
            }
            Value::Str(Data::Decoded(bytes)) | Value::Latin1(Data::Decoded(bytes)) if bytes.len() <= LONGEST_NAME => {
                Ok(String::from_utf8_lossy(bytes).into_owned())
            }
            _ => Err(damaged("a global whose name is no short string")),
        }
    }

    fn global(&mut self, module: String, name: String) -> Result<()> {
        let kind = globals::lookup(&module, &name);
        self.budget.memory(size_of::<GlobalName>() + module.len() + name.len())?;
        self.push(Value::Global(Box::new(GlobalName { kind, module, name })))
    }

    fn object(&mut self, class: Id, args: Id) -> Result<()> {
        // A class may itself be the result of a call: a member of an enumeration is.
        if !matches!(self.values[class as usize], Value::Global(_) | Value::Object(_)) {
            return Err(damaged("an object whose class is no global"));
        }
        if !matches!(self.values[args as usize], Value::Tuple(_)) {
            return Err(damaged("an object whose arguments are no tuple"));
        }
        self.budget.memory(size_of::<Object>() + 16)?;
        self.push(Value::Object(Box::new(Object { class, args, state: None, items: Vec::new(), entries: Vec::new() })))
    }
}

fn pairs(items: &[Id]) -> Result<Vec<(Id, Id)>> {
    match items.len() % 2 {
        0 => Ok(items.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect()),
        _ => Err(damaged("a dict with a key and no value")),
    }
}

fn damaged(text: impl Into<String>) -> ConvertError {
    ConvertError::malformed(text.into())
}
