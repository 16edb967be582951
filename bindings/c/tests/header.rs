//! `include/stylegan.h` is what cbindgen makes of the sources: `BLESS=1 cargo test -p stylegan-c --test header` writes it anew.

use std::fs;
use std::path::Path;

#[test]
fn the_header_is_that_of_the_sources() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let config = cbindgen::Config::from_file(root.join("cbindgen.toml")).unwrap();
    // In the order in which somebody who reads the header meets them.
    let sources = ["status", "device", "network", "look", "generator"];
    let builder = sources
        .iter()
        .fold(cbindgen::Builder::new().with_config(config), |builder, name| builder.with_src(root.join(format!("src/{name}.rs"))));
    let mut made = Vec::new();
    builder.generate().unwrap().write(&mut made);
    let made = String::from_utf8(made).unwrap();
    let path = root.join("include/stylegan.h");
    if std::env::var_os("BLESS").is_some() {
        fs::write(&path, &made).unwrap();
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    let line = made.lines().zip(committed.lines()).position(|(made, committed)| made != committed);
    assert!(made == committed, "include/stylegan.h is not up to date, from line {line:?} on: BLESS=1 writes it");
    // Every function that crosses the border is in it.
    for name in sources {
        let source = fs::read_to_string(root.join(format!("src/{name}.rs"))).unwrap();
        for rest in source.split("extern \"C\" fn ").skip(1) {
            let function = rest.split('(').next().unwrap();
            assert!(committed.contains(&format!("{function}(")), "{function} is not in the header");
            // What can fail is done behind the border; the rest copies a pointer or frees, behind a border of its own.
            let body = rest.split("\n}").next().unwrap();
            assert!(body.contains("    call(||") || !body.contains("-> StyleganStatus"), "{function} lets panics through");
        }
    }
}
