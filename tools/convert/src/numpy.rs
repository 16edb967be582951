//! Numbers and NumPy arrays as pickles hold them.

use std::borrow::Cow;

use super::dtype::Dtype;
use super::error::{ConvertError, Result};
use super::globals::Global;
use super::torch::Tensor;
use super::value::{Id, Pickle, Value};
use crate::strided;

/// A number: Python's own or a NumPy scalar.
pub(crate) fn number(pickle: &Pickle<'_>, id: Id) -> Option<f64> {
    match pickle.value(id) {
        Value::Int(value) => Some(*value as f64),
        Value::Bool(value) => Some(f64::from(u8::from(*value))),
        Value::Float(value) => Some(*value),
        Value::Object(_) => match pickle.call(id)? {
            (Global::NumpyScalar, &[dtype, bytes]) => {
                let ((dtype, order), bytes) = (element(pickle, dtype)?, pickle.bytes(bytes)?);
                // Looked at before they are turned: they may be any number.
                (bytes.len() == dtype.size()).then_some(())?;
                let bytes = order.little(&bytes, dtype);
                Some(match dtype {
                    Dtype::F64 => bytes.as_array().map_or(f64::NAN, |b| f64::from_le_bytes(*b)),
                    Dtype::I64 => bytes.as_array().map_or(f64::NAN, |b| i64::from_le_bytes(*b) as f64),
                    _ => f64::from(dtype.widen_all(&bytes)[0]),
                })
            }
            // A 0-dimensional array.
            (Global::NumpyReconstruct | Global::NumpyFromBuffer, _) => {
                // Asked before anything is copied: among the arguments may be arrays of any size.
                shape(pickle, id)?.iter().all(|&side| side == 1).then_some(())?;
                numbers(pickle, "scalar", id).ok().map(|tensor| f64::from(tensor.values[0]))
            }
            _ => None,
        },
        _ => None,
    }
}

/// A whole number of either kind.
pub(crate) fn index(pickle: &Pickle<'_>, id: Id) -> Option<usize> {
    let value = number(pickle, id)?;
    ((0.0..=9e15).contains(&value) && value.fract() == 0.0).then_some(value as usize)
}

/// The shape of an array.
pub(crate) fn shape(pickle: &Pickle<'_>, id: Id) -> Option<Vec<usize>> {
    raw(pickle, id).map(|raw| raw.shape)
}

/// What an array of Python objects (`numpy.save` of a dict) holds: its objects in order.
pub(crate) fn objects<'p>(pickle: &'p Pickle<'_>, id: Id) -> Option<&'p [Id]> {
    let (Global::NumpyReconstruct, _) = pickle.call(id)? else { return None };
    let &[_, _, dtype, _, objects] = pickle.items(pickle.state(id)?)? else { return None };
    let (Global::NumpyDtype, &[name, ..]) = pickle.call(dtype)? else { return None };
    match pickle.value(objects) {
        Value::List(items) if pickle.name(name)?.starts_with('O') => Some(items),
        _ => None,
    }
}

/// The values of an array of floats, row-major; `name` is for errors. A single number may be a whole one.
pub(crate) fn array(pickle: &Pickle<'_>, name: &str, id: Id) -> Result<Tensor> {
    if let Value::Float(_) | Value::Int(_) = pickle.value(id) {
        return Ok(Tensor { shape: Vec::new(), values: number(pickle, id).into_iter().map(|value| value as f32).collect() });
    }
    let raw = raw(pickle, id).ok_or_else(|| ConvertError::tensor(name, "a NumPy array of floats", pickle.describe(id)))?;
    raw.dtype.refuse_integers(name, &raw.shape)?;
    values(pickle, name, raw)
}

/// The values of an array of any type.
pub(crate) fn numbers(pickle: &Pickle<'_>, name: &str, id: Id) -> Result<Tensor> {
    let raw = raw(pickle, id).ok_or_else(|| ConvertError::tensor(name, "a NumPy array of numbers", pickle.describe(id)))?;
    values(pickle, name, raw)
}

