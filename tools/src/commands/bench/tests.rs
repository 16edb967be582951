//! Reports: their JSON, their page, their comparison, from made-up figures.

use super::report::{Ceilings, Cold, Layer, Report, Run, Stat, utc};
use super::*;

pub(super) fn report() -> Report {
    let stat = |median| Some(Stat { median, p5: median * 0.9, p95: median * 1.2 });
    let ceilings = Ceilings { copy_gbs: 100.0, fma_f32_gflops: 1000.0, fma_f16_gflops: Some(1500.0), matrix_f16_gflops: None };
    let mut layers: Vec<Layer> =
        [("b4.conv1", "modulated_conv2d", 2.0, 1.5), ("b4.torgb", "to_rgb<&>\"", 1.0, 0.001), ("copy", "none", 1.0, 0.0)]
            .map(|(label, kernel, gpu_ms, gflop)| Layer {
                label: label.into(),
                kernel: kernel.into(),
                variant: "portable".into(),
                gpu_ms,
                gflop,
                bytes: 20_000_000,
                gflops: 0.0,
                gbs: 0.0,
                floor_ms: 0.0,
                floor_percent: 0.0,
                bound: String::new(),
            })
            .into();
    layers.iter_mut().for_each(|layer| layer.derive(&ceilings, "f16"));
    let run = Run {
        batch: 2,
        iterations: 7,
        gpu_ms: stat(4.5),
        gpu_passes_ms: stat(4.0),
        wall_ms: stat(5.0),
        wall_readback_ms: stat(8.0),
        images_per_second: 400.0,
        floor_ms: Some(1.4),
        plan_memory_bytes: Some(3 << 20),
        layers,
    };
    Report {
        schema: SCHEMA,
        date: utc(1_795_322_400),
        engine: engine(),
        device: Device { name: "A <GPU> & \"more\" | x".into(), backend: "Vulkan".into(), driver: "1".into(), kind: "Cpu".into() },
        host: host(),
        network: Network {
            name: "stylegan2".into(),
            source: "x.safetensors".into(),
            resolution: 64,
            width: None,
            parameters: 1000,
            gmac: 74.0625,
            gmac_papers: 143.0,
        },
        precision: "f16".into(),
        cold_ms: Some(Cold { device: 1.0, load: 2.0, build: 3.0, first: 4.0, total: 10.0 }),
        mapping_ms: None,
        runs: vec![run],
        ceilings: Some(ceilings),
        peak_memory_bytes: None,
    }
}

fn saved(folder: &tempfile::TempDir, text: &str) -> std::path::PathBuf {
    let path = folder.path().join("report.json");
    std::fs::write(&path, text).unwrap();
    path
}

#[test]
fn reports_survive_their_json() {
    let folder = tempfile::tempdir().unwrap();
    let read = |text: &str| {
        Report::load(&saved(&folder, text)).map_err(|failure| match failure {
            Failure::Runtime(text) => text,
            _ => unreachable!("a file is at fault"),
        })
    };
    let text = report().to_json();
    let read_back = read(&text).unwrap();
    assert_eq!(read_back.to_json(), text);
    assert_eq!((&read_back.device, read_back.runs[0].layers.len()), (&report().device, 3));
    // A layer needs its time. What a peer leaves out is legal; another version and another file are not.
    assert!(read(&text.replace("\"gpu_ms\": 2.0,", "")).unwrap_err().contains("gpu_ms"));
    let mut peer: serde_json::Value = serde_json::from_str(&text).unwrap();
    for field in ["ceilings", "cold_ms", "mapping_ms", "peak_memory_bytes"] {
        peer.as_object_mut().unwrap().remove(field);
    }
    peer["runs"] = serde_json::json!([{ "batch": 1, "iterations": 3, "images_per_second": 2.0 }]);
    assert!(read(&peer.to_string()).unwrap().runs[0].layers.is_empty());
    assert!(read(&text.replace("\"schema\": 1", "\"schema\": 2")).unwrap_err().contains("schema 2"));
    assert!(read("{}").unwrap_err().contains("not a bench report"));
    assert!(read("[1").is_err());
}

#[test]
fn floors_come_from_the_ceilings() {
    let layers = report().runs.remove(0).layers;
    // 1.5 GFLOP at 1500 GFLOP/s is 1 ms; 20 MB at 100 GB/s are 0.2 ms.
    let found: Vec<(f64, f64, &str)> = layers.iter().map(|layer| (layer.floor_ms, layer.floor_percent, layer.bound.as_str())).collect();
    assert!((found[0].0 - 1.0).abs() < 1e-9 && (found[0].1 - 50.0).abs() < 1e-6 && found[0].2 == "compute", "{found:?}");
    assert!((found[1].0 - 0.2).abs() < 1e-9 && (found[1].1 - 20.0).abs() < 1e-6 && found[1].2 == "memory", "{found:?}");
}

#[test]
fn pages_are_well_formed_and_draw_every_layer() {
    let mut report = report();
    let page = html::page(&report);
    let options = || roxmltree::ParsingOptions { allow_dtd: true, ..Default::default() };
    let document = roxmltree::Document::parse_with_options(&page, options()).unwrap_or_else(|error| panic!("{error}\n{page}"));
    let count = |name: &str| document.descendants().filter(|node| node.tag_name().name() == name).count();
    // A circle for what computes, a bar and its floor for everything, a row and the head.
    assert_eq!((count("svg"), count("circle"), count("rect"), count("tr")), (2, 2, 6, 4));
    assert!(document.descendants().all(|node| !["script", "link", "img"].contains(&node.tag_name().name())));
    assert!(!page.contains("NaN") && !page.contains("inf\""));
    assert_eq!(page.matches("http").count(), 1, "nothing but the namespace");
    // A peer has nothing to draw.
    report.runs[0].layers.clear();
    report.ceilings = None;
    assert!(roxmltree::Document::parse_with_options(&html::page(&report), options()).is_ok());
}

#[test]
fn comparisons_are_tables_with_ratios() {
    let (first, mut second) = (report(), report());
    second.engine.name = "peer".into();
    second.runs[0].wall_ms = Some(Stat { median: 2.5, p5: 2.0, p95: 3.0 });
    second.runs[0].gpu_ms = None;
    let table = compare::table(&[first, second]);
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(lines.len(), 4, "{table}");
    assert!(lines.iter().all(|line| line.chars().count() == lines[0].chars().count() && line.starts_with("| ") && line.ends_with(" |")));
    assert!(lines[2].contains("1.00x") && lines[3].contains("2.00x") && lines[3].contains("peer"), "{table}");
    assert!(lines[2].contains("A <GPU> & \"more\" \\| x"));
}

#[test]
fn tables_name_what_was_measured() {
    let text = table::text(&report());
    for part in ["74.06 GMAC", "143.0 GMAC", "4.50 ms", "cold start", "100 GB/s", "1.00 TFLOP/s", "1.50 TFLOP/s", "b4.torgb"] {
        assert!(text.contains(part), "{part} in\n{text}");
    }
}

#[test]
fn statistics_and_dates() {
    let stat = Stat::of(&[4.0, 1.0, 3.0, 2.0]).unwrap();
    assert_eq!((stat.median, stat.p5), (2.5, 1.15));
    assert!((stat.p95 - 3.85).abs() < 1e-12 && Stat::of(&[]).is_none());
    assert_eq!([0, 951_782_400, 1_795_322_400].map(utc), ["1970-01-01T00:00:00Z", "2000-02-29T00:00:00Z", "2026-11-22T04:40:00Z"]);
}
