//! `stylegan bench` on a tiny network: what it prints, writes and refuses. The figures are whatever this machine makes of them.

mod place;
mod small;

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use place::{PLAIN, Place};
use serde_json::Value;
use stylegan_wgpu::internals::networks::stylegan3;

/// A positive, finite number.
#[track_caller]
fn positive(value: &Value) -> f64 {
    let number = value.as_f64().unwrap_or_else(|| panic!("{value} is not a number"));
    assert!(number > 0.0 && number.is_finite(), "{number}");
    number
}

/// A tiny StyleGAN2 as `tiny.safetensors`.
fn with_network() -> Place {
    let place = Place::new();
    place.file("config.json", PLAIN);
    place.succeeds(&["random-weights", "--config", "config.json", "--seed", "1", "-o", "tiny.safetensors"]);
    place
}

const QUICK: [&str; 7] = ["bench", "--network", "tiny.safetensors", "--iters", "3", "--warmup", "0"];

fn json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

fn page(path: &Path) {
    let html = fs::read_to_string(path).unwrap();
    let options = roxmltree::ParsingOptions { allow_dtd: true, ..Default::default() };
    roxmltree::Document::parse_with_options(&html, options).unwrap_or_else(|error| panic!("{error}"));
}

/// The reference is drawn with the inputs that the pictures have, whatever inputs a network has.
#[test]
fn a_stylegan3_is_right() {
    let place = Place::new();
    for (name, config) in [("t.safetensors", stylegan3::Config::t(64)), ("r.safetensors", stylegan3::Config::r(64))] {
        small::stylegan3(&place.path(name), config);
        for precision in ["f32", "f16"] {
            let line = ["bench", "--network", name, "--iters", "1", "--warmup", "0", "--batch", "2", "--precision", precision, "--no-tune"];
            place.succeeds(&[&line[..], &["--json", "report.json"]].concat());
            let run = &json(&place.path("report.json"))["results"][0]["runs"][0];
            let error = run["picture"]["relative_error"].as_f64().unwrap();
            assert!(error < if precision == "f16" { 3e-3 } else { 2e-5 }, "{name} {precision}: {error}");
        }
    }
}

#[test]
fn a_bench_prints_and_writes_what_it_measured() {
    let place = with_network();
    let line = [&QUICK[..], &["--batch", "1,3", "--precision", "f32", "--explain", "--json", "a.json", "--html", "a.html"]].concat();
    let text = place.succeeds(&line);
    for part in ["stylegan2 16x16, tiny.safetensors, f32", "cold start", "batch 1 ", "batch 3 ", "b16.conv0.filter", "variants, of tier"] {
        assert!(text.contains(part), "{part} in\n{text}");
    }
    let report = json(&place.path("a.json"));
    let last = text.lines().last().unwrap();
    assert!(
        last.starts_with("Result: ") && last.contains(" images/s (custom, ") && last.contains(report["id"].as_str().unwrap()),
        "{last}"
    );
    assert!(text.lines().take_while(|line| !line.contains("variants, of")).all(|line| line.chars().count() <= 80), "{text}");

    assert_eq!((report["schema"].as_u64(), report["protocol"]["iterations"].as_u64()), (Some(2), Some(3)));
    positive(&report["ceilings"]["before"]["copy_gbs"]);
    positive(&report["ceilings"]["after"]["fma_f32_gflops"]);
    assert!(report["ceilings"]["drift_percent"].as_f64().is_some_and(|drift| (0.0..100.0).contains(&drift)));
    let made = &report["made"];
    assert!(made["command"].as_str().unwrap().starts_with("stylegan bench --network tiny.safetensors"), "{made}");
    assert!(made["wgpu"].as_str().unwrap().starts_with("30."), "{made}");
    let outcome = &report["results"][0];
    assert_eq!((outcome["precision"].as_str(), outcome["network"]["sha256"].as_str().map(str::len)), (Some("f32"), Some(64)));
    positive(&outcome["cold_ms"]["first"]);
    let runs = outcome["runs"].as_array().unwrap();
    assert_eq!(runs.iter().map(|run| run["batch"].as_u64().unwrap()).collect::<Vec<_>>(), [1, 3]);
    for run in runs {
        let stat = &run["wall_readback_ms"];
        assert_eq!((stat["count"].as_u64(), stat["samples"][0].as_array().unwrap().len(), &stat["p90"]), (Some(3), 3, &Value::Null));
        assert!(positive(&stat["least"]) <= positive(&stat["median"]) && positive(&stat["median"]) <= positive(&stat["most"]));
        positive(&run["plan_memory_bytes"]);
        let batch = run["batch"].as_u64().unwrap();
        assert_eq!((run["offline"]["images"].as_u64(), run["picture"]["pictures"].as_u64()), (Some(3 * batch), Some(6 * batch)));
        let (error, most) = (&run["picture"]["relative_error"], &run["picture"]["tolerance"]);
        assert!(error.as_f64().is_some_and(|error| error <= most.as_f64().unwrap()), "{error}");
        // A device without timestamps has no layers, and says so by null.
        let layers = run["layers"].as_array().unwrap();
        assert_eq!(run["gpu_ms"].is_null(), layers.is_empty());
        for layer in layers {
            positive(&layer["floor_ms"]);
            assert!(["compute", "memory"].contains(&layer["bound"].as_str().unwrap()));
        }
    }
    page(&place.path("a.html"));

    let table = place.succeeds(&["bench", "--compare", "a.json", "a.json", "--html", "both.html", "--csv", "both.csv"]);
    assert_eq!((table.matches("1.00x").count(), table.lines().filter(|line| line.chars().count() > 80).count()), (4, 0), "{table}");
    page(&place.path("both.html"));
    assert_eq!(fs::read_to_string(place.path("both.csv")).unwrap().lines().count(), 5);

    let said = place.succeeds(&["bench", "--check", "a.json"]);
    assert!(said.contains("whole, custom-") && said.contains("row"), "{said}");
    let faster = fs::read_to_string(place.path("a.json")).unwrap().replacen("\"images_per_second\": ", "\"images_per_second\": 9", 1);
    place.file("faster.json", faster);
    assert!(place.refuses(1, &["bench", "--check", "faster.json"]).contains("it was changed"));
    let warned = place.run(&["bench", "--compare", "a.json", "faster.json"]);
    assert!(warned.status.success() && place::text(&warned.stderr).starts_with("warning: faster.json: it was changed"), "{warned:?}");
}

