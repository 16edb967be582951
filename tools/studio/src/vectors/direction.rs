//! Directions in w: ours, GANSpace's, rosinality's factorisation, and the single arrays that people publish.

use stylegan_wgpu::latent::Ws;

use super::Sizes;
use super::error::{Result, VectorError};
use super::file::{Leaf, Node, Part, VectorFile, join};

/// What to add to the rows of w for a strength of 1.
#[derive(Clone, Debug, PartialEq)]
pub struct Direction {
    /// `[num_ws, w_dim]`.
    pub rows: Vec<f32>,
    /// The rows it was found for, where the file says so.
    pub layers: Option<Vec<usize>>,
    /// The standard deviation of w along it, where the file has one.
    pub sigma: Option<f32>,
    /// Whether a strength without a unit counts standard deviations: where the file was made for that.
    pub in_sigma: bool,
}

/// Moves `layers` of every picture by `strength` times the rows of a direction, `[num_ws, w_dim]`.
pub fn shift(ws: &mut Ws, rows: &[f32], layers: &[usize], strength: f32) {
    for picture in ws.values.chunks_exact_mut(ws.num_ws * ws.w_dim) {
        for &layer in layers {
            let row = layer * ws.w_dim..(layer + 1) * ws.w_dim;
            picture[row.clone()].iter_mut().zip(&rows[row]).for_each(|(value, step)| *value += strength * step);
        }
    }
}

/// A list of directions as a tool writes it: the array, what holds their standard deviations, and how it is laid out.
struct Layout {
    array: &'static str,
    sigma: &'static [&'static str],
    /// Its columns are the directions, not its rows.
    columns: bool,
    in_sigma: bool,
}

/// Tried in this order: GANSpace has the components of activations beside those of w.
const LAYOUTS: [Layout; 6] = [
    // Ours.
    Layout { array: "directions", sigma: &["sigma"], columns: false, in_sigma: true },
    // closed_form_factorization.py of rosinality: torch.svd(W).V, of which apply_factor.py takes eigvec[:, index].
    Layout { array: "eigvec", sigma: &[], columns: true, in_sigma: false },
    // GANSpace's cache, whose edits count standard deviations.
    Layout { array: "lat_comp", sigma: &["lat_stdev"], columns: false, in_sigma: true },
    Layout { array: "act_comp", sigma: &["act_stdev"], columns: false, in_sigma: true },
    // GANSpace's components as e4e and others hand them around (ffhq_pca.pt).
    Layout { array: "comp", sigma: &["std", "stdev"], columns: false, in_sigma: false },
    Layout { array: "components", sigma: &["std", "stdev"], columns: false, in_sigma: false },
];

/// Whether a part of a file is a list of directions.
pub(super) fn is_a_list(node: &Node) -> bool {
    LAYOUTS.iter().any(|layout| node.get(layout.array).is_some())
}

impl Direction {
    /// Reads a direction of a file for a network: the entry `key`, or the only one.
    pub fn read(file: &VectorFile<'_>, key: Option<&str>, sizes: Sizes) -> Result<Direction> {
        let Part { node, name, row } = file.part(key)?;
        if let Some(layout) = LAYOUTS.iter().find(|layout| matches!(node.get(layout.array), Some(Node::Array(_)))) {
            return listed(file, node, layout, &name, row, sizes);
        }
        // FILE:lat_comp:2 is one of a list, too.
        let (parent, last) = name.rsplit_once(':').unwrap_or(("", &name));
        if let Some(layout) = LAYOUTS.iter().find(|layout| layout.array == last) {
            let parent = file.part((!parent.is_empty()).then_some(parent))?.node;
            return listed(file, parent, layout, parent_name(&name), row, sizes);
        }
        let (name, leaf) = single(node, &name, sizes)?;
        let array = file.values(&name, leaf)?;
        let rows = select(&array.shape, &array.values, row, sizes)?;
        Ok(Direction { rows, layers: None, sigma: None, in_sigma: false })
    }

    /// What a strength of one standard deviation multiplies it by, of rows of w `[_, w_dim]`: where rows of the direction differ, so that
    /// none goes further. 0 where w does not vary along it.
    pub fn spread(&self, w: &[f32], w_dim: usize) -> f32 {
        let count = (w.len() / w_dim).max(1) as f64;
        let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
        let of_row = |row: &[f32]| {
            let along = || w.chunks_exact(w_dim).map(|w| dot(w, row));
            let mean = along().sum::<f64>() / count;
            let deviation = (along().map(|value| (value - mean).powi(2)).sum::<f64>() / count).sqrt();
            deviation / dot(row, row)
        };
        let mut rows: Vec<&[f32]> = self.rows.chunks_exact(w_dim).filter(|row| row.iter().any(|value| *value != 0.0)).collect();
        rows.dedup();
        let least = rows.into_iter().map(of_row).fold(f64::INFINITY, f64::min);
        if least.is_finite() { least as f32 } else { 0.0 }
    }
}

