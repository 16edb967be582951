//! Pictures that somebody liked, by their rows of w, and which came of which: one file of JSON, written whole or not at all.
//!
//! The file may come from anybody. It is read up to a size, and what it says is checked before it is used: shapes against the number of
//! values, numbers for being finite, and parents for having been there before their children, so that a lineage ends.

use std::fmt;
use std::io::Write;
use std::path::Path;

use serde::{Deserialize, Serialize};
use stylegan_convert::hex;
use stylegan_wgpu::internals::{atomic_file, regular_file, text};
use stylegan_wgpu::latent::Ws;

/// Version of the file.
const VERSION: u32 = 1;
/// Bytes of a file that are read: a thousand of 18 rows of 512 that all differ.
const MOST_BYTES: u64 = 128 << 20;
/// Values of w of one favourite.
const MOST_VALUES: usize = 1 << 20;
/// Characters of a name.
const MOST_NAME: usize = 120;

/// A list of them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Favourites {
    /// Their numbers ascend.
    items: Vec<Favourite>,
}

/// One of them.
#[derive(Clone, Debug, PartialEq)]
pub struct Favourite {
    /// Its number in the file, never given twice.
    pub id: u64,
    /// What somebody called it.
    pub name: String,
    /// sha256 of the network it is of, as [`sha256`](crate::drawing::sha256) gives it.
    pub network: String,
    /// Its rows of w, as they are drawn.
    pub ws: Ws,
    /// The numbers of those it came of: none, one, or two. They may have been removed since.
    pub parents: Vec<u64>,
}

/// Why a file of favourites was not read.
#[derive(Debug)]
#[non_exhaustive]
pub enum FavouritesError {
    /// It could not be read or written.
    File(stylegan_wgpu::Error),
    /// It is of a later version of this program.
    Version {
        /// The file's.
        found: u32,
    },
    /// It is no file of favourites, or a damaged one.
    Format(String),
}

impl fmt::Display for FavouritesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FavouritesError::File(error) => error.fmt(f),
            FavouritesError::Version { found } => {
                write!(f, "favourites of version {found}; this program reads {VERSION}: use a newer one, or another file")
            }
            FavouritesError::Format(text) => write!(f, "no file of favourites: {text}"),
        }
    }
}

impl std::error::Error for FavouritesError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            FavouritesError::File(error) => Some(error),
            _ => None,
        }
    }
}

/// The file.
#[derive(Serialize, Deserialize)]
struct Written {
    favourites: u32,
    items: Vec<Item>,
}

#[derive(Serialize, Deserialize)]
struct Item {
    id: u64,
    name: String,
    network: String,
    num_ws: usize,
    w_dim: usize,
    /// f32, little endian, in hexadecimal: JSON's numbers are decimal. One row where all are alike.
    w: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    parents: Vec<u64>,
}

impl Favourites {
    /// Those of a file; none where there is no file yet.
    pub fn read(path: &Path) -> Result<Favourites, FavouritesError> {
        if matches!(path.try_exists(), Ok(false)) {
            return Ok(Favourites::default());
        }
        Favourites::parse(&regular_file::read(path, MOST_BYTES).map_err(FavouritesError::File)?)
    }

    /// Those of the bytes of a file.
    pub fn parse(bytes: &[u8]) -> Result<Favourites, FavouritesError> {
        /// What every version has.
        #[derive(Deserialize)]
        struct Version {
            favourites: u32,
        }
        let wrong = |error: serde_json::Error| FavouritesError::Format(text::line(&error.to_string(), 120));
        let Version { favourites: found } = serde_json::from_slice(bytes).map_err(wrong)?;
        if found != VERSION {
            return Err(FavouritesError::Version { found });
        }
        let written: Written = serde_json::from_slice(bytes).map_err(wrong)?;
        let mut favourites = Favourites::default();
        for item in written.items {
            let id = item.id;
            let favourite = item.checked().map_err(|what| FavouritesError::Format(format!("number {id}: {what}")))?;
            if favourites.items.last().is_some_and(|last| last.id >= id) {
                return Err(FavouritesError::Format(format!("number {id} is not above the one before it")));
            }
            favourites.items.push(favourite);
        }
        Ok(favourites)
    }

    /// Writes them, whole or not at all.
    pub fn write(&self, path: &Path) -> Result<(), FavouritesError> {
        let written = Written { favourites: VERSION, items: self.items.iter().map(Item::of).collect() };
        let json = serde_json::to_vec_pretty(&written).map_err(|error| FavouritesError::Format(error.to_string()))?;
        atomic_file::write(path, |file| file.write_all(&json)).map_err(FavouritesError::File)
    }

