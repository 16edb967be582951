//! The examples, compiled with the system's compilers against the shared and the static library, and run: their pictures are those of
//! `stylegan generate`. What a caller does wrong stays without consequences, under the address sanitizer and valgrind, too.
#![cfg(unix)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const NETWORK: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/tiny/ada-skip-32/network.pkl");

/// Where cargo puts what it builds.
fn built() -> PathBuf {
    std::env::current_exe().unwrap().parent().unwrap().to_owned()
}

/// The folder of the library.
fn library() -> PathBuf {
    let name = format!("{}stylegan_c{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
    let deps = built();
    [deps.clone(), deps.parent().unwrap().to_owned()].into_iter().find(|folder| folder.join(&name).exists()).expect("the shared library")
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Compiles an example; None when there is no such compiler, or it has no such option.
fn compile(folder: &Path, source: &str, options: &[&str]) -> Option<PathBuf> {
    let plus = source.ends_with(".cpp");
    let (compiler, standard) = if plus { ("c++", "-std=c++17") } else { ("cc", "-std=c99") };
    let program = folder.join(format!("{}{}", source.replace('.', "-"), if options.is_empty() { "" } else { options[0] }));
    let library = library();
    let output = Command::new(compiler)
        .args([standard, "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-g"])
        .arg(format!("-I{ROOT}/include"))
        .arg(format!("{ROOT}/examples/{source}"))
        .args(options.iter().filter(|option| **option != "static"))
        .arg("-o")
        .arg(&program)
        .args(match options.contains(&"static") {
            // What Rust's library asks of the system.
            true => vec![library.join("libstylegan_c.a").display().to_string(), "-lm".into(), "-ldl".into(), "-lpthread".into()],
            false => vec![format!("-L{}", library.display()), format!("-Wl,-rpath,{}", library.display()), "-lstylegan_c".into()],
        })
        .args(if plus { &["-pthread"][..] } else { &[] })
        .output();
    match output {
        Err(_) => {
            println!("not covered: {compiler} is not installed");
            None
        }
        Ok(output) if options.iter().any(|option| option.starts_with("-fsanitize")) && !output.status.success() => {
            println!("not covered: {compiler} {options:?}: {}", text(&output));
            None
        }
        Ok(output) => {
            assert!(output.status.success(), "{source}: {}", text(&output));
            Some(program)
        }
    }
}

/// What `stylegan generate` draws.
fn generated(folder: &Path, seed: u32, psi: &str) -> image::RgbaImage {
    let command = built().parent().unwrap().join("stylegan");
    if !command.exists() {
        let made = Command::new(env!("CARGO")).args(["build", "--package", "stylegan-tools"]).status().unwrap();
        assert!(made.success());
    }
    let seed = seed.to_string();
    let output = Command::new(command)
        .args(["generate", "--network", NETWORK, "--seeds", &seed, "--trunc", psi, "--no-tune", "--overwrite", "--outdir"])
        .arg(folder)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", text(&output));
    image::open(folder.join(format!("seed{seed:0>4}.png"))).unwrap().into_rgba8()
}

/// The bytes of a PAM after its head.
fn pixels(path: &Path) -> Vec<u8> {
    let bytes = std::fs::read(path).unwrap();
    let end = bytes.windows(7).position(|window| window == b"ENDHDR\n").unwrap();
    assert!(bytes.starts_with(b"P7\nWIDTH 32\nHEIGHT 32\n"));
    bytes[end + 7..].to_vec()
}

#[test]
fn a_c_program_draws_what_generate_draws() {
    let folder = tempfile::tempdir().unwrap();
    let wanted = generated(folder.path(), 85, "0.7");
    for options in [&[][..], &["static"]] {
        let Some(face) = compile(folder.path(), "face.c", options) else { return };
        let out = folder.path().join("face.pam");
        let output = Command::new(&face).args([NETWORK, "85", "0.7"]).arg(&out).output().unwrap();
        assert!(output.status.success(), "{options:?}: {}", text(&output));
        assert!(pixels(&out) == *wanted.as_raw(), "{options:?}: another picture than generate's");
        let failed = Command::new(&face).args(["missing.pkl", "85", "0.7", "x.pam"]).output().unwrap();
        assert!(failed.status.code() == Some(1) && text(&failed).contains("no network: missing.pkl"), "{}", text(&failed));
    }
}

#[test]
fn a_cpp_program_goes_from_face_to_face_on_threads() {
    let folder = tempfile::tempdir().unwrap();
    let Some(morph) = compile(folder.path(), "morph.cpp", &[]) else { return };
    let prefix = folder.path().join("morph");
    let output = Command::new(&morph).args([NETWORK, "1", "2", "5"]).arg(&prefix).output().unwrap();
    assert!(output.status.success(), "{}", text(&output));
    let pictures: Vec<Vec<u8>> = (0..5).map(|step| pixels(&folder.path().join(format!("morph{step}.pam")))).collect();
    assert!(pictures[0] == *generated(folder.path(), 1, "0.7").as_raw() && pictures[4] == *generated(folder.path(), 2, "0.7").as_raw());
    assert!((1..5).all(|i| pictures[i] != pictures[i - 1]));
}

#[test]
fn what_a_caller_does_wrong_has_no_consequences() {
    let folder = tempfile::tempdir().unwrap();
    // With a driver that stays where it is, the leak checker knows whose a leak is.
    let keeper = format!("{ROOT}/tests/dlclose.c");
    for options in [&[][..], &["-fsanitize=address,undefined", "-fno-sanitize-recover=undefined", "-rdynamic", &keeper]] {
        let Some(border) = compile(folder.path(), "border.c", options) else { continue };
        // What drivers keep until the process ends is theirs.
        let suppressions = format!("suppressions={ROOT}/tests/leaks.supp:print_suppressions=0");
        let output = Command::new(&border).arg(NETWORK).env("LSAN_OPTIONS", suppressions).output().unwrap();
        assert!(output.status.success() && text(&output).contains("all as it should be"), "{options:?}: {}", text(&output));
    }
}

/// As somebody who has only what was installed: the library, the header, and pkg-config or CMake.
#[test]
fn what_is_installed_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let prefix = folder.path().join("prefix");
    let run = |script: &str| {
        let command = Command::new("sh")
            .args(["-euc", script])
            .current_dir(folder.path())
            .env("ROOT", ROOT)
            .env("PREFIX", &prefix)
            .env("BUILT", library())
            .env("NETWORK", NETWORK)
            .env("LD_LIBRARY_PATH", prefix.join("lib"))
            .env("DYLD_LIBRARY_PATH", prefix.join("lib"))
            .env("PKG_CONFIG_PATH", prefix.join("lib/pkgconfig"))
            .output()
            .unwrap();
        assert!(command.status.success(), "{script}: {}", text(&command));
    };
    let has = |program: &str| Command::new(program).arg("--version").output().is_ok();
    run("sh $ROOT/install.sh $PREFIX $BUILT");
    match has("pkg-config") && has("cc") {
        true => run("cc $ROOT/examples/face.c -o face $(pkg-config --cflags --libs stylegan); ./face $NETWORK 3 1 face.pam"),
        false => println!("not covered: pkg-config or cc is not installed"),
    }
    match has("cmake") {
        true => run("cmake -S $ROOT/examples -B out -DCMAKE_PREFIX_PATH=$PREFIX; cmake --build out; out/morph $NETWORK 3 4 2 morph"),
        false => println!("not covered: cmake is not installed"),
    }
}