fn parent_name(name: &str) -> &str {
    name.rsplit_once(':').map_or("", |(parent, _)| parent)
}

/// Of a list in a known layout.
fn listed(file: &VectorFile<'_>, node: &Node, layout: &Layout, name: &str, row: Option<usize>, sizes: Sizes) -> Result<Direction> {
    let values = |entry: &str| match node.get(entry) {
        Some(Node::Array(leaf)) => file.values(&join(name, entry), leaf).map(Some),
        _ => Ok(None),
    };
    let array = values(layout.array)?.unwrap_or_else(|| unreachable!("the layout was told by it"));
    // [n, 1, w_dim] of GANSpace is [n, w_dim].
    let shape: Vec<usize> = match array.shape[..] {
        [n, 1, size] | [1, n, size] => vec![n, size],
        _ => array.shape.clone(),
    };
    let [first, second] = shape[..] else { return Err(misfit(vec![format!("{} {:?}", layout.array, array.shape)], sizes)) };
    let (n, size) = if layout.columns { (second, first) } else { (first, second) };
    let flat = sizes.num_ws * sizes.w_dim;
    if size != sizes.w_dim && size != flat {
        return Err(misfit(vec![format!("{} {:?}", layout.array, array.shape)], sizes));
    }
    let index = index(row, n)?;
    let chosen: Vec<f32> = match layout.columns {
        true => array.values.iter().skip(index).step_by(n).copied().collect(),
        false => array.values[index * size..][..size].to_vec(),
    };
    let sigma = match layout.sigma.iter().find(|name| node.get(name).is_some()) {
        Some(name) => values(name)?.and_then(|sigma| sigma.values.get(index).copied()),
        None => None,
    };
    let layers = values("layers")?.map(|layers| {
        let rows = layers.values.iter().filter(|row| (0.0..sizes.num_ws as f32).contains(*row));
        rows.map(|row| *row as usize).collect()
    });
    Ok(Direction { rows: everywhere(&chosen, sizes), layers, sigma, in_sigma: layout.in_sigma && sigma.is_some() })
}

/// The one array of a part of a file that can be a direction.
fn single<'a>(node: &'a Node, name: &str, sizes: Sizes) -> Result<(String, &'a Leaf)> {
    fn fitting<'a>(node: &'a Node, name: &str, sizes: Sizes, found: &mut Vec<(String, &'a Leaf)>) {
        match node {
            Node::Array(leaf) if count(&leaf.shape, sizes).is_some() => found.push((name.into(), leaf)),
            _ => node.children().into_iter().for_each(|(child, node)| fitting(node, &join(name, &child), sizes, found)),
        }
    }
    let mut found = Vec::new();
    fitting(node, name, sizes, &mut found);
    match found.len() {
        0 => {
            let mut shapes = Vec::new();
            node.shapes(name, &mut shapes);
            Err(misfit(shapes, sizes))
        }
        1 => Ok(found.remove(0)),
        _ => Err(VectorError::Choice { what: "directions", keys: found.into_iter().map(|(name, _)| name).collect() }),
    }
}

fn misfit(found: Vec<String>, Sizes { num_ws, w_dim }: Sizes) -> VectorError {
    VectorError::Shape { needed: format!("directions of [{w_dim}] or [{num_ws}, {w_dim}], or several of them"), found }
}

/// How many directions an array of a shape holds, and the length of each: `[w_dim]`, `[n, w_dim]`, `[num_ws, w_dim]`, `[n, num_ws, w_dim]`, the
/// last two also flattened, and any of them with ones in front.
fn count(shape: &[usize], Sizes { num_ws, w_dim }: Sizes) -> Option<(usize, usize)> {
    let ones = shape.iter().take_while(|&&side| side == 1).count().min(shape.len().saturating_sub(1));
    let flat = num_ws * w_dim;
    match shape[ones..] {
        [size] if size == w_dim || size == flat => Some((1, size)),
        [n, size] | [n, 1, size] if size == w_dim || size == flat => Some((n, size)),
        [n, rows, size] | [n, 1, rows, size] if (rows, size) == (num_ws, w_dim) => Some((n, flat)),
        _ => None,
    }
}

