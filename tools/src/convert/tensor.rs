//! A file with one tensor in it, as people publish directions in w: `torch.save(direction, "age.pt")`.

use stylegan_wgpu::model::Array;

use super::budget::Budget;
use super::error::{ConvertError, Result};
use super::recognise::{self, Kind};
use super::torch::Checkpoint;
use super::{numpy, pickle};

/// The tensor of a file of PyTorch, or the NumPy array of a pickle; alone, or the only one of a dict or list.
pub fn tensor_from_bytes(bytes: &[u8]) -> Result<Array> {
    let budget = Budget::for_file(bytes.len());
    let checkpoint = match recognise::kind(bytes)? {
        Kind::Pickle => Checkpoint::plain(pickle::parse(bytes, &budget)?),
        Kind::TorchLegacy => Checkpoint::legacy(bytes, &budget)?,
        Kind::TorchZip(members) => Checkpoint::zip(bytes, &members, &budget)?,
        Kind::SafeTensors | Kind::OpenVino => return Err(ConvertError::unsupported("a network, where a single tensor is needed")),
    };
    let pickle = &checkpoint.pickle;
    let is_array = |id| checkpoint.is_tensor(id) || numpy::shape(pickle, id).is_some();
    let id = match is_array(pickle.root) {
        true => pickle.root,
        false => {
            let entries = pickle.entries(pickle.root).unwrap_or_default();
            let values = entries.iter().map(|(_, value)| *value).chain(pickle.items(pickle.root).unwrap_or_default().iter().copied());
            let arrays: Vec<_> = values.filter(|&id| is_array(id)).collect();
            let [only] = arrays[..] else {
                return Err(ConvertError::tensor(
                    "of the file",
                    "a single one",
                    format!("{} in {}", arrays.len(), pickle.describe(pickle.root)),
                ));
            };
            only
        }
    };
    let tensor = match checkpoint.is_tensor(id) {
        // A direction may be of whole numbers.
        true => checkpoint.numbers("of the file", id)?,
        false => numpy::numbers(pickle, "of the file", id)?,
    };
    if !tensor.values.iter().all(|value| value.is_finite()) {
        return Err(ConvertError::tensor("of the file", "finite values", "NaN or infinity"));
    }
    Ok(Array::from_f32(&tensor.shape, &tensor.values))
}

#[cfg(test)]
mod tests {
    use super::super::tests::writer::{Py, dict, pickle};
    use super::*;

    #[test]
    fn a_single_tensor_is_found() {
        let values = || vec![1.0, -2.0, 0.5, 3.0];
        for (what, value) in [
            ("a tensor", Py::Torch(vec![2, 2], values())),
            ("an array", Py::Numpy(vec![2, 2], values())),
            ("in a dict", dict([("name", Py::Str("age")), ("direction", Py::Torch(vec![2, 2], values()))])),
            ("in a list", Py::List(vec![Py::Int(3), Py::Torch(vec![2, 2], values())])),
        ] {
            let array = tensor_from_bytes(&pickle(&value)).unwrap_or_else(|error| panic!("{what}: {error}"));
            assert_eq!((array.shape(), array.to_f32()), (&[2, 2][..], values()), "{what}");
        }
    }

    #[test]
    fn what_is_no_single_tensor_is_refused() {
        let tensor = || Py::Torch(vec![1], vec![1.0]);
        for (value, says) in [
            (dict([("a", tensor()), ("b", tensor())]), "found 2 in a dict with a, b"),
            (Py::List(vec![]), "found 0 in a list of 0"),
            (Py::Int(1), "found 0 in an integer"),
            (Py::Torch(vec![1], vec![f32::NAN]), "found NaN"),
            (Py::Call("os", "system", vec![Py::Str("true")]), "os.system"),
        ] {
            let error = tensor_from_bytes(&pickle(&value)).unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        }
        assert!(tensor_from_bytes(b"").is_err() && tensor_from_bytes(b"a text").is_err());
    }
}
