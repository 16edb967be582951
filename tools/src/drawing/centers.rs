//! `--centers`: from a file, or made once for a network and kept in the cache folder.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde_json::Value;
use stylegan_convert::array_file;
use stylegan_studio::drawing::cache_folder;
use stylegan_studio::vectors::{Centers, Sizes, Source, VectorError, VectorFile};
use stylegan_wgpu::internals::regular_file;
use stylegan_wgpu::latent::{Truncation, Ws};
use stylegan_wgpu::{Gpu, Model};

use crate::drawing::{network, stamp};
use crate::failure::Failure;
use crate::note;

/// How many `auto` makes. The paper has 32 to 128.
pub(crate) const USUAL: usize = 64;

/// In the names of kept files: another number when centres are made in another way.
const VERSION: u32 = 1;
/// Files that are kept, 128 KB each for the usual network; the oldest goes when there is one more.
const MOST_KEPT: usize = 64;

/// A value of `--centers`.
#[derive(Clone, Debug)]
pub(crate) enum Wanted {
    Auto(usize),
    File(Source),
}

pub(crate) fn parse(text: &str) -> Result<Wanted, String> {
    let count = match text.strip_prefix("auto") {
        Some("") => Some(USUAL.to_string()),
        Some(rest) => rest.strip_prefix(':').map(str::to_owned),
        None => None,
    };
    match count.map(|count| count.parse()) {
        None => text.parse().map(Wanted::File),
        Some(Ok(count)) if (1..=Centers::MOST).contains(&count) => Ok(Wanted::Auto(count)),
        Some(_) => Err(format!("write auto, or auto:N with 1 to {} centres; a file of that name is ./{text}", Centers::MOST)),
    }
}

/// What was wanted, before a device is opened.
pub(crate) enum Chosen {
    Ready(Centers),
    /// They have to be made.
    Missing(Recipe),
}

/// How centres are made, and where they are kept.
pub(crate) struct Recipe {
    k: usize,
    class: Option<usize>,
    /// None where there is no cache folder.
    path: Option<PathBuf>,
}

impl Chosen {
    /// Reads a file, or what was kept for the network of that [`sha256`](stylegan_studio::drawing::sha256).
    pub(crate) fn of(wanted: &Wanted, model: &Model, class: Option<usize>, sha256: impl FnOnce() -> String) -> Result<Chosen, Failure> {
        match wanted {
            Wanted::File(source) => Ok(Chosen::Ready(read(source, Sizes::of(&model.config))?)),
            Wanted::Auto(k) => {
                let class_part = class.map_or(String::new(), |class| format!("-class{class}"));
                let name = |sha256| format!("v{VERSION}-{sha256}-k{k}{class_part}.npy");
                let path = cache_folder().map(|folder| folder.join("centers").join(name(sha256())));
                let kept = path.as_deref().and_then(|path| kept(path, *k, model.config.w_dim()));
                Ok(kept.map_or(Chosen::Missing(Recipe { k: *k, class, path }), Chosen::Ready))
            }
        }
    }

    /// The centres, made where they have to be, on the device that is opened for it.
    pub(crate) fn centers(&self, gpu: impl FnOnce() -> Result<Gpu, Failure>, model: &Model) -> Result<Centers, Failure> {
        match self {
            Chosen::Ready(centers) => Ok(centers.clone()),
            Chosen::Missing(recipe) => {
                let centers = find(&gpu()?, model, recipe.k, recipe.class)?;
                // Two processes write the same; the last file is whole as the first was.
                if let Some(path) = &recipe.path
                    && let Err(error) = keep(path, &centers)
                {
                    note(&format!("the centres could not be kept for the next time: {}: {error}", path.display()));
                }
                Ok(centers)
            }
        }
    }
}

/// Makes centres, with a bar.
pub(crate) fn find(gpu: &Gpu, model: &Model, k: usize, class: Option<usize>) -> Result<Centers, Failure> {
    let bar = network::bar(1000, "finding centres of w");
    let centers = Centers::find(gpu, model, k, class, &mut |part| bar.set_position((1000.0 * part) as u64));
    bar.finish_and_clear();
    Ok(centers?)
}

/// Of a file, or of all .npy files of a folder in the order of their names.
fn read(source: &Source, sizes: Sizes) -> Result<Centers, Failure> {
    let (path, key, bytes) = source.read();
    if key.is_none() && path.is_dir() {
        return read_folder(&path, sizes);
    }
    let found = bytes.and_then(|bytes| Centers::read(&VectorFile::open(&bytes)?, key, sizes));
    found.map_err(|error| Failure::Runtime(format!("{}: {error}", path.display())))
}