/// Runs `stylegan` with a variable of the environment.
fn run_with(place: &Place, name: &str, value: &str, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stylegan"));
    command.current_dir(place.folder()).env(name, value).args(args).stdin(Stdio::null()).output().unwrap()
}

/// Sources as the engine has them; then with a sign turned in one of them.
#[test]
fn a_broken_kernel_is_wrong_and_not_fast() {
    let place = with_network();
    fs::create_dir(place.path("kernels")).unwrap();
    let line = [&QUICK[..], &["--precision", "f32", "--no-tune"]].concat();
    let dumped = run_with(&place, "STYLEGAN_DUMP_WGSL", "kernels", &line);
    assert!(dumped.status.success(), "{dumped:?}");
    let substituted = [&line[..], &["--wgsl", "kernels", "--json", "a.json"]].concat();
    place.succeeds(&substituted);
    let report = json(&place.path("a.json"));
    assert_eq!(report["made"]["foreign_kernels"], true);
    assert!(place.succeeds(&["bench", "--check", "a.json"]).contains("gives no row"));
    fs::remove_file(place.path("a.json")).unwrap();

    let mut turned = 0;
    for entry in fs::read_dir(place.path("kernels")).unwrap() {
        let path = entry.unwrap().path();
        let source = fs::read_to_string(&path).unwrap();
        if source.contains("s0 += m * ") && path.file_name().unwrap().to_string_lossy().starts_with("to_rgb.") {
            fs::write(&path, source.replace("s0 += m * ", "s0 -= m * ")).unwrap();
            turned += 1;
        }
    }
    assert!(turned > 0, "no source of to_rgb to break");
    let said = place.refuses(1, &substituted);
    assert!(said.contains("the picture is wrong, so there is no result") && said.contains("portable f32 kernels"), "{said}");
    assert!(!place.path("a.json").exists());
}

/// `make latency` where there are no reports.
#[test]
fn a_table_of_no_reports_says_so() {
    let place = Place::new();
    place.file("latency.md", "# A\n<!-- bench: begin -->\nold\n<!-- bench: end -->\n");
    assert_eq!(place.succeeds(&["bench", "--compare", "--latency", "latency.md"]).trim(), "latency.md: 0 rows of 0 reports");
    let page = fs::read_to_string(place.path("latency.md")).unwrap();
    assert!(page.contains("No report is good enough for a row yet.") && !page.contains("old"), "{page}");
}

#[test]
fn a_bench_refuses_what_it_cannot_do() {
    let place = Place::new();
    place.file("other.json", "{\"schema\": 1}");
    place.file("not.json", [0xff, 0xfe]);
    for (code, line, says) in [
        (2, &["bench", "--batch", "0"][..], "--batch"),
        (2, &["bench", "--iters", "0"], "--iters"),
        (2, &["bench", "--warmup=-1"], "--warmup"),
        (2, &["bench", "--duration", "NaN"], "seconds"),
        (2, &["bench", "--duration", "3", "--iters", "2"], "--iters"),
        (2, &["bench", "--preset", "quick", "--batch", "2"], "--batch"),
        (2, &["bench", "--preset", "slow"], "slow"),
        (2, &["bench", "--network", "a", "--config-f"], "--config-f"),
        (2, &["bench", "--compare", "a.json", "--batch", "2"], "--batch"),
        (2, &["bench", "--csv", "a.csv"], "--compare"),
        (2, &["bench", "--compare"], "takes reports"),
        (2, &["bench", "--compare", "a.json", "--latency", "a.md", "--csv", "a.csv"], "--csv"),
        (2, &["bench", "--compare", "a.json", "--latency", "a.md", "--html", "a.html"], "--html"),
        (1, &["bench", "--json", "no/folder.json"], "no such folder"),
        (1, &["bench", "--network", "missing.safetensors"], "missing.safetensors"),
        (1, &["bench", "--compare", "missing.json"], "missing.json"),
        (1, &["bench", "--compare", "other.json"], "schema 1; this program reads schema 2"),
        (1, &["bench", "--check", "not.json"], "not UTF-8"),
        (1, &["bench", "--check", "missing.json", "not.json", "other.json"], "not UTF-8; other.json: a bench report of schema 1"),
    ] {
        let said = place.refuses(code, line);
        assert!(said.contains(says), "{line:?}: {said}");
    }
}
