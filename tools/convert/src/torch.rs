//! Torch tensors in a checkpoint: storages (nested legacy streams, a legacy file, a zip archive) seen through
//! (offset, size, stride) and widened to contiguous f32.

use std::collections::HashMap;
use std::ops::Range;

use super::dtype::Dtype;
use super::error::{ConvertError, Result};
use super::globals::Global;
use super::value::{Id, Pickle, Value};
use super::{numpy, strided};

mod storages;

use storages::Reference;

/// The first pickle of a legacy stream is this number.
pub(crate) const MAGIC: i128 = 0x1950_a86a_20f9_469c_fc6c;

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
