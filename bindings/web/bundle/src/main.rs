//! `make web`: of the .wasm that cargo has built, the npm package (dist/npm) and the page (dist/web).
//!
//!     stylegan-bundle WASM NPM WEB
//!
//! The page is the one of `stylegan serve`, file by file, but for server.js: there bindings/web/page has one that draws here. So what is
//! shown, and how, is written once.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

fn main() -> ExitCode {
    let [wasm, npm, web] = &std::env::args_os().skip(1).map(PathBuf::from).collect::<Vec<_>>()[..] else {
        eprintln!("usage: stylegan-bundle WASM NPM WEB");
        return ExitCode::from(2);
    };
    match bundle(wasm, npm, web) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn bundle(wasm: &Path, npm: &Path, web: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..");
    for folder in [npm, web] {
        match fs::remove_dir_all(folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
            _ => fs::create_dir_all(folder)?,
        }
    }
    let mut bindgen = wasm_bindgen_cli_support::Bindgen::new();
    bindgen
        .input_path(wasm)
        .web(true)?
        .omit_default_module_path(false)
        .typescript(false)
        // Names of functions are a sixth of the file, and only a debugger reads them.
        .remove_name_section(true)
        .remove_producers_section(true)
        .generate(npm.join("pkg"))
        .map_err(|error| format!("{error:#}"))?;
    let copy = |folder: &str, names: &[&str], to: &Path| {
        names.iter().try_for_each(|name| {
            let from = root.join(folder).join(name);
            fs::copy(&from, to.join(name)).map(|_| ()).map_err(|error| format!("{}: {error}", from.display()))
        })
    };
    copy("bindings/web/js", &["index.js", "index.d.ts", "worker.js"], npm)?;
    copy("bindings/web", &["package.json", "README.md"], npm)?;
    copy("", &["LICENSE-MIT", "LICENSE-APACHE"], npm)?;

    copy(
        "tools/src/serve/page",
        &["index.html", "style.css", "app.js", "controls.js", "sheet.js", "state.js", "strip.js", "icon.svg"],
        web,
    )?;
    copy("bindings/web/page", &["server.js", "settings.js", "bench.js", "films.js", "animated.js", "mp4.js", "offline-worker.js"], web)?;
    copy("weights", &["open-peeps-128.safetensors"], web)?;
    let engine = web.join("engine");
    fs::create_dir_all(engine.join("pkg"))?;
    for name in ["index.js", "worker.js"] {
        fs::copy(npm.join(name), engine.join(name))?;
    }
    for entry in fs::read_dir(npm.join("pkg"))? {
        let entry = entry?;
        fs::copy(entry.path(), engine.join("pkg").join(entry.file_name()))?;
    }
    Ok(())
}
