//! What the machine reads from the file: lengths, names, numbers and strings. Nothing is taken that is not there.

use super::super::error::{ConvertError, Result};
use super::super::value::{Data, Value};
use super::{FALSE, LONGEST_NAME, Machine, TRUE, damaged};

impl<'a> Machine<'a> {
    pub(super) fn check_left(&self, length: usize, what: &str) -> Result<()> {
        let left = self.source.len() - self.at;
        match length.checked_sub(left) {
            None | Some(0) => Ok(()),
            // No checkpoint lacks a tebibyte: that length is damaged itself.
            Some(missing) if missing as u64 >= 1 << 40 => Err(damaged(format!("{what} of impossible length"))),
            Some(missing) => Err(ConvertError::truncated(what, missing as u64)),
        }
    }

    pub(super) fn take(&mut self, length: usize, what: &str) -> Result<&'a [u8]> {
        self.check_left(length, what)?;
        let bytes = &self.source[self.at..self.at + length];
        self.at += length;
        Ok(bytes)
    }

    pub(super) fn array<const N: usize>(&mut self, what: &str) -> Result<[u8; N]> {
        let mut out = [0; N];
        out.copy_from_slice(self.take(N, what)?);
        Ok(out)
    }

    pub(super) fn u8(&mut self) -> Result<u8> {
        Ok(self.array::<1>("an opcode's argument")?[0])
    }

    /// A length of 1, 4 or 8 bytes. Nothing is allocated for it: it is checked against what is left of the file.
    pub(super) fn length(&mut self, size: usize) -> Result<usize> {
        let mut wide = [0; 8];
        wide[..size].copy_from_slice(self.take(size, "a length")?);
        usize::try_from(u64::from_le_bytes(wide)).map_err(|_| damaged("a length beyond this machine's memory"))
    }

    /// A short line of ASCII.
    pub(super) fn line(&mut self, what: &str) -> Result<&'a str> {
        let rest = &self.source[self.at..];
        let window = &rest[..rest.len().min(LONGEST_NAME + 1)];
        let Some(length) = window.iter().position(|&byte| byte == b'\n') else {
            return Err(match window.len() == rest.len() {
                true => ConvertError::truncated(what, None),
                false => damaged(format!("a {what} of more than {LONGEST_NAME} characters")),
            });
        };
        self.at += length + 1;
        std::str::from_utf8(&rest[..length]).map(str::trim_end).map_err(|_| damaged(format!("a {what} that is no text")))
    }

    pub(super) fn two_lines(&mut self) -> Result<(String, String)> {
        let module = self.line("module name")?.to_owned();
        Ok((module, self.line("global's name")?.to_owned()))
    }

    pub(super) fn text_integer(&mut self, may_be_bool: bool) -> Result<()> {
        let text = self.line("integer")?;
        match text {
            "01" if may_be_bool => self.push_id(TRUE),
            "00" if may_be_bool => self.push_id(FALSE),
            _ => {
                let digits = text.strip_suffix('L').unwrap_or(text);
                let value = digits.parse().map_or(Value::BigInt, Value::Int);
                if matches!(value, Value::BigInt) && !digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-') {
                    return Err(damaged("an integer that is no number"));
                }
                self.push(value)
            }
        }
    }

    pub(super) fn long(&mut self, size: usize) -> Result<()> {
        let length = self.length(size)?;
        let bytes = self.take(length, "integer")?;
        let negative = bytes.last().is_some_and(|&byte| byte >= 0x80);
        let value = if bytes.len() <= 16 {
            let mut wide = [if negative { 0xff } else { 0 }; 16];
            wide[..bytes.len()].copy_from_slice(bytes);
            Value::Int(i128::from_le_bytes(wide))
        } else {
            Value::BigInt
        };
        self.push(value)
    }

    pub(super) fn bytes(&mut self, size: usize, make: fn(Data) -> Value) -> Result<()> {
        let length = self.length(size)?;
        self.take(length, "a string")?;
        self.push(make(Data::Source(self.at - length..self.at)))
    }

    /// `S'...'`: a Python 2 str with escapes.
    pub(super) fn quoted_string(&mut self) -> Result<()> {
        let line = self.long_line()?;
        let inner = match line.trim_ascii_end() {
            [quote @ (b'\'' | b'"'), inner @ .., end] if quote == end => inner,
            _ => return Err(damaged("a string without quotes")),
        };
        let mut out = Vec::with_capacity(inner.len());
        let mut rest = inner;
        while let [first, tail @ ..] = rest {
            rest = tail;
            if *first != b'\\' {
                out.push(*first);
                continue;
            }
            let [escape, tail @ ..] = rest else { return Err(damaged("a string that ends in an escape")) };
            rest = tail;
            match escape {
                b'n' => out.push(b'\n'),
                b'r' => out.push(b'\r'),
                b't' => out.push(b'\t'),
                b'\\' | b'\'' | b'"' => out.push(*escape),
                b'x' if rest.len() >= 2 => {
                    let digits = std::str::from_utf8(&rest[..2]).ok().and_then(|hex| u8::from_str_radix(hex, 16).ok());
                    out.push(digits.ok_or_else(|| damaged("a string with a bad escape"))?);
                    rest = &rest[2..];
                }
                b'0'..=b'7' => {
                    let more = rest.iter().take(2).take_while(|byte| (b'0'..=b'7').contains(byte)).count();
                    let value = rest[..more].iter().fold(u32::from(escape - b'0'), |sum, byte| sum * 8 + u32::from(byte - b'0'));
                    out.push(value as u8);
                    rest = &rest[more..];
                }
                other => out.extend([b'\\', *other]),
            }
        }
        self.decoded(out, Value::Latin1)
    }

    /// `V...`: text where \uXXXX and \UXXXXXXXX stand for characters, the rest is latin-1.
    pub(super) fn raw_unicode(&mut self) -> Result<()> {
        let line = self.long_line()?;
        let mut out = String::with_capacity(line.len());
        let mut rest = line;
        while let [first, tail @ ..] = rest {
            let digits = match rest {
                [b'\\', b'u', ..] => 4,
                [b'\\', b'U', ..] => 8,
                _ => {
                    out.push(char::from(*first));
                    rest = tail;
                    continue;
                }
            };
            let code =
                rest.get(2..2 + digits).and_then(|hex| std::str::from_utf8(hex).ok()).and_then(|hex| u32::from_str_radix(hex, 16).ok());
            let code = code.ok_or_else(|| damaged("a string with a bad escape"))?;
            out.push(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
            rest = &rest[2 + digits..];
        }
        self.decoded(out.into_bytes(), Value::Str)
    }

    /// A line of any length, in place.
    pub(super) fn long_line(&mut self) -> Result<&'a [u8]> {
        let rest = &self.source[self.at..];
        let length = rest.iter().position(|&byte| byte == b'\n').ok_or_else(|| ConvertError::truncated("a string", None))?;
        self.at += length + 1;
        // At most twice its length decoded (latin-1 to UTF-8), charged before.
        self.budget.memory(2 * length + 16)?;
        Ok(&rest[..length])
    }

    pub(super) fn decoded(&mut self, bytes: Vec<u8>, make: fn(Data) -> Value) -> Result<()> {
        self.push(make(Data::Decoded(bytes.into_boxed_slice())))
    }
}