fn values(pickle: &Pickle<'_>, name: &str, raw: Raw<'_>) -> Result<Tensor> {
    let count = pickle.budget.elements(name, &raw.shape)?;
    if count.checked_mul(raw.dtype.size()) != Some(raw.bytes.len()) {
        let needed = format!("{:?} of {} bytes each", raw.shape, raw.dtype.size());
        return Err(ConvertError::tensor(name, needed, format!("{} bytes", raw.bytes.len())));
    }
    if raw.order == Order::Big {
        pickle.budget.memory(raw.bytes.len())?;
    }
    let mut values = raw.dtype.widen_all(&raw.order.little(&raw.bytes, raw.dtype));
    if raw.fortran && raw.shape.len() > 1 {
        // Column-major: a row-major array of the reversed shape, transposed.
        let reversed: Vec<usize> = raw.shape.iter().rev().copied().collect();
        let order: Vec<usize> = (0..reversed.len()).rev().collect();
        values = transpose(&Tensor { shape: reversed, values }, &order).values;
    }
    Ok(Tensor { shape: raw.shape, values })
}

/// The axes of `tensor` in another order: axis `i` of the result is axis `order[i]`.
pub(crate) fn transpose(tensor: &Tensor, order: &[usize]) -> Tensor {
    let mut strides = vec![1; order.len()];
    for axis in (1..order.len()).rev() {
        strides[axis - 1] = strides[axis] * tensor.shape[axis];
    }
    let shape: Vec<usize> = order.iter().map(|&axis| tensor.shape[axis]).collect();
    let strides: Vec<usize> = order.iter().map(|&axis| strides[axis]).collect();
    let values = strided::indices(&shape, &strides).map(|index| tensor.values[index]).collect();
    Tensor { shape, values }
}

/// Whether two arrays have the same bytes in the same shape.
pub(crate) fn same(pickle: &Pickle<'_>, a: Id, b: Id) -> Result<bool> {
    if a == b {
        return Ok(true);
    }
    let (Some(a), Some(b)) = (raw(pickle, a), raw(pickle, b)) else { return Ok(false) };
    if (a.dtype, a.order, a.fortran, &a.shape, a.bytes.len()) != (b.dtype, b.order, b.fortran, &b.shape, b.bytes.len()) {
        return Ok(false);
    }
    pickle.budget.work(a.bytes.len())?;
    Ok(a.bytes == b.bytes)
}

/// The order of the bytes of an element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    Little,
    Big,
}

impl Order {
    /// The bytes of elements in the usual order.
    fn little<'b>(self, bytes: &'b [u8], dtype: Dtype) -> Cow<'b, [u8]> {
        match self {
            Order::Little => Cow::Borrowed(bytes),
            Order::Big => {
                let mut turned = bytes.to_vec();
                turned.chunks_mut(dtype.size()).for_each(<[u8]>::reverse);
                Cow::Owned(turned)
            }
        }
    }
}

struct Raw<'p> {
    shape: Vec<usize>,
    dtype: Dtype,
    order: Order,
    fortran: bool,
    bytes: Cow<'p, [u8]>,
}

fn raw<'p>(pickle: &'p Pickle<'_>, id: Id) -> Option<Raw<'p>> {
    match pickle.call(id)? {
        // BUILD (version, shape, dtype, fortran order, bytes)
        (Global::NumpyReconstruct, _) => {
            let &[_, sides, dtype, fortran, bytes] = pickle.items(pickle.state(id)?)? else { return None };
            let (shape, (dtype, order)) = (pickle.sides(sides)?, element(pickle, dtype)?);
            Some(Raw { shape, dtype, order, fortran: pickle.int(fortran)? != 0, bytes: pickle.bytes(bytes)? })
        }
        // _frombuffer(bytes, dtype, shape, 'C' or 'F')
        (Global::NumpyFromBuffer, &[bytes, dtype, sides, order]) => {
            let (shape, (dtype, bytes_order)) = (pickle.sides(sides)?, element(pickle, dtype)?);
            Some(Raw { shape, dtype, order: bytes_order, fortran: pickle.is_str(order, "F"), bytes: pickle.bytes(bytes)? })
        }
        // scalar(dtype, bytes): what session.run of TensorFlow gives for a variable without sides.
        (Global::NumpyScalar, &[dtype, bytes]) => {
            let (dtype, order) = element(pickle, dtype)?;
            Some(Raw { shape: Vec::new(), dtype, order, fortran: false, bytes: pickle.bytes(bytes)? })
        }
        _ => None,
    }
}

