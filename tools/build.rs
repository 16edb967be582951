//! What a report of `stylegan bench` says of the program: the commit it was built from, and the version of wgpu.

use std::path::Path;
use std::process::Command;

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8(output.stdout).ok()?.trim().to_string())
}

fn main() {
    // A package from a registry lies in no repository of ours, though perhaps in another's.
    let ours = git(&["ls-files", "--error-unmatch", "build.rs"]).is_some();
    let commit = ours.then(|| git(&["rev-parse", "--short=12", "HEAD"])).flatten();
    if let Some(commit) = commit {
        let changed = git(&["status", "--porcelain", "--untracked-files=no", "--", "..", ":!../docs"]).is_none_or(|text| !text.is_empty());
        println!("cargo::rustc-env=STYLEGAN_COMMIT={commit}{}", if changed { "-dirty" } else { "" });
        for file in ["HEAD", "logs/HEAD", "index"] {
            if let Some(path) = git(&["rev-parse", "--git-path", file]) {
                println!("cargo::rerun-if-changed={path}");
            }
        }
    }
    // In the repository, in a package.
    let lock = ["../Cargo.lock", "Cargo.lock"].into_iter().find_map(|path| std::fs::read_to_string(path).ok()).unwrap_or_default();
    let mut lines = lock.lines().skip_while(|line| *line != "name = \"wgpu\"").skip(1);
    if let Some(version) = lines.next().and_then(|line| line.strip_prefix("version = \"")) {
        println!("cargo::rustc-env=STYLEGAN_WGPU={}", version.trim_end_matches('"'));
    }
    // A path that is not there would have this run every time.
    let paths = ["build.rs", "src", "convert/src", "studio/src", "../src", "../shaders", "../Cargo.lock"];
    for path in paths.into_iter().filter(|path| Path::new(path).exists()) {
        println!("cargo::rerun-if-changed={path}");
    }
}