    /// Adds one, and gives its number. `parents` are numbers of this list.
    pub fn add(&mut self, name: &str, network: &str, ws: Ws, parents: &[u64]) -> u64 {
        // Numbers of those that are gone stay theirs as long as a child names them.
        let used = self.items.iter().flat_map(|item| item.parents.iter().chain([&item.id])).chain(parents).max();
        let id = used.map_or(1, |used| used.saturating_add(1));
        let parents = parents.iter().copied().filter(|&parent| parent < id).take(2).collect();
        self.items.push(Favourite { id, name: named(name), network: network.into(), ws, parents });
        id
    }

    /// Removes one; its children keep its number.
    pub fn remove(&mut self, id: u64) {
        self.items.retain(|item| item.id != id);
    }

    /// Calls one something else.
    pub fn rename(&mut self, id: u64, name: &str) {
        self.items.iter_mut().filter(|item| item.id == id).for_each(|item| item.name = named(name));
    }

    /// All of them, by number.
    pub fn items(&self) -> &[Favourite] {
        &self.items
    }

    /// One of them.
    pub fn get(&self, id: u64) -> Option<&Favourite> {
        self.items.binary_search_by_key(&id, |item| item.id).ok().map(|index| &self.items[index])
    }

    /// Those it came of, as far as they are there: its parents first, then theirs, each once.
    pub fn ancestors(&self, id: u64) -> Vec<&Favourite> {
        let mut found: Vec<&Favourite> = Vec::new();
        let mut generation: Vec<u64> = self.get(id).map(|item| item.parents.clone()).unwrap_or_default();
        while !generation.is_empty() {
            let mut next = Vec::new();
            for item in generation.iter().filter_map(|&id| self.get(id)) {
                if found.iter().all(|known| known.id != item.id) {
                    found.push(item);
                    next.extend(&item.parents);
                }
            }
            generation = next;
        }
        found
    }
}

fn named(name: &str) -> String {
    text::line(name.trim(), MOST_NAME)
}

impl Item {
    fn of(favourite: &Favourite) -> Item {
        let Ws { num_ws, w_dim, values, .. } = &favourite.ws;
        let first = &values[..(*w_dim).min(values.len())];
        let bits = |row: &[f32]| row.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
        let alike = *w_dim > 0 && values.chunks(*w_dim).all(|row| bits(row) == bits(first));
        let kept = if alike { first } else { values };
        Item {
            id: favourite.id,
            name: favourite.name.clone(),
            network: favourite.network.clone(),
            num_ws: *num_ws,
            w_dim: *w_dim,
            w: hex(&kept.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<_>>()),
            parents: favourite.parents.clone(),
        }
    }

    fn checked(self) -> Result<Favourite, String> {
        let Item { id, name, network, num_ws, w_dim, w, parents } = self;
        let size = num_ws.checked_mul(w_dim).filter(|size| (1..=MOST_VALUES).contains(size));
        let size = size.ok_or_else(|| format!("{num_ws} rows of {w_dim}; at most {MOST_VALUES} values are read"))?;
        let values = floats(&w).ok_or("w is not hexadecimal")?;
        let values = match values.len() {
            given if given == size => values,
            given if given == w_dim => Ws::broadcast(&values, w_dim, num_ws).values,
            given => return Err(format!("w has {given} values; it is {num_ws} rows of {w_dim}, or one for all")),
        };
        if !values.iter().all(|value| value.is_finite()) {
            return Err("w has values that are NaN or infinite".into());
        }
        if network.len() != 64 || !network.bytes().all(|letter| letter.is_ascii_hexdigit()) {
            return Err("network is no sha256".into());
        }
        if parents.len() > 2 || parents.iter().any(|&parent| parent >= id) {
            return Err("parents are at most two, with smaller numbers".into());
        }
        Ok(Favourite { id, name: named(&name), network, ws: Ws { n: 1, num_ws, w_dim, values }, parents })
    }
}

/// Little-endian f32 of hexadecimal digits.
fn floats(text: &str) -> Option<Vec<f32>> {
    let digit = |letter: &u8| char::from(*letter).to_digit(16);
    let (words, rest) = text.as_bytes().as_chunks::<8>();
    if !rest.is_empty() {
        return None;
    }
    words
        .iter()
        .map(|word| {
            let bytes: Option<Vec<u8>> = word.as_chunks::<2>().0.iter().map(|[a, b]| Some((digit(a)? * 16 + digit(b)?) as u8)).collect();
            Some(f32::from_le_bytes(bytes?.try_into().ok()?))
        })
        .collect()
}

#[cfg(test)]
mod tests;