/// numpy.dtype('f4', align, copy) with BUILD (version, byte order, ...).
fn element(pickle: &Pickle<'_>, id: Id) -> Option<(Dtype, Order)> {
    let (Global::NumpyDtype, &[name, ..]) = pickle.call(id)? else { return None };
    let name = pickle.name(name)?;
    let stated = pickle.state(id).and_then(|state| pickle.items(state)?.get(1).copied());
    let is_big = name.starts_with('>') || stated.is_some_and(|order| pickle.is_str(order, ">"));
    let dtype = match name.trim_start_matches(['<', '>', '=', '|']) {
        "f8" => Dtype::F64,
        "f4" => Dtype::F32,
        "f2" => Dtype::F16,
        "i8" => Dtype::I64,
        "i4" => Dtype::I32,
        "i2" => Dtype::I16,
        "i1" => Dtype::I8,
        "u8" => Dtype::U64,
        "u4" => Dtype::U32,
        "u2" => Dtype::U16,
        "u1" => Dtype::U8,
        "b1" => Dtype::Bool,
        _ => return None,
    };
    Some((dtype, if is_big { Order::Big } else { Order::Little }))
}

#[cfg(test)]
mod tests {
    use super::super::budget::Budget;
    use super::super::pickle;
    use super::*;
    use crate::test_files::writer::{Py, pickle as written};

    #[test]
    fn scalars_of_every_type_are_arrays_without_sides() {
        let values: [(&str, &[u8], f32); 9] = [
            ("f2", &[0x00, 0xc1], -2.5),
            ("f4", &(-2.5f32).to_le_bytes(), -2.5),
            ("f8", &(-2.5f64).to_le_bytes(), -2.5),
            ("i1", &(-3i8).to_le_bytes(), -3.0),
            ("i2", &(-300i16).to_le_bytes(), -300.0),
            ("i4", &(-70_000i32).to_le_bytes(), -70_000.0),
            ("i8", &(-70_000i64).to_le_bytes(), -70_000.0),
            ("u1", &[200], 200.0),
            ("b1", &[1], 1.0),
        ];
        for module in ["numpy.core.multiarray", "numpy._core.multiarray"] {
            for (dtype, bytes, value) in values {
                let file = written(&Py::Scalar(module, dtype, bytes.into()));
                let pickle = pickle::parse(&file, &Budget::for_file(file.len())).unwrap();
                let tensor = array(&pickle, "scalar", pickle.root).unwrap();
                assert_eq!((tensor.shape, tensor.values), (Vec::new(), vec![value]), "{module} {dtype}");
                assert_eq!((shape(&pickle, pickle.root), number(&pickle, pickle.root)), (Some(Vec::new()), Some(value.into())), "{dtype}");
            }
        }
        // A byte too few, or a million too many, is no number.
        for (dtype, bytes) in [("f4", 3), ("f4", 1 << 20), (">f4", 3), (">f4", 1 << 20)] {
            let file = written(&Py::Scalar("numpy.core.multiarray", dtype, vec![0; bytes]));
            let pickle = pickle::parse(&file, &Budget::for_file(file.len())).unwrap();
            assert!(array(&pickle, "scalar", pickle.root).is_err() && number(&pickle, pickle.root).is_none(), "{dtype} {bytes}");
        }
    }
}
