//! Rows of w of pictures, in the shapes and under the names that projectors and encoders write.

use stylegan_wgpu::latent::Ws;

use super::error::{Result, VectorError};
use super::file::{Leaf, Node, Part, VectorFile, join};
use super::{Sizes, direction};

/// Names that say that an array is rows of w: ours and NVIDIA's projector, TensorFlow's, e4e's and rosinality's, `np.savez` without a
/// name. Where a file has several of them the first counts: `latents` beside `dlatents` are z.
const KNOWN: [&str; 14] = [
    "w",
    "ws",
    "dlatents",
    "dlatent",
    "w_plus",
    "projected_w",
    "w_pivot",
    "w_opt",
    "latent_code",
    "latent_codes",
    "latents",
    "latent",
    "latent_in",
    "arr_0",
];

/// How an array is rows of w.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Fit {
    pictures: usize,
    /// A row counts for all layers of its picture.
    alike: bool,
}

impl Fit {
    /// `[w_dim]`, `[N, w_dim]`, `[num_ws, w_dim]` (one picture), `[N, num_ws, w_dim]`, the same flattened, or with ones in front; None of
    /// another shape.
    fn of(shape: &[usize], Sizes { num_ws, w_dim }: Sizes) -> Option<Fit> {
        let ones = shape.iter().take_while(|&&side| side == 1).count().min(shape.len().saturating_sub(1));
        let flat = num_ws * w_dim;
        let (pictures, alike) = match shape[ones..] {
            [row] if row == w_dim => (1, true),
            [row] if row == flat => (1, false),
            [rows, row] if (rows, row) == (num_ws, w_dim) => (1, false),
            [n, row] | [n, 1, row] if row == w_dim => (n, true),
            [n, row] | [n, 1, row] if row == flat => (n, false),
            [n, rows, row] | [n, 1, rows, row] if (rows, row) == (num_ws, w_dim) => (n, false),
            _ => return None,
        };
        (pictures > 0).then_some(Fit { pictures, alike })
    }
}

/// An array that fits, with its name.
type Pick<'a> = (String, &'a Leaf, Fit);

/// Reads the rows of w of a file's pictures for a network: of the entry `key`, or of what can only be meant.
pub fn rows(file: &VectorFile<'_>, key: Option<&str>, sizes: Sizes) -> Result<Ws> {
    let Part { node, name, row } = file.part(key)?;
    let picks = match find(node, &name, sizes) {
        Found::None => {
            let mut found = Vec::new();
            node.shapes(&name, &mut found);
            let Sizes { num_ws, w_dim } = sizes;
            let needed = format!("[N, {num_ws}, {w_dim}], [{num_ws}, {w_dim}], or [N, {w_dim}] for all layers alike");
            return Err(VectorError::Shape { needed, found });
        }
        Found::Several(keys) => return Err(VectorError::Choice { what: "arrays that may be rows of w", keys }),
        Found::Pictures(picks) => picks,
    };
    let mut ws = Ws { n: 0, num_ws: sizes.num_ws, w_dim: sizes.w_dim, values: Vec::new() };
    for (name, leaf, fit) in picks {
        let values = file.values(&name, leaf)?.values;
        ws.n += fit.pictures;
        ws.values.extend(if fit.alike { Ws::broadcast(&values, sizes.w_dim, sizes.num_ws).values } else { values });
    }
    match row {
        None => Ok(ws),
        Some(row) if row < ws.n => Ok(ws.slice(row..row + 1)),
        Some(row) => Err(VectorError::Entry { wanted: format!("picture {row}"), found: format!("{}, counted from 0", ws.n) }),
    }
}

/// What a part of a file holds.
enum Found<'a> {
    None,
    Pictures(Vec<Pick<'a>>),
    /// Keys of what may be meant.
    Several(Vec<String>),
}

