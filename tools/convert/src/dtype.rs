//! Element types of torch and NumPy, and how each becomes f32.

use half::{bf16, f16};

use super::error::{ConvertError, Result};

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
    pub(crate) fn widen(self, bytes: &[u8]) -> f32 {
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
