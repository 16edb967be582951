//! A file of arrays as a tree: .npy, .npz, PyTorch's files, pickles. Told by its content, never by its name.

use stylegan_convert::array_file::{self, Array, Member};
use stylegan_convert::{Held, TensorFile};

use super::error::{Result, VectorError};

/// A file with vectors.
pub struct VectorFile<'a> {
    bytes: &'a [u8],
    tensors: Option<TensorFile<'a>>,
    pub(super) root: Node,
}

/// A part of it.
pub(super) enum Node {
    Array(Leaf),
    Map(Vec<(String, Node)>),
    List(Vec<Node>),
    /// What cannot be vectors: a text, or a member that is no array, and then why.
    Other(Option<String>),
}

/// An array whose values have not been read.
pub(super) struct Leaf {
    pub(super) shape: Vec<usize>,
    place: Place,
}

enum Place {
    Whole,
    Member(String),
    Tensor(u32),
}

impl<'a> VectorFile<'a> {
    /// Looks through the bytes of a file. Nothing in it is executed.
    pub fn open(bytes: &'a [u8]) -> Result<VectorFile<'a>> {
        if let Some(pickled) = array_file::objects(bytes)? {
            return Ok(VectorFile::of(bytes, TensorFile::objects(pickled)?));
        }
        if bytes.starts_with(array_file::NPY) {
            let root = Node::Array(Leaf { shape: array_file::shape(bytes)?, place: Place::Whole });
            return Ok(VectorFile { bytes, tensors: None, root });
        }
        if bytes.starts_with(b"PK") {
            let members = array_file::members(bytes)?;
            // An archive of PyTorch, which is told by what it has.
            if !members.iter().any(|(name, _)| name == "data.pkl" || name.ends_with("/data.pkl")) {
                let node = |(name, shape): Member| {
                    let node = match shape {
                        Ok(shape) => Node::Array(Leaf { shape, place: Place::Member(name.clone()) }),
                        Err(error) => Node::Other(Some(error.to_string())),
                    };
                    (name, node)
                };
                return Ok(VectorFile { bytes, tensors: None, root: Node::Map(members.into_iter().map(node).collect()) });
            }
        }
        Ok(VectorFile::of(bytes, TensorFile::open(bytes)?))
    }

    fn of(bytes: &'a [u8], tensors: TensorFile<'a>) -> VectorFile<'a> {
        fn node(held: &Held) -> Node {
            match held {
                Held::Array(id, shape) => Node::Array(Leaf { shape: shape.clone(), place: Place::Tensor(*id) }),
                Held::Map(entries) => Node::Map(entries.iter().map(|(name, held)| (name.clone(), node(held))).collect()),
                Held::List(items) => Node::List(items.iter().map(node).collect()),
                Held::Other => Node::Other(None),
            }
        }
        let root = node(&tensors.root);
        VectorFile { bytes, tensors: Some(tensors), root }
    }

    /// The values of an array; `name` is for errors.
    pub(super) fn values(&self, name: &str, leaf: &Leaf) -> Result<Array> {
        let array = match (&leaf.place, &self.tensors) {
            (Place::Whole, _) => array_file::read_bytes(self.bytes, "")?,
            (Place::Member(member), _) => array_file::read_bytes(self.bytes, member)?,
            (Place::Tensor(id), Some(tensors)) => {
                let array = tensors.read(if name.is_empty() { "of the file" } else { name }, *id)?;
                Array::new(array.shape(), array.to_f32())
            }
            (Place::Tensor(_), None) => unreachable!("tensors are in a file of tensors"),
        };
        Ok(array)
    }

    /// The part that a key names, as `age`, `3`, `lat_comp:2` or `faces:me.png`: entries of dicts and lists. What is left of the key
    /// when it comes to an array is the number of a row.
    pub(super) fn part(&self, key: Option<&str>) -> Result<Part<'_>> {
        let mut part = Part { node: &self.root, name: String::new(), row: None };
        let mut rest = key;
        while let Some(text) = rest {
            let missing = |found: String| VectorError::Entry { wanted: text.into(), found };
            let (entry, left) = match part.node {
                Node::Map(entries) => {
                    // The longest name that the key begins with: names may have colons of their own.
                    let tail = |name: &str| match text.strip_prefix(name)? {
                        "" => Some(None),
                        tail => tail.strip_prefix(':').map(Some),
                    };
                    let named = entries.iter().filter_map(|(name, node)| Some((name, node, tail(name)?)));
                    let longest = named.max_by_key(|(name, ..)| name.len());
                    match longest {
                        Some((_, node, left)) => (node, left),
                        // A number may be one of what the dict has; that is for who knows what that is.
                        None if text.parse::<usize>().is_ok() => {
                            part.row = text.parse().ok();
                            return Ok(part);
                        }
                        None => return Err(missing(part.node.names())),
                    }
                }
                Node::List(items) => {
                    let (index, left) = text.split_once(':').map_or((text, None), |(index, left)| (index, Some(left)));
                    let item = index.parse().ok().and_then(|index: usize| items.get(index));
                    (item.ok_or_else(|| missing(part.node.names()))?, left)
                }
                Node::Array(_) => {
                    part.row = Some(text.parse().map_err(|_| missing(part.node.names()))?);
                    return Ok(part);
                }
                Node::Other(_) => return Err(missing(part.node.names())),
            };
            let used = &text[..text.len() - left.map_or(0, |left| left.len() + 1)];
            if !part.name.is_empty() {
                part.name.push(':');
            }
            part.name.push_str(used);
            part.node = entry;
            rest = left;
        }
        Ok(part)
    }
}

/// What a key names.
pub(super) struct Part<'n> {
    pub(super) node: &'n Node,
    /// The key so far; empty for the whole file.
    pub(super) name: String,
    /// The number that is left.
    pub(super) row: Option<usize>,
}

impl Node {
    /// An entry of a dict.
    pub(super) fn get(&self, name: &str) -> Option<&Node> {
        match self {
            Node::Map(entries) => entries.iter().rev().find(|(key, _)| key == name).map(|(_, node)| node),
            _ => None,
        }
    }

    /// What there is to choose from, for an error.
    fn names(&self) -> String {
        match self {
            Node::Map(entries) => super::error::list(&entries.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>()),
            Node::List(items) => format!("{}, counted from 0", items.len()),
            Node::Array(leaf) => format!("an array {:?}", leaf.shape),
            Node::Other(Some(why)) => why.clone(),
            Node::Other(None) => "no array".into(),
        }
    }

    /// Every array below it with its name and shape, for an error.
    pub(super) fn shapes(&self, name: &str, found: &mut Vec<String>) {
        match self {
            Node::Array(leaf) => found.push(format!("{name}{}{:?}", if name.is_empty() { "" } else { " " }, leaf.shape)),
            Node::Other(Some(why)) => found.push(format!("{name} ({why})")),
            Node::Other(None) => {}
            _ => self.children().into_iter().for_each(|(child, node)| node.shapes(&join(name, &child), found)),
        }
    }

    /// Entries of a dict or list with their names.
    pub(super) fn children(&self) -> Vec<(String, &Node)> {
        match self {
            Node::Map(entries) => entries.iter().map(|(name, node)| (name.clone(), node)).collect(),
            Node::List(items) => items.iter().enumerate().map(|(index, node)| (index.to_string(), node)).collect(),
            _ => Vec::new(),
        }
    }
}

/// The key of an entry of an entry.
pub(super) fn join(name: &str, child: &str) -> String {
    if name.is_empty() { child.into() } else { format!("{name}:{child}") }
}