fn read_folder(folder: &Path, sizes: Sizes) -> Result<Centers, Failure> {
    let failed = |path: &Path, error: VectorError| Failure::Runtime(format!("{}: {error}", path.display()));
    let entries = fs::read_dir(folder).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let mut paths: Vec<PathBuf> = entries.map_err(|error| failed(folder, error.into()))?.into_iter().map(|entry| entry.path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("npy")));
    paths.sort();
    let wrong = |what: String| Failure::Runtime(format!("{}: {what}", folder.display()));
    if paths.is_empty() {
        return Err(wrong("the folder holds no .npy files; name a file of centres, or a folder of such".into()));
    }
    if paths.len() > Centers::MOST {
        return Err(wrong(format!("the folder holds {} .npy files; at most {} centres are read", paths.len(), Centers::MOST)));
    }
    let one = |path: &PathBuf| {
        let bytes = regular_file::read(path, u64::MAX)?;
        let file = VectorFile::open(&bytes).and_then(|file| Centers::read(&file, None, sizes));
        file.map_err(|error| failed(path, error))
    };
    let parts = paths.iter().map(one).collect::<Result<Vec<_>, Failure>>()?;
    Centers::join(parts).ok_or_else(|| wrong(format!("the folder holds more than {} centres", Centers::MOST)))
}

/// What was kept under that name; None when there is nothing, or something else.
fn kept(path: &Path, k: usize, w_dim: usize) -> Option<Centers> {
    // The header of an .npy has some 128 bytes.
    let bytes = regular_file::read(path, (4 * k * w_dim + 4096) as u64).ok()?;
    let array = array_file::read_bytes(&bytes, "").ok()?;
    (array.shape == [k, w_dim]).then(|| Centers::new(w_dim, array.values))
}

fn keep(path: &Path, centers: &Centers) -> Result<(), String> {
    let folder = path.parent().unwrap_or(path);
    fs::create_dir_all(folder).map_err(|error| error.to_string())?;
    let w_dim = centers.values().len() / centers.count();
    array_file::write_npy(path, &[centers.count(), w_dim], centers.values()).map_err(|error| error.to_string())?;
    let entries = fs::read_dir(folder).map_err(|error| error.to_string())?;
    let mut files: Vec<(SystemTime, PathBuf)> = entries
        .filter_map(|entry| {
            let entry = entry.ok()?;
            Some((entry.metadata().ok()?.modified().ok()?, entry.path()))
        })
        .filter(|(_, path)| path.extension().is_some_and(|extension| extension == "npy"))
        .collect();
    files.sort();
    let surplus = files.len().saturating_sub(MOST_KEPT);
    // Another process may have been faster.
    files.into_iter().take(surplus).for_each(|(_, path)| drop(fs::remove_file(path)));
    Ok(())
}

/// What truncation pulls towards.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Anchor {
    /// The average w of the network, `[w_dim]` or `[num_ws, w_dim]`.
    Average(Vec<f32>),
    /// Of several, the one a picture is nearest to.
    Centers(Centers),
}

impl Anchor {
    /// Truncates rows of w that are not truncated yet.
    pub(crate) fn truncate(&self, truncation: &Truncation, ws: &mut Ws) -> stylegan_wgpu::Result<()> {
        match self {
            Anchor::Average(w_avg) => truncation.apply(ws, w_avg),
            Anchor::Centers(centers) => centers.truncate(truncation, ws),
        }
    }

    /// What a manifest says of it.
    pub(crate) fn record(&self) -> Value {
        match self {
            Anchor::Average(_) => Value::Null,
            Anchor::Centers(centers) => stamp::sha256(centers.values()).into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn auto_is_a_word_and_everything_else_a_file() {
        assert!(matches!(parse("auto"), Ok(Wanted::Auto(USUAL))));
        assert!(matches!(parse("auto:7"), Ok(Wanted::Auto(7))));
        for file in ["auto.npy", "automatic", "./auto", "c.npy:3"] {
            assert!(matches!(parse(file), Ok(Wanted::File(_))), "{file}");
        }
        for wrong in ["", "auto:", "auto:0", "auto:4097", "auto:x"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_is_kept_is_checked_and_bounded() {
        let folder = tempfile::tempdir().unwrap();
        let path = |i: usize| folder.path().join(format!("centers/v1-{i:03}.npy"));
        let centers = Centers::new(2, vec![1.0, 2.0, 3.0, 4.0]);
        keep(&path(0), &centers).unwrap();
        assert_eq!(kept(&path(0), 2, 2), Some(centers.clone()));
        assert_eq!(kept(&path(0), 1, 4), None, "of another network");
        assert_eq!(kept(&path(1), 2, 2), None);
        array_file::write_npy(&path(1), &[2, 2], &[1.0, f32::NAN, 0.0, 0.0]).unwrap();
        assert_eq!(kept(&path(1), 2, 2), None, "damaged");
        fs::write(path(1), vec![0; 100_000]).unwrap();
        assert_eq!(kept(&path(1), 2, 2), None, "too long");
        for i in 0..MOST_KEPT + 5 {
            keep(&path(i), &centers).unwrap();
        }
        assert_eq!(fs::read_dir(folder.path().join("centers")).unwrap().count(), MOST_KEPT);
        assert_eq!(kept(&path(MOST_KEPT + 4), 2, 2), Some(centers));
    }
}
