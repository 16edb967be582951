//! Files that hold tensors and no network, as people publish rows of w and directions: `torch.save(direction, "age.pt")`, a dict of
//! paths and tensors, a list, a pickled array. Seen as a tree of arrays whose values are read one at a time.

use std::borrow::Cow;

use stylegan_wgpu::Array;

use super::budget::Budget;
use super::error::{ConvertError, Result};
use super::recognise::{self, Kind};
use super::torch::Checkpoint;
use super::value::{Id, Value};
use super::{foreign, numpy, pickle};

/// Levels of dicts and lists that are looked into, and what they may hold in all: a file may refer to one list a thousand times.
const MOST_LEVELS: usize = 6;
const MOST_NODES: usize = 1 << 18;

/// A value of such a file, as far as it matters.
pub enum Held {
    /// A tensor or a NumPy array.
    Array(Id, Vec<usize>),
    /// A dict, in its order; keys that are numbers are written as such.
    Map(Vec<(String, Held)>),
    /// A list or a tuple.
    List(Vec<Held>),
    /// Anything else.
    Other,
}

/// A pickle or a PyTorch file with its arrays.
pub struct TensorFile<'a> {
    checkpoint: Checkpoint<'a>,
    /// What it holds.
    pub root: Held,
}

impl<'a> TensorFile<'a> {
    /// Looks through the bytes of a file. Nothing in it is executed.
    pub fn open(bytes: &'a [u8]) -> Result<TensorFile<'a>> {
        let budget = Budget::for_file(bytes.len());
        let checkpoint = match recognise::kind(bytes)? {
            Kind::Pickle => Checkpoint::plain(pickle::parse(bytes, &budget)?),
            Kind::TorchLegacy => Checkpoint::legacy(bytes, &budget)?,
            Kind::TorchZip(members) => Checkpoint::zip(bytes, &members, &budget)?,
            Kind::SafeTensors if !foreign::is_ours(bytes) => foreign::read(bytes, &budget)?,
            _ => return Err(ConvertError::unsupported("a network, where a file of tensors is needed")),
        };
        TensorFile::of(checkpoint)
    }

    /// The pickle behind the header of an .npy of Python objects.
    pub fn objects(pickled: &'a [u8]) -> Result<TensorFile<'a>> {
        TensorFile::of(Checkpoint::plain(pickle::parse(pickled, &Budget::for_file(pickled.len()))?))
    }

    fn of(checkpoint: Checkpoint<'a>) -> Result<TensorFile<'a>> {
        let root = held(&checkpoint, checkpoint.pickle.root, 0, &mut 0)?;
        Ok(TensorFile { checkpoint, root })
    }

    /// The values of an array of the tree; `name` is for errors.
    pub fn read(&self, name: &str, id: Id) -> Result<Array> {
        // Rows and directions may be of whole numbers.
        let tensor = self.checkpoint.numbers(name, id)?;
        if !tensor.values.iter().all(|value| value.is_finite()) {
            return Err(ConvertError::tensor(name, "finite values", "NaN or infinity"));
        }
        Ok(Array::from_f32(&tensor.shape, &tensor.values))
    }
}

fn held(checkpoint: &Checkpoint<'_>, id: Id, level: usize, nodes: &mut usize) -> Result<Held> {
    *nodes += 1;
    if *nodes > MOST_NODES {
        return Err(ConvertError::TooLarge(format!("more than {MOST_NODES} values, where a file of tensors has a few")));
    }
    let pickle = &checkpoint.pickle;
    // An array of objects keeps them as a list; one of none dimensions is its only object.
    let objects = numpy::objects(pickle, id);
    if objects.is_none() && checkpoint.is_tensor(id) {
        return Ok(checkpoint.shape(id).map_or(Held::Other, |shape| Held::Array(id, shape)));
    }
    if level == MOST_LEVELS {
        return Ok(Held::Other);
    }
    if let Some(shape) = list_shape(checkpoint, id, MOST_LEVELS) {
        return Ok(Held::Array(id, shape));
    }
    if let Some(entries) = entries(checkpoint, id).filter(|_| objects.is_none()) {
        let mut map = Vec::new();
        for (index, &(key, value)) in entries.iter().enumerate() {
            // A key without a name is one all the same: nothing is left out unsaid.
            let name = pickle.key(key).unwrap_or_else(|| format!("[{index}]"));
            map.push((name, held(checkpoint, value, level + 1, nodes)?));
        }
        return Ok(Held::Map(map));
    }
    let items = match (pickle.value(id), objects) {
        (_, Some(&[only])) => return held(checkpoint, only, level + 1, nodes),
        (_, Some(objects)) => objects,
        (Value::Tuple(_) | Value::List(_), None) => pickle.items(id).unwrap_or_default(),
        // A deque, a list of another name; a named tuple.
        (Value::Object(object), None) if !object.items.is_empty() => &object.items,
        (Value::Object(object), None) => pickle.items(object.args).unwrap_or_default(),
        _ => return Ok(Held::Other),
    };
    items.iter().map(|&item| held(checkpoint, item, level + 1, nodes)).collect::<Result<_>>().map(Held::List)
}

/// What a dict holds, or an object in its attributes or slots.
fn entries<'c>(checkpoint: &'c Checkpoint<'_>, id: Id) -> Option<Cow<'c, [(Id, Id)]>> {
    let pickle = &checkpoint.pickle;
    let attributes = || {
        let state = pickle.state(id)?;
        // (attributes, slots) of classes with slots.
        pickle.entries(state).or_else(|| pickle.items(state)?.iter().find_map(|&part| pickle.entries(part)))
    };
    pickle.entries(id).or_else(attributes)
}

/// The shape of an array that is written as numbers in lists.
fn list_shape(checkpoint: &Checkpoint<'_>, id: Id, sides: usize) -> Option<Vec<usize>> {
    let pickle = &checkpoint.pickle;
    let sides = sides.checked_sub(1)?;
    let (Value::List(_) | Value::Tuple(_)) = pickle.value(id) else { return None };
    let items = pickle.items(id)?;
    let is_number = |id: Id| {
        matches!(pickle.value(id), Value::Float(_) | Value::Int(_)) || numpy::shape(pickle, id).is_some_and(|shape| shape.is_empty())
    };
    let (&first, rest) = items.split_first()?;
    pickle.budget.work(items.len()).ok()?;
    if is_number(first) {
        return rest.iter().all(|&item| is_number(item)).then(|| vec![items.len()]);
    }
    let shape = list_shape(checkpoint, first, sides)?;
    let alike = rest.iter().all(|&item| list_shape(checkpoint, item, sides).as_ref() == Some(&shape));
    alike.then(|| [vec![items.len()], shape].concat())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_files::writer::{Py, dict, pickle};

    fn show(held: &Held) -> String {
        match held {
            Held::Array(_, shape) => format!("{shape:?}"),
            Held::Map(entries) => entries.iter().map(|(name, held)| format!("{name}={} ", show(held))).collect(),
            Held::List(items) => format!("({})", items.iter().map(show).collect::<Vec<_>>().join(" ")),
            Held::Other => "-".into(),
        }
    }

    #[test]
    fn arrays_are_found_in_their_tree() {
        let tensor = || Py::Torch(vec![2, 1], vec![1.0, -2.0]);
        for (value, wanted) in [
            (tensor(), "[2, 1]"),
            (Py::Numpy(vec![2], vec![1.0, 2.0]), "[2]"),
            (dict([("name", Py::Str("age")), ("direction", tensor())]), "name=- direction=[2, 1] "),
            (Py::List(vec![Py::Int(3), tensor(), dict([("a", tensor())])]), "(- [2, 1] a=[2, 1] )"),
            (Py::Int(1), "-"),
            (Py::Object("proj.run", "Result", Box::new(dict([("w", tensor())]))), "w=[2, 1] "),
            (Py::Call("proj.run", "Result", vec![tensor(), Py::Int(3)]), "([2, 1] -)"),
            (Py::Keyed(vec![(Py::Call("pathlib", "PosixPath", vec![Py::Str("a"), Py::Str("b.png")]), tensor())]), "a/b.png=[2, 1] "),
            (Py::List(vec![Py::List(vec![Py::Float(1.0), Py::Int(2)]), Py::List(vec![Py::Int(3), Py::Int(4)])]), "[2, 2]"),
        ] {
            let bytes = pickle(&value);
            assert_eq!(show(&TensorFile::open(&bytes).unwrap().root), wanted);
        }
        // What numpy.save makes of a dict: an array without sides, of one object.
        let objects = b"\x80\x03cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\nK\x00\x85C\x01btR(K\x01)cnumpy\ndtype\n(X\x02\0\0\0O8K\x00K\x01tR(K\x03X\x01\0\0\0|\
            NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK?tb\x89]}X\x01\0\0\0wK\x05satb.";
        assert_eq!(show(&TensorFile::objects(objects).unwrap().root), "w=- ");
        let bytes = pickle(&tensor());
        let file = TensorFile::open(&bytes).unwrap();
        let Held::Array(id, _) = file.root else { panic!("an array") };
        assert_eq!(file.read("it", id).unwrap().to_f32(), [1.0, -2.0]);
    }

    #[test]
    fn what_is_no_tensor_is_refused() {
        let bytes = pickle(&Py::Torch(vec![1], vec![f32::NAN]));
        let file = TensorFile::open(&bytes).unwrap();
        let Held::Array(id, _) = file.root else { panic!("an array") };
        assert!(file.read("it", id).unwrap_err().to_string().contains("found NaN"));
        assert!(TensorFile::open(b"").is_err() && TensorFile::open(b"a text").is_err());
        // A list in a list, each there 64 times: 2^36 values.
        let mut nest = Py::List(vec![]);
        for _ in 0..6 {
            nest = Py::List((0..64).map(|_| Py::Int(1)).chain([nest]).collect());
        }
        assert_eq!(show(&TensorFile::open(&pickle(&nest)).unwrap().root).matches('-').count(), 64 * 6 + 1);
    }

    #[test]
    fn integers_are_no_weights_unless_it_is_one() {
        use crate::dtype::Dtype;
        for dtype in [Dtype::I8, Dtype::U8, Dtype::Bool, Dtype::I64] {
            assert!(dtype.refuse_integers("w", &[2, 3]).unwrap_err().to_string().contains("needed floats"), "{dtype:?}");
            assert!(dtype.refuse_integers("scale", &[]).is_ok(), "{dtype:?}");
        }
        assert!(Dtype::Bf16.refuse_integers("w", &[2, 3]).is_ok());
    }
}
