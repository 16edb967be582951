//! `stylegan bench` on a tiny network: what it prints, writes and refuses. The figures are whatever this machine makes of them.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

fn stylegan(folder: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_stylegan")).current_dir(folder).args(args).stdin(Stdio::null()).output().unwrap()
}

#[track_caller]
fn succeeds(folder: &Path, args: &[&str]) -> String {
    let output = stylegan(folder, args);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && stderr.is_empty(), "{args:?}: {:?} {stderr}", output.status.code());
    String::from_utf8(output.stdout).unwrap()
}

/// A positive, finite number.
#[track_caller]
fn positive(value: &Value) -> f64 {
    let number = value.as_f64().unwrap_or_else(|| panic!("{value} is not a number"));
    assert!(number > 0.0 && number.is_finite(), "{number}");
    number
}

#[test]
fn a_bench_prints_and_writes_what_it_measured() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::write(folder.join("config.json"), r#"{"z_dim": 8, "w_dim": 8, "img_resolution": 16, "channel_max": 8, "num_layers": 2}"#)
        .unwrap();
    succeeds(folder, &["random-weights", "--config", "config.json", "--seed", "1", "-o", "tiny.safetensors"]);
    let line = ["bench", "--network", "tiny.safetensors", "--batch", "1,3", "--precision", "f32", "--iters", "2", "--explain"];
    let text = succeeds(folder, &[&line[..], &["--json", "a.json", "--html", "a.html"]].concat());
    for part in ["stylegan2 16x16, tiny.safetensors, f32", "cold start", "batch 1 ", "batch 3 ", "b16.conv0.filter", "variants, of tier"] {
        assert!(text.contains(part), "{part} in\n{text}");
    }

    let json = std::fs::read_to_string(folder.join("a.json")).unwrap();
    let report: Value = serde_json::from_str(&json).unwrap();
    assert_eq!((report["schema"].as_u64(), report["precision"].as_str()), (Some(1), Some("f32")));
    positive(&report["cold_ms"]["first"]);
    positive(&report["ceilings"]["copy_gbs"]);
    positive(&report["ceilings"]["fma_f32_gflops"]);
    let runs = report["runs"].as_array().unwrap();
    assert_eq!(runs.iter().map(|run| run["batch"].as_u64().unwrap()).collect::<Vec<_>>(), [1, 3]);
    for run in runs {
        assert_eq!(run["iterations"], 2);
        let stat = &run["wall_readback_ms"];
        assert!(positive(&stat["p5"]) <= positive(&stat["median"]) && positive(&stat["median"]) <= positive(&stat["p95"]));
        positive(&run["plan_memory_bytes"]);
        // A device without timestamps has no layers, and says so by null.
        let layers = run["layers"].as_array().unwrap();
        assert_eq!(run["gpu_ms"].is_null(), layers.is_empty());
        for layer in layers {
            positive(&layer["floor_ms"]);
            assert!(["compute", "memory"].contains(&layer["bound"].as_str().unwrap()));
        }
    }

    let html = std::fs::read_to_string(folder.join("a.html")).unwrap();
    let options = roxmltree::ParsingOptions { allow_dtd: true, ..Default::default() };
    roxmltree::Document::parse_with_options(&html, options).unwrap_or_else(|error| panic!("{error}"));

    let table = succeeds(folder, &["bench", "--compare", "a.json", "a.json"]);
    assert_eq!((table.lines().count(), table.matches("1.00x").count()), (6, 4), "{table}");
}

#[test]
fn a_bench_refuses_what_it_cannot_do() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("other.json"), "{\"schema\": 9}").unwrap();
    for (code, line, says) in [
        (2, &["bench", "--batch", "0"][..], "--batch"),
        (2, &["bench", "--iters", "0"], "--iters"),
        (2, &["bench", "--network", "a", "--config-f"], "--config-f"),
        (2, &["bench", "--compare", "a.json", "--batch", "2"], "--batch"),
        (1, &["bench", "--json", "no/folder.json"], "no such folder"),
        (1, &["bench", "--network", "missing.safetensors"], "missing.safetensors"),
        (1, &["bench", "--compare", "missing.json"], "missing.json"),
        (1, &["bench", "--compare", "other.json"], "schema 9"),
    ] {
        let output = stylegan(folder.path(), line);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{line:?}: {stderr}");
        assert!(stderr.starts_with("error: ") && stderr.lines().count() == 1 && stderr.contains(says), "{line:?}: {stderr}");
    }
}