/// One direction of an array without further meaning.
fn select(shape: &[usize], values: &[f32], row: Option<usize>, sizes: Sizes) -> Result<Vec<f32>> {
    let (n, size) = count(shape, sizes).ok_or_else(|| misfit(vec![format!("{shape:?}")], sizes))?;
    // As many rows as layers are one direction, with a row for each.
    if row.is_none() && (n, size) == (sizes.num_ws, sizes.w_dim) {
        return Ok(values.to_vec());
    }
    let chosen = index(row, n)?;
    Ok(everywhere(&values[chosen * size..][..size], sizes))
}

/// The number of a direction, of `n`.
fn index(row: Option<usize>, n: usize) -> Result<usize> {
    match row {
        None if n == 1 => Ok(0),
        None => Err(VectorError::Number { n }),
        Some(row) if row < n => Ok(row),
        Some(row) => Err(VectorError::Entry { wanted: format!("direction {row}"), found: format!("{n}, counted from 0") }),
    }
}

/// A row for every layer.
fn everywhere(row: &[f32], sizes: Sizes) -> Vec<f32> {
    row.iter().copied().cycle().take(sizes.num_ws * sizes.w_dim).collect()
}

#[cfg(test)]
mod tests {
    use stylegan_convert::array_file::{Array, npy_bytes, npz_bytes};
    use stylegan_convert::test_files::writer::{Py, dict, pickle, zip};

    use super::*;

    const SIZES: Sizes = Sizes { num_ws: 4, w_dim: 2 };

    fn read(bytes: &[u8], key: Option<&str>) -> Result<Direction> {
        Direction::read(&VectorFile::open(bytes)?, key, SIZES)
    }

    fn counted(shape: &[usize]) -> Vec<f32> {
        (0..shape.iter().product()).map(|i| i as f32).collect()
    }

    fn plain(shape: &[usize], key: Option<&str>) -> Result<Vec<f32>> {
        read(&npy_bytes(shape, &counted(shape)), key).map(|direction| direction.rows)
    }

    fn all(a: f32, b: f32) -> Vec<f32> {
        [a, b].repeat(4)
    }

    #[test]
    fn a_standard_deviation_of_w_is_the_same_whatever_the_length_of_a_direction() {
        // Deviation 2 along the first axis, 1 along the second.
        let w = [5.0, 1.0, 1.0, 3.0, 5.0, 3.0, 1.0, 1.0];
        let of = |rows: &[f32]| Direction { rows: rows.to_vec(), layers: None, sigma: None, in_sigma: false }.spread(&w, 2);
        assert_eq!(of(&[1.0, 0.0]), 2.0);
        assert_eq!(of(&[4.0, 0.0]), 0.5);
        assert_eq!(of(&[0.0, 0.0, 0.0, -1.0, 1.0, 0.0]), 1.0, "the row that goes furthest, and none that goes nowhere");
        assert_eq!(of(&[0.0, 0.0]), 0.0);
    }