fn find<'a>(node: &'a Node, name: &str, sizes: Sizes) -> Found<'a> {
    if let Node::Array(leaf) = node {
        return Fit::of(&leaf.shape, sizes).map_or(Found::None, |fit| Found::Pictures(vec![(name.into(), leaf, fit)]));
    }
    // What is called rows of w is meant, even where another array happens to fit and it does not; a name without a value says nothing.
    let valued = |known: &&'static str| node.get(known).filter(|node| !matches!(node, Node::Other(None))).map(|node| (*known, node));
    if let Some((known, node)) = KNOWN.iter().find_map(valued) {
        return find(node, &join(name, known), sizes);
    }
    // A file of directions has rows of the same shape, and they are no faces.
    if direction::is_a_list(node) {
        return Found::None;
    }
    let children = node.children();
    let mut found: Vec<(String, Found<'_>)> =
        children.iter().map(|(child, node)| (child.clone(), find(node, &join(name, child), sizes))).collect();
    found.retain(|(_, found)| !matches!(found, Found::None));
    if found.len() == 1 {
        return found.remove(0).1;
    }
    // Pictures by the paths or numbers of what was projected, or in a list: all of them, in the file's order.
    let listed = match node {
        Node::List(_) => true,
        _ => children.iter().all(|(child, _)| is_path(child)),
    };
    let keys = || found.iter().map(|(child, _)| join(name, child)).collect();
    if found.is_empty() {
        return Found::None;
    }
    if !listed || found.len() < children.len() || found.iter().any(|(_, found)| matches!(found, Found::Several(_))) {
        return Found::Several(keys());
    }
    let pictures = found.into_iter().flat_map(|(_, found)| if let Found::Pictures(picks) = found { picks } else { Vec::new() });
    Found::Pictures(pictures.collect())
}

