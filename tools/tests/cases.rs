//! Situations out of public bug reports (../shared/cases), one row of the table each: the command of its case.json is run as it
//! stands there, and gives the picture of expected.safetensors or a refusal with the words of the row. Each stands for a kind;
//! what is not beside the checkout is said so, and not covered.

mod fixtures;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use fixtures::rel_l2;
use safetensors::SafeTensors;

/// Largest rel L2 error of a picture in f32.
const PARITY: f64 = 2e-5;
/// Largest difference of a picture that the command writes in 8 bits.
const LEVELS: f32 = 1.0;

/// What a case must come to.
#[derive(Clone, Copy)]
enum Want {
    /// Its picture, with options of the command replaced (what its case.json could not know), and words in what is said beside it.
    Picture { with: &'static [(&'static str, &'static str)], says: &'static [&'static str] },
    /// The picture that the CPU twins draw, in a class: no one computed another.
    Twin { class: usize },
    /// No picture, and these words in the one line that says why.
    Refusal(&'static [&'static str]),
}

use Want::{Picture, Refusal, Twin};

/// Plainly its picture.
const DRAWN: Want = Picture { with: &[], says: &[] };

const CASES: &[(&str, Want)] = &[
    ("C01-unpacked-folder", Refusal(&["unpacked .pt", "zip -0"])),
    ("C02-data-pkl-alone", Refusal(&["data.pkl", "name the .pt"])),
    ("D00-network", DRAWN),
    ("D01-factor-pt", DRAWN),
    ("D04-ganspace-pca-pt", DRAWN),
    ("D05-ganspace-npz", DRAWN),
    ("D07-flat", DRAWN),
    ("D08-list", DRAWN),
    ("D08b-dict", DRAWN),
    ("D09-int", DRAWN),
    ("E04-gf-ada-cond", DRAWN),
    ("E12-interfacegan", Refusal(&["truncation.truncation"])),
    ("F05-state-dict", Picture { with: &[], says: &["without its configuration", "conv_clamp"] }),
    ("F05b-state-dict-gema", Picture { with: &[], says: &["without its configuration", "conv_clamp"] }),
    ("F09b-fraction", DRAWN),
    ("F14b-tensor-attr", DRAWN),
    ("F17-dataparallel-gema", DRAWN),
    ("G01-projected-gan", DRAWN),
    ("G03-diffusion-gan", DRAWN),
    ("G05-stylegan-xl", Twin { class: 1 }),
    ("H02-weight-beyond-f16", Picture { with: &[], says: &["drawn in f32"] }),
    ("M01-lernapparat", Refusal(&["lernapparat", "g_mapping"])),
    ("N01-eps-nonsquare", DRAWN),
    ("N02-stylegan-human-pkl", DRAWN),
    ("N03-tf-nonsquare", DRAWN),
    ("N04-stylegan-human-pt", DRAWN),
    ("P02-dlatents", DRAWN),
    ("P03-e4e-latents", DRAWN),
    ("P04-w-1x512", DRAWN),
    ("P04c-w-512", DRAWN),
    ("P06-ros-projector", DRAWN),
    ("P09b-4d", DRAWN),
    ("R04-latent-numpy", DRAWN),
    ("R06-compile", DRAWN),
    ("R07c-decoder-module", DRAWN),
    ("R08-whole-module", DRAWN),
    ("R09-key-G_ema", DRAWN),
    ("R09-key-generator", DRAWN),
    ("R09-key-model", DRAWN),
    ("R09-key-netG", Picture { with: &[], says: &["no average"] }),
    ("R11-safetensors", DRAWN),
    ("R11b-safetensors-meta", DRAWN),
    ("R13-extra-deep", Refusal(&["attention", "modified networks"])),
    ("R15-jojogan", Picture { with: &[], says: &["no average"] }),
    ("R16-basicsr", DRAWN),
    ("R17-adriansahlman", Refusal(&["adriansahlman"])),
    ("R18-averaged-model", DRAWN),
    ("R20-lightning", DRAWN),
    ("T03-tf-seed-noise", Picture { with: &[("--noise-mode", "tf")], says: &[] }),
    ("V03-dv-cond", Refusal(&["style.1.weight", "label embedding"])),
];

fn root() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/cases");
    if !root.is_dir() {
        println!("not covered: {} is not beside this checkout", root.display());
        return None;
    }
    Some(root)
}