    #[test]
    fn only_the_layers_chosen_move() {
        let mut ws = Ws::new(2, 3, 2, vec![1.0; 12]).unwrap();
        shift(&mut ws, &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], &[0, 2], -2.0);
        assert_eq!(ws.image(0), [-1.0, -3.0, 1.0, 1.0, -9.0, -11.0]);
        assert_eq!(ws.image(1), ws.image(0));
    }

    #[test]
    fn directions_come_in_the_shapes_people_publish() {
        for shape in [&[2][..], &[1, 2], &[1, 1, 2]] {
            assert_eq!(plain(shape, None).unwrap(), all(0.0, 1.0), "{shape:?}");
            assert_eq!(plain(shape, Some("0")).unwrap(), all(0.0, 1.0), "{shape:?}");
        }
        for shape in [&[3, 2][..], &[3, 1, 2], &[1, 3, 2]] {
            assert_eq!(plain(shape, Some("2")).unwrap(), all(4.0, 5.0), "{shape:?}");
        }
        for shape in [&[4, 2][..], &[1, 4, 2], &[8], &[1, 8]] {
            assert_eq!(plain(shape, None).unwrap(), counted(&[8]), "{shape:?}");
        }
        assert_eq!(plain(&[2, 4, 2], Some("1")).unwrap(), (8..16).map(|i| i as f32).collect::<Vec<_>>());
        assert_eq!(plain(&[4, 2], Some("1")).unwrap(), all(2.0, 3.0));
        for (shape, key, says) in [
            (&[3][..], None, "takes directions of [2] or [4, 2]"),
            (&[], None, "[]"),
            (&[3, 2], None, "choose one with FILE:0 to FILE:2"),
            (&[3, 2], Some("3"), "no direction 3; it holds 3"),
            (&[3, 2], Some("age"), "no age; it holds an array [3, 2]"),
            (&[0, 2], Some("0"), "it holds 0"),
            (&[3, 5, 2], None, "[3, 5, 2]"),
        ] {
            let error = plain(shape, key).unwrap_err().to_string();
            assert!(error.contains(says), "{shape:?}: {error}");
        }
    }

    #[test]
    fn lists_of_known_tools_are_read_as_they_mean_them() {
        // As many directions as layers are a list all the same.
        let array = Array::new(&[4, 2], counted(&[8]));
        let (sigma, layers) = (Array::new(&[4], vec![0.5, 1.5, 2.5, 3.5]), Array::new(&[2], vec![0.0, 2.0]));
        let ours = npz_bytes(&[("directions", &array), ("sigma", &sigma), ("layers", &layers)]);
        let direction = read(&ours, Some("1")).unwrap();
        assert_eq!(direction, Direction { rows: all(2.0, 3.0), layers: Some(vec![0, 2]), sigma: Some(1.5), in_sigma: true });
        assert!(read(&ours, None).unwrap_err().to_string().contains("choose one with FILE:0 to FILE:3"));
        let old = npz_bytes(&[("directions", &array), ("layers", &layers)]);
        assert_eq!(read(&old, Some("1")).unwrap(), Direction { sigma: None, in_sigma: false, ..direction });

        let component = Array::new(&[4, 1, 2], counted(&[8]));
        let activations = Array::new(&[4, 1, 3], vec![0.0; 12]);
        let ganspace = npz_bytes(&[("act_comp", &activations), ("lat_comp", &component), ("lat_stdev", &sigma), ("lat_mean", &layers)]);
        for key in ["2", "lat_comp:2"] {
            let direction = read(&ganspace, Some(key)).unwrap();
            assert_eq!(direction, Direction { rows: all(4.0, 5.0), layers: None, sigma: Some(2.5), in_sigma: true }, "{key}");
        }
        assert!(read(&ganspace, Some("act_comp:2")).unwrap_err().to_string().contains("act_comp [4, 1, 3]"));
        let pca = dict([
            ("mean", Py::Torch(vec![1, 2], vec![0.0; 2])),
            ("comp", Py::Torch(vec![4, 1, 2], counted(&[8]))),
            ("std", Py::Torch(vec![4], sigma.values)),
        ]);
        let direction = read(&zip(&pca), Some("2")).unwrap();
        assert_eq!(direction, Direction { rows: all(4.0, 5.0), layers: None, sigma: Some(2.5), in_sigma: false });

        let factor = dict([("ckpt", Py::Str("x.pt")), ("eigvec", Py::Torch(vec![2, 2], vec![1.0, 2.0, 3.0, 4.0]))]);
        for key in ["1", "eigvec:1"] {
            assert_eq!(read(&zip(&factor), Some(key)).unwrap().rows, all(2.0, 4.0), "{key}: a column");
        }
    }

    #[test]
    fn lists_and_dicts_are_chosen_from() {
        let tensor = |a, b| Py::Torch(vec![1, 2], vec![a, b]);
        let named = || dict([("age", tensor(1.0, 2.0)), ("smile", tensor(3.0, 4.0)), ("note", Py::Str("x"))]);
        for bytes in [pickle(&named()), zip(&named())] {
            assert_eq!(read(&bytes, Some("smile")).unwrap().rows, all(3.0, 4.0));
            assert!(read(&bytes, None).unwrap_err().to_string().contains("of age, smile"));
            assert!(read(&bytes, Some("hair")).unwrap_err().to_string().contains("no hair; it holds age, smile, note"));
        }
        let list = pickle(&Py::List(vec![tensor(1.0, 2.0), tensor(3.0, 4.0)]));
        assert_eq!(read(&list, Some("1")).unwrap().rows, all(3.0, 4.0));
        assert!(read(&list, Some("2")).unwrap_err().to_string().contains("no 2; it holds 2, counted from 0"));
        assert!(read(&list, None).unwrap_err().to_string().contains("of 0, 1"));
        let one = pickle(&dict([("name", Py::Str("age")), ("direction", tensor(1.0, 2.0))]));
        assert_eq!(read(&one, None).unwrap().rows, all(1.0, 2.0));
    }
}