/// Whether a key is a file's name or a number, and not a name of its value.
fn is_path(key: &str) -> bool {
    let has_ending = key.rsplit_once('.').is_some_and(|(stem, ending)| !stem.is_empty() && (1..=5).contains(&ending.len()));
    has_ending || key.contains(['/', '\\']) || key.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use stylegan_convert::array_file::{Array, npy_bytes, npz_bytes};
    use stylegan_convert::test_files::writer::{Py, dict, legacy, pickle, zip};

    use super::*;

    const SIZES: Sizes = Sizes { num_ws: 4, w_dim: 2 };

    /// Values that tell their place.
    fn counted(shape: &[usize]) -> Vec<f32> {
        (0..shape.iter().product()).map(|i| i as f32).collect()
    }

    fn read(bytes: &[u8], key: Option<&str>) -> Result<Ws> {
        rows(&VectorFile::open(bytes)?, key, SIZES)
    }

    #[test]
    fn rows_come_in_the_shapes_people_have() {
        for (shape, n, alike) in [
            (&[2][..], 1, true),
            (&[1, 2], 1, true),
            (&[1, 1, 2], 1, true),
            (&[3, 2], 3, true),
            (&[1, 3, 2], 3, true),
            (&[3, 1, 2], 3, true),
            (&[4, 1, 2], 4, true),
            (&[1, 5, 2], 5, true),
            (&[4, 2], 1, false),
            (&[1, 4, 2], 1, false),
            (&[1, 1, 4, 2], 1, false),
            (&[1, 1, 1, 4, 2], 1, false),
            (&[3, 4, 2], 3, false),
            (&[1, 3, 4, 2], 3, false),
            (&[3, 1, 4, 2], 3, false),
            (&[8], 1, false),
            (&[1, 8], 1, false),
            (&[3, 8], 3, false),
        ] {
            let ws = read(&npy_bytes(shape, &counted(shape)), None).unwrap_or_else(|error| panic!("{shape:?}: {error}"));
            let wanted = match alike {
                true => Ws::broadcast(&counted(shape), 2, 4).values,
                false => counted(shape),
            };
            assert_eq!((ws.n, ws.num_ws, ws.w_dim, ws.values), (n, 4, 2, wanted), "{shape:?}");
        }
        for shape in [&[2, 5, 2][..], &[4, 3], &[0, 4, 2], &[2, 2, 4, 2], &[], &[0], &[7]] {
            let error = read(&npy_bytes(shape, &counted(shape)), None).unwrap_err().to_string();
            assert!(error.contains("[N, 4, 2]") && error.contains(&format!("{shape:?}")), "{shape:?}: {error}");
        }
    }

    #[test]
    fn archives_are_read_under_the_names_people_use() {
        let array = |value: f32| Array::new(&[1, 4, 2], vec![value; 8]);
        let (one, two, other) = (array(1.0), array(2.0), Array::new(&[3], vec![0.0; 3]));
        for name in KNOWN.into_iter().chain(["anything"]) {
            assert_eq!(read(&npz_bytes(&[(name, &one)]), None).unwrap().values, [1.0; 8], "{name}");
            assert_eq!(read(&npz_bytes(&[("noise", &other), (name, &one)]), None).unwrap().values, [1.0; 8], "{name}");
        }
        assert_eq!(read(&npz_bytes(&[("latents", &two), ("dlatents", &one)]), None).unwrap().values, [1.0; 8]);
        let both = npz_bytes(&[("before", &one), ("after", &two)]);
        let error = read(&both, None).unwrap_err().to_string();
        assert!(error.contains("FILE:KEY, of before, after"), "{error}");
        assert_eq!(read(&both, Some("after")).unwrap().values, [2.0; 8]);
        assert!(read(&both, Some("later")).unwrap_err().to_string().contains("no later; it holds before, after"));
        // Called w, and not w of this network: nothing else is taken in its place.
        let error = read(&npz_bytes(&[("w", &other), ("x", &one)]), None).unwrap_err().to_string();
        assert!(error.contains("w [3]"), "{error}");
        // Directions are no faces.
        let directions = Array::new(&[3, 2], vec![0.0; 6]);
        assert!(read(&npz_bytes(&[("directions", &directions)]), None).is_err());
    }

    #[test]
    fn torch_files_are_read_in_their_wrappings() {
        let tensor = |value: f32| Py::Torch(vec![4, 2], vec![value; 8]);
        let projected = |value| {
            dict([
                ("img", Py::Torch(vec![3, 4, 4], vec![0.0; 48])),
                ("latent", tensor(value)),
                ("noise", Py::List(vec![Py::Torch(vec![1, 1, 4, 2], vec![9.0; 8])])),
            ])
        };
        let named = |entries: Vec<(&str, Py)>| Py::Dict(entries.into_iter().map(|(name, value)| (name.to_owned(), value)).collect());
        for (what, value, wanted) in [
            ("a tensor", tensor(1.0), &[1.0][..]),
            ("an array", Py::Numpy(vec![4, 2], vec![1.0; 8]), &[1.0]),
            ("pivots of PTI", Py::Torch(vec![1, 4, 2], vec![1.0; 8]), &[1.0]),
            ("a dict with one", named(vec![("w_opt", tensor(1.0)), ("step", Py::Int(3))]), &[1.0]),
            ("a dict of paths", named(vec![("faces/a.png", tensor(1.0)), ("b.jpg", tensor(2.0))]), &[1.0, 2.0]),
            ("a list", Py::List(vec![tensor(1.0), tensor(2.0)]), &[1.0, 2.0]),
            ("a name without a value", named(vec![("w", Py::None), ("latent", tensor(1.0)), ("init", tensor(2.0))]), &[1.0]),
            ("a text where rows may be", named(vec![("ws", Py::Str("w.npy")), ("start", tensor(1.0))]), &[1.0]),
            ("rosinality's projector", named(vec![("face.png", projected(1.0))]), &[1.0]),
            ("the same of two", named(vec![("a.png", projected(1.0)), ("b.png", projected(2.0))]), &[1.0, 2.0]),
            ("steps of ReStyle", named(vec![("a.png", Py::List(vec![tensor(1.0), tensor(2.0)]))]), &[1.0, 2.0]),
        ] {
            for bytes in [pickle(&value), legacy(&value), zip(&value)] {
                let ws = read(&bytes, None).unwrap_or_else(|error| panic!("{what}: {error}"));
                let firsts: Vec<f32> = (0..ws.n).map(|i| ws.image(i)[0]).collect();
                assert_eq!(firsts, wanted, "{what}");
            }
        }
        let bytes = zip(&named(vec![("a.png", projected(1.0)), ("b:c.png", projected(2.0))]));
        for (key, wanted) in [("a.png", 1.0), ("b:c.png", 2.0), ("b:c.png:latent", 2.0), ("b:c.png:noise:0", 9.0)] {
            assert_eq!(read(&bytes, Some(key)).unwrap().values, [wanted; 8], "{key}");
        }
        assert_eq!(read(&bytes, Some("1")).unwrap().values, [2.0; 8]);
        assert!(read(&bytes, Some("2")).unwrap_err().to_string().contains("no picture 2; it holds 2"));
        let error = read(&pickle(&named(vec![("init", tensor(1.0)), ("opt", tensor(2.0))])), None).unwrap_err().to_string();
        assert!(error.contains("init, opt"), "{error}");
        // A list where not everything is rows of w.
        let mixed = Py::List(vec![tensor(1.0), tensor(2.0), Py::Torch(vec![3], vec![0.0; 3])]);
        assert!(read(&pickle(&mixed), None).unwrap_err().to_string().contains("0, 1"));
    }
}
