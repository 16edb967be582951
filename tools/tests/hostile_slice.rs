//! A fixed slice of what fuzz/ looks for: every format cut at 200 places and with 2,000 single bits turned. Only a network or a
//! one-line error may come of it, and at most four times the file and 64 MiB of memory: a process of its own and one test, because
//! what is read is the process's peak. Where the system does not tell it (anything but Linux), only the errors are checked.

use std::collections::BTreeMap;
use std::path::Path;

use stylegan_convert::array_file::{self, npz_bytes};
use stylegan_convert::openvino::{self, Ir};
use stylegan_convert::{ConvertError, from_bytes};
use stylegan_wgpu::internals::networks::stylegan2;
use stylegan_wgpu::internals::random_weights::random_weights;
use stylegan_wgpu::{Config, Model, Precision};

mod memory;
#[allow(dead_code, reason = "the tests of OpenVINO use the rest of it")]
#[path = "openvino/small.rs"]
mod small;

/// An error.
struct Refusal {
    line: String,
    /// Whether it says that the file ends early.
    early_end: bool,
}

type Outcome = Result<(), Refusal>;

/// An error of a reader that has no kind of its own for an early end.
fn refusal(error: impl ToString) -> Refusal {
    Refusal { line: error.to_string(), early_end: false }
}

type Read = Box<dyn Fn(&[u8]) -> Outcome>;

/// A file and how it is read.
struct Target {
    name: String,
    bytes: Vec<u8>,
    read: Read,
    /// Whether an early end is always told as one.
    tells_cuts: bool,
}

#[test]
fn damaged_files_of_every_format() {
    for target in targets() {
        let measured = memory::forget_peak();
        let before = memory::peak().unwrap_or(0);
        cut(&target);
        flip(&target);
        let Some(peak) = memory::peak().filter(|_| measured) else { continue };
        // The file itself is one of the four times.
        let more = peak.saturating_sub(before);
        let most = 3 * target.bytes.len() + (64 << 20);
        println!("{}: {} bytes, {more} more in memory", target.name, target.bytes.len());
        assert!(more <= most, "{}: {more} bytes of memory, at most {most}", target.name);
    }
}

fn cut(target: &Target) {
    for cut in 0..200 {
        let length = target.bytes.len() * cut / 200;
        let what = format!("{} cut to {length}", target.name);
        let Err(refusal) = attempt(target, &target.bytes[..length], &what) else { panic!("{what} is read") };
        // Wherever the format shows it: everywhere but in the first few bytes.
        assert!(refusal.early_end || !target.tells_cuts || length < 64, "{what}: {}", refusal.line);
    }
}

fn flip(target: &Target) {
    let mut positions = Positions(0x9e37_79b9_7f4a_7c15);
    let mut damaged = target.bytes.clone();
    for flip in 0..2000 {
        // Half of them in the first tenth: structure is denser there than among the weights.
        let at = positions.below(if flip % 2 == 0 { damaged.len() } else { damaged.len().div_ceil(10) });
        damaged[at] ^= 1 << positions.below(8);
        let _ = attempt(target, &damaged, &format!("{} flip {flip} at {at}", target.name));
        damaged[at] = target.bytes[at];
    }
}

/// Reads, and checks the error's form when there is one.
fn attempt(target: &Target, bytes: &[u8], what: &str) -> Outcome {
    let outcome = (target.read)(bytes);
    if let Err(Refusal { line, .. }) = &outcome {
        assert!(!line.is_empty() && line.len() < 1700 && !line.chars().any(char::is_control), "{what}: {line:?}");
    }
    outcome
}

/// A small generator of test positions (xorshift), so that a failure can be repeated.
struct Positions(u64);

impl Positions {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }
}

fn targets() -> Vec<Target> {
    let mut targets = checkpoints();
    targets.extend([ours(Precision::F32), ours(Precision::F16)]);
    targets.extend((0..4).map(graph));
    let w = array_file::Array::new(&[2, 3, 4], (0..24).map(|value| value as f32).collect());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("w.npy");
    array_file::write_npy(&path, &w.shape, &w.values).unwrap();
    let npy = std::fs::read(path).unwrap();
    for (name, bytes) in [("w.npz", npz_bytes(&[("w", &w), ("x", &w)])), ("w.npy", npy)] {
        let read = |bytes: &[u8]| array_file::read_bytes(bytes, "w").map(drop).map_err(refusal);
        targets.push(Target { name: name.into(), bytes, read: Box::new(read), tells_cuts: false });
    }
    for target in &targets {
        attempt(target, &target.bytes, &target.name).unwrap_or_else(|refusal| panic!("{}: {}", target.name, refusal.line));
    }
    targets
}

/// The repository's own fixtures: bare pickles of PyTorch and TensorFlow, a torch archive and a legacy stream.
fn checkpoints() -> Vec<Target> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/tiny");
    let mut files: Vec<_> = std::fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .flat_map(|case| std::fs::read_dir(case.unwrap().path()).unwrap())
        .map(|file| file.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "pkl" || extension == "pt"))
        .collect();
    files.sort();
    assert!(files.len() >= 8, "{files:?}");
    let read = |bytes: &[u8]| match from_bytes(bytes, "hostile", &mut |_| ()) {
        Ok(_) => Ok(()),
        Err(error) => Err(Refusal { line: error.to_string(), early_end: matches!(error, ConvertError::Truncated { .. }) }),
    };
    let target = |path: &std::path::PathBuf| Target {
        name: path.display().to_string(),
        bytes: std::fs::read(path).unwrap(),
        read: Box::new(read),
        tells_cuts: true,
    };
    files.iter().map(target).collect()
}

/// A file of our own.
fn ours(precision: Precision) -> Target {
    let sizes =
        stylegan2::Config { z_dim: 8, w_dim: 8, img_resolution: 16, channel_base: 64, channel_max: 8, ..stylegan2::Config::config_f() };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    random_weights(&Config::StyleGan2(sizes), 1).save(&path, precision).unwrap();
    let read = |bytes: &[u8]| Model::from_bytes(bytes.to_vec()).map(drop).map_err(refusal);
    Target { name: format!("safetensors {precision:?}"), bytes: std::fs::read(path).unwrap(), read: Box::new(read), tells_cuts: false }
}

/// One of the four files of an OpenVINO package; the others are whole.
fn graph(which: usize) -> Target {
    let files = || {
        let (mapping, synthesis) = (small::mapping(), small::synthesis([0, 1, 2]));
        [mapping.xml, mapping.bin, synthesis.xml, synthesis.bin]
    };
    let whole = files();
    let bytes = whole[which].clone();
    let read = move |bytes: &[u8]| {
        let mut files = whole.clone();
        files[which] = bytes.to_vec();
        let [mapping_xml, mapping_bin, xml, bin] = files;
        let (mapping, synthesis) = (Ir { xml: mapping_xml, bin: mapping_bin }, Ir { xml, bin });
        openvino::convert(&mapping, &synthesis, BTreeMap::new(), &mut |_| ()).map(drop).map_err(refusal)
    };
    Target { name: format!("OpenVINO file {which}"), bytes, read: Box::new(read), tells_cuts: false }
}