#[test]
fn no_case_is_forgotten() {
    let Some(root) = root() else { return };
    let mut folders: Vec<String> =
        std::fs::read_dir(root).expect("the cases").map(|entry| entry.expect("an entry").file_name().to_string_lossy().into()).collect();
    folders.sort();
    folders.retain(|name| !CASES.iter().any(|(case, _)| case == name));
    assert!(folders.is_empty(), "no row of the table: {folders:?}");
}

#[test]
fn networks_from_pytorch() {
    run("FGHR");
}

#[test]
fn networks_from_elsewhere() {
    run("CEMNTV");
}

#[test]
fn directions_and_rows_of_w() {
    run("DP");
}

/// All cases whose names begin with one of `letters`; every one is tried before any failure is told.
fn run(letters: &str) {
    let Some(root) = root() else { return };
    let mut failures = Vec::new();
    for (name, want) in CASES.iter().filter(|(name, _)| letters.contains(&name[..1])) {
        let case = Case::open(&root.join(name));
        match check(&case, *want) {
            Ok(()) => println!("{name}: as wanted"),
            Err(failure) => failures.push(format!("{name}: {failure}")),
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// Whether a case comes to what is wanted of it.
fn check(case: &Case, want: Want) -> Result<(), String> {
    match want {
        Picture { with, says } => case.draws(with, says),
        Refusal(words) => case.refuses(words),
        Twin { class } => case.equals_its_twin(class),
    }
}

struct Case {
    folder: PathBuf,
    json: serde_json::Value,
}

impl Case {
    fn open(folder: &Path) -> Case {
        let path = folder.join("case.json");
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Case { folder: folder.into(), json: serde_json::from_str(&text).expect("case.json is JSON") }
    }

    /// The arguments of its command, a run each: classes differ by seed, and a run takes one.
    fn commands(&self, out: &Path, options: &[(&str, &str)]) -> Vec<Vec<String>> {
        // The network that others lie beside has no command of its own.
        let plain = "stylegan generate --network network.pkl --seeds 0,7 --trunc 0.7 --precision f32 --format npy --outdir out";
        // Remarks come after three blanks.
        let text = self.json["command"].as_str().unwrap_or(plain).split("   ").next().unwrap_or_default();
        let mut words: Vec<String> = text.split_whitespace().skip(1).map(String::from).collect();
        for (option, value) in [("--outdir", out.to_owned()), ("-o", out.join("out.png"))] {
            set(&mut words, option, &value.to_string_lossy());
        }
        for (option, value) in options {
            set(&mut words, option, value);
        }
        let (seeds, classes) = (numbers(&self.json["seeds"]), numbers(&self.json["class_idx"]));
        if classes.is_empty() {
            return vec![words];
        }
        let each = seeds.iter().zip(&classes).map(|(seed, class)| {
            let mut words = words.clone();
            set(&mut words, "--seeds", seed);
            set(&mut words, "--class", class);
            // A folder holds pictures of one class.
            set(&mut words, "--outdir", &out.join(format!("{seed:0>4}")).to_string_lossy());
            words
        });
        each.collect()
    }

    fn run(&self, words: &[String]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_stylegan")).args(words).current_dir(&self.folder).output().expect("stylegan starts")
    }

    fn draws(&self, options: &[(&str, &str)], words: &[&str]) -> Result<(), String> {
        let out = tempfile::tempdir().expect("a temporary folder");
        for command in self.commands(out.path(), options) {
            let output = self.run(&command);
            let says = String::from_utf8_lossy(&output.stderr);
            if !output.status.success() {
                return Err(format!("no picture: {}", says.trim()));
            }
            if let Some(word) = words.iter().find(|word| !says.contains(**word)) {
                return Err(format!("does not say {word:?}: {}", says.trim()));
            }
        }
        let want = self.expected();
        let png = out.path().join("out.png");
        if png.exists() {
            let most = difference(&image::open(&png).expect("a picture").to_rgb8(), &want);
            return (most <= LEVELS).then_some(()).ok_or_else(|| format!("{most} levels off"));
        }
        // File by file in the order of the seeds, which for files of so many digits is that of their names.
        let list = |folder: &Path| -> Vec<PathBuf> {
            std::fs::read_dir(folder).expect("pictures").map(|entry| entry.expect("a file").path()).collect()
        };
        let mut files = list(out.path());
        files.extend(files.clone().iter().filter(|path| path.is_dir()).flat_map(|folder| list(folder)));
        files.retain(|path| path.extension().is_some_and(|extension| extension == "npy"));
        files.sort();
        let got: Vec<f32> = files.iter().flat_map(|path| fixtures::read_npy(path)).collect();
        let error = rel_l2(&got, &want);
        (error <= PARITY).then_some(()).ok_or_else(|| format!("rel L2 {error:.1e} is more than {PARITY:.0e}"))
    }

    fn refuses(&self, words: &[&str]) -> Result<(), String> {
        let out = tempfile::tempdir().expect("a temporary folder");
        for command in self.commands(out.path(), &[]) {
            let output = self.run(&command);
            let says = String::from_utf8_lossy(&output.stderr);
            if output.status.code() != Some(1) {
                return Err(format!("ends with {}, not with the 1 of a refusal: {}", output.status, says.trim()));
            }
            let line = says.lines().last().unwrap_or_default();
            if let Some(word) = words.iter().find(|word| !line.contains(**word)) {
                return Err(format!("does not say {word:?}: {line}"));
            }
            if std::fs::read_dir(out.path()).expect("the folder").next().is_some() {
                return Err("a refusal that leaves a file".into());
            }
        }
        Ok(())
    }

    fn equals_its_twin(&self, class: usize) -> Result<(), String> {
        let out = tempfile::tempdir().expect("a temporary folder");
        let mut command = self.commands(out.path(), &[]).remove(0);
        command.extend(["--class".into(), class.to_string()]);
        let output = self.run(&command);
        if !output.status.success() {
            return Err(format!("no picture: {}", String::from_utf8_lossy(&output.stderr).trim()));
        }
        let file = self.json["files"][0].as_str().expect("a file");
        let model = stylegan_convert::open(&self.folder.join(file), &mut |_| {}).expect("it was drawn");
        let seed: u32 = numbers(&self.json["seeds"])[0].parse().expect("a seed");
        let error = rel_l2(&fixtures::read_npy(&out.path().join(format!("seed{seed:04}.npy"))), &fixtures::twin(&model, seed, class));
        (error <= PARITY).then_some(()).ok_or_else(|| format!("rel L2 {error:.1e} from its twin is more than {PARITY:.0e}"))
    }

    /// The wanted pictures, one after the other.
    fn expected(&self) -> Vec<f32> {
        let bytes = std::fs::read(self.folder.join("expected.safetensors")).expect("expected.safetensors");
        let file = SafeTensors::deserialize(&bytes).expect("a safetensors file");
        let view = file.tensor("image").expect("an image");
        assert_eq!(view.dtype(), safetensors::Dtype::F32);
        view.data().as_chunks().0.iter().map(|&b| f32::from_le_bytes(b)).collect()
    }
}

/// Gives an option of the command another value, if it is there.
fn set(words: &mut [String], option: &str, value: &str) {
    if let Some(at) = words.iter().position(|word| word == option) {
        words[at + 1] = value.to_owned();
    }
}

fn numbers(value: &serde_json::Value) -> Vec<String> {
    value.as_array().into_iter().flatten().map(ToString::to_string).collect()
}

/// The largest difference of an 8-bit picture to one in -1..1, [3, H, W].
fn difference(got: &image::RgbImage, want: &[f32]) -> f32 {
    let plane = (got.width() * got.height()) as usize;
    if want.len() != 3 * plane {
        return f32::INFINITY;
    }
    let level = |value: f32| (value * 127.5 + 128.0).clamp(0.0, 255.0).floor();
    let each = got.pixels().enumerate().flat_map(|(i, pixel)| (0..3).map(move |c| (pixel.0[c], c * plane + i)));
    each.map(|(got, index)| (f32::from(got) - level(want[index])).abs()).fold(0.0, |most, off| if off > most { off } else { most })
}
