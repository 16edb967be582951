//! The command itself under a limit that the system holds it to: small checkpoints cut and with bytes changed, and every file of hostile
//! trials, where they lie beside the clone, are answered with a network or one line, and no signal, in four times the file and what a
//! process is.
#![cfg(target_os = "linux")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use stylegan_wgpu::Config;
use stylegan_wgpu::internals::text::is_plain;

/// Addresses of a process that reads a file of no size: the program, the stacks of its threads, and the 64 MiB that are promised.
const PROCESS: u64 = 320 << 20;

/// Of the hostile trials, what was once taken for a network.
const REFUSED: [&str; 6] = ["A5-bool", "A5-bool-as-int", "A5-int8", "A5-numel-lie", "A7-cfg-lr_multiplier-2", "A11-dupkey-same"];

fn limited(addresses: u64, args: &[&str]) -> Output {
    // ulimit counts in KiB. The processor's time is limited, too: a reader that does not end is a fault like any other.
    let script = format!("ulimit -v {}; ulimit -t 60; exec \"$0\" \"$@\"", addresses >> 10);
    Command::new("sh").args(["-c", &script, env!("CARGO_BIN_EXE_stylegan")]).args(args).output().unwrap()
}

fn cases() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/cases-hostile");
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

/// A configuration that is refused, or of a network that is made in seconds.
fn is_small(path: &Path) -> bool {
    let text = String::from_utf8_lossy(&std::fs::read(path).unwrap()).into_owned();
    let values = |config: Config| config.manifest().iter().map(|spec| spec.shape.iter().product::<usize>()).sum::<usize>();
    Config::from_json(&text).map_or(true, |config| values(config) < 20_000_000)
}

/// Checkpoints of the repository, cut and with a byte changed, always the same ones.
fn damaged(folder: &Path) -> Vec<PathBuf> {
    let tiny = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/tiny");
    let files = std::fs::read_dir(tiny).unwrap().flat_map(|fixture| std::fs::read_dir(fixture.unwrap().path()).unwrap());
    let mut files: Vec<PathBuf> = files.map(|file| file.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "pkl" || extension == "pt"));
    files.sort();
    let mut paths = Vec::new();
    for (index, file) in files.iter().enumerate() {
        let bytes = std::fs::read(file).unwrap();
        let extension = file.extension().unwrap().to_str().unwrap();
        let mut put = |what: &str, bytes: &[u8]| {
            let path = folder.join(format!("{index}-{what}.{extension}"));
            std::fs::write(&path, bytes).unwrap();
            paths.push(path);
        };
        for (what, length) in [("tenth", bytes.len() / 10), ("half", bytes.len() / 2), ("last", bytes.len() - 1)] {
            put(what, &bytes[..length]);
        }
        for change in 1..=5usize {
            // Most of them near the beginning, where the structure is.
            let at = (bytes.len() - 1) * change * change / (30 + index);
            let mut bytes = bytes.clone();
            bytes[at] = bytes[at].wrapping_add(51 * change as u8);
            put(&format!("{change}"), &bytes);
        }
    }
    paths
}

#[test]
fn hostile_files_are_answered_within_the_promised_memory() {
    let folder = tempfile::tempdir().unwrap();
    let trials = tempfile::tempdir().unwrap();
    let out = folder.path().join("out.safetensors");
    let (mut count, mut refused) = (0, 0);
    for path in damaged(trials.path()).into_iter().chain(cases()) {
        let (input, output) = (path.to_str().unwrap(), out.to_str().unwrap());
        let args = match path.extension().and_then(|extension| extension.to_str()).unwrap_or_default() {
            "pkl" | "pt" | "safetensors" | "whl" => ["convert", input, "-o", output].to_vec(),
            "json" if is_small(&path) => ["random-weights", "--config", input, "--seed", "1", "-o", output].to_vec(),
            _ => continue,
        };
        count += 1;
        // A configuration is small and its network may be large, which is what it asks for.
        let of_file = if args[0] == "convert" { 4 * std::fs::metadata(&path).unwrap().len() } else { 4 << 30 };
        let answer = limited(PROCESS + of_file, &args);
        let stderr = String::from_utf8_lossy(&answer.stderr);
        let errors: Vec<&str> = stderr.lines().filter(|line| line.starts_with("error: ")).collect();
        match answer.status.code() {
            // What was written is read again, under the same limit.
            Some(0) => {
                assert!(!REFUSED.iter().any(|stem| path.file_stem().unwrap() == *stem), "{input} is taken for a network");
                let length = std::fs::metadata(&out).unwrap().len();
                let again = limited(PROCESS + 4 * length, &["inspect", output]);
                assert!(again.status.success(), "{input}: {}", String::from_utf8_lossy(&again.stderr));
                std::fs::remove_file(&out).unwrap();
            }
            Some(1 | 2) => {
                assert!(errors.len() == 1 && errors[0].len() < 2000, "{input}: {stderr}");
                refused += 1;
            }
            other => panic!("{input}: {other:?}, {:?}: {stderr}", answer.status),
        }
        assert!(stderr.chars().all(|c| is_plain(c) || c == '\n'), "{input}: {stderr:?}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "{input} leaves something behind");
    }
    // Every fixture is damaged in eight ways; of those at least the cut ones are refused.
    assert!(count >= 72 && refused >= 27, "{count} files, {refused} refused");
}

#[test]
fn too_little_memory_for_a_driver_is_said_before_it_is_loaded() {
    let folder = tempfile::tempdir().unwrap();
    let answer = limited(200 << 20, &["generate", "--seeds", "0", "--no-tune", "--outdir", folder.path().to_str().unwrap()]);
    let stderr = String::from_utf8_lossy(&answer.stderr);
    assert!(!answer.status.success() && stderr.contains("warning: ulimit -v leaves 200 MiB of addresses"), "{stderr}");
}
