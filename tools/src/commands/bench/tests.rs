//! Reports: their JSON, their page, their comparison, from made-up figures.

use super::json::utc;
use super::protocol::Wanted;
use super::quality::{Load, Quality};
use super::report::*;
use super::statistics::Stat;
use super::*;

pub(super) fn ceilings() -> Ceilings {
    Ceilings { copy_gbs: 100.0, fma_f32_gflops: 1000.0, fma_f16_gflops: Some(1500.0), matrix_f16_gflops: None }
}

pub(super) fn report() -> Report {
    let stat = |median: f64| Stat::of(vec![vec![median * 0.97, median, median * 1.03]]);
    let mut layers: Vec<Layer> =
        [("b4.conv1", "modulated_conv2d", 2.0, 1.5), ("b4.torgb", "to_rgb<&>\"", 1.0, 0.001), ("copy", "none", 1.0, 0.0)]
            .map(|(label, kernel, gpu_ms, gflop)| Layer {
                label: label.into(),
                kernel: kernel.into(),
                variant: "portable".into(),
                gpu_ms,
                gflop,
                bytes: 20_000_000.0,
                gflops: 0.0,
                gbs: 0.0,
                floor_ms: 0.0,
                floor_percent: 0.0,
                bound: String::new(),
            })
            .into();
    layers.iter_mut().for_each(|layer| layer.derive(&ceilings(), "f16"));
    let run = Run {
        batch: 2,
        gpu_ms: stat(4.5),
        gpu_passes_ms: stat(4.0),
        wall_ms: stat(5.0),
        wall_readback_ms: stat(8.0),
        images_per_second: 125.0,
        offline: Some(Offline { images: 40, images_per_second: 180.0, repeats: vec![180.0] }),
        picture: Some(Picture {
            sha256: "00".repeat(32),
            pictures: 46,
            relative_error: 1e-3,
            tolerance: 3e-3,
            against: "stored reference".into(),
        }),
        telemetry: None,
        floor_ms: Some(1.4),
        plan_memory_bytes: Some(3 << 20),
        layers,
    };
    let outcome = Outcome {
        network: Network {
            name: "stylegan2".into(),
            source: "x.safetensors".into(),
            sha256: None,
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
    };
    let ceilings = BeforeAndAfter::new(ceilings(), Ceilings { copy_gbs: 98.0, ..ceilings() });
    let quality = Quality::of(outcome.runs.iter().map(|run| ("x".into(), run)), Some(&ceilings), Load::default());
    Report {
        schema: SCHEMA,
        id: None,
        date: utc(1_795_322_400),
        engine: session::engine(),
        device: Device {
            name: "A <GPU> & \"more\" | x".into(),
            backend: "Vulkan".into(),
            driver: "1".into(),
            kind: "Cpu".into(),
            pci: None,
        },
        host: session::host(),
        made: None,
        protocol: Protocol::new(Wanted::default()),
        quality,
        ceilings: Some(ceilings),
        score: None,
        peak_memory_bytes: None,
        results: vec![outcome],
    }
    .named()
}

fn read(text: &str) -> Result<Report, String> {
    json::parse(text)
}

fn faults(text: &str) -> Vec<String> {
    check::faults(&read(text).unwrap(), &serde_json::from_str(text).unwrap())
}

#[test]
fn reports_survive_their_json() {
    let text = report().to_json();
    let read_back = read(&text).unwrap();
    assert_eq!(read_back.to_json(), text);
    assert_eq!((&read_back.device, read_back.results[0].runs[0].layers.len()), (&report().device, 3));
    // A layer needs its time. What a peer leaves out is legal; another version and another file are not.
    assert!(read(&text.replace("\"gpu_ms\": 2.0,", "")).unwrap_err().contains("gpu_ms"));
    let mut peer: serde_json::Value = serde_json::from_str(&text).unwrap();
    for field in ["id", "ceilings", "made", "score", "peak_memory_bytes"] {
        peer.as_object_mut().unwrap().remove(field);
    }
    peer["results"][0]["runs"] = serde_json::json!([{ "batch": 1, "images_per_second": 2.0 }]);
    assert!(read(&peer.to_string()).unwrap().results[0].runs[0].layers.is_empty());
    assert!(read(&text.replace("\"schema\": 2", "\"schema\": 1")).unwrap_err().contains("schema 1; this program reads schema 2"));
    assert!(read("{}").unwrap_err().contains("not a bench report"));
    assert!(read("[1").is_err());
}

#[test]
fn a_changed_report_is_found_out() {
    let text = report().to_json();
    assert!(report().id.unwrap().starts_with("custom-") && faults(&text).is_empty(), "{:?}", faults(&text));
    // Its looks may change, and the order of its fields.
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert!(faults(&value.to_string()).is_empty());
    let faster = text.replace("\"images_per_second\": 125.0", "\"images_per_second\": 925.0");
    assert!(faster != text && faults(&faster)[0].contains("it was changed"));
    assert!(faults(&text.replace("\"noisy\"", "\"ok\"").replace("A <GPU>", "B")).len() == 1);
    let mut broken = report();
    let run = &mut broken.results[0].runs[0];
    run.images_per_second = 0.0;
    run.gpu_ms.as_mut().unwrap().least = -1.0;
    run.picture.as_mut().unwrap().relative_error = 0.5;
    let broken = broken.named().to_json();
    let found = faults(&broken).join("; ");
    for part in ["0 images per second", "times of -1", "the picture is wrong"] {
        assert!(found.contains(part), "{part}: {found}");
    }
    let unchecked = Report { results: Vec::new(), ..report() }.named().to_json();
    assert_eq!(faults(&unchecked), ["it has no results"]);
}

#[test]
fn floors_come_from_the_ceilings() {
    let layers = report().results.remove(0).runs.remove(0).layers;
    // 1.5 GFLOP at 1500 GFLOP/s is 1 ms; 20 MB at 100 GB/s are 0.2 ms.
    let found: Vec<(f64, f64, &str)> = layers.iter().map(|layer| (layer.floor_ms, layer.floor_percent, layer.bound.as_str())).collect();
    assert!((found[0].0 - 1.0).abs() < 1e-9 && (found[0].1 - 50.0).abs() < 1e-6 && found[0].2 == "compute", "{found:?}");
    assert!((found[1].0 - 0.2).abs() < 1e-9 && (found[1].1 - 20.0).abs() < 1e-6 && found[1].2 == "memory", "{found:?}");
}

#[test]
fn ceilings_drift_and_the_best_count() {
    let later = Ceilings { copy_gbs: 50.0, fma_f32_gflops: 1100.0, fma_f16_gflops: None, ..ceilings() };
    let both = BeforeAndAfter::new(ceilings(), later);
    assert_eq!((both.drift_percent, both.best().copy_gbs, both.best().fma_f32_gflops), (50.0, 100.0, 1100.0));
    assert_eq!(both.best().fma_f16_gflops, Some(1500.0));
}

fn document(page: &str) -> roxmltree::Document<'_> {
    let options = roxmltree::ParsingOptions { allow_dtd: true, ..Default::default() };
    let document = roxmltree::Document::parse_with_options(page, options).unwrap_or_else(|error| panic!("{error}\n{page}"));
    assert!(document.descendants().all(|node| !["script", "link", "img"].contains(&node.tag_name().name())));
    assert!(!page.contains("NaN") && !page.contains("inf\""));
    assert_eq!(page.matches("http").count(), 1, "nothing but the namespace");
    document
}

fn count(document: &roxmltree::Document<'_>, name: &str) -> usize {
    document.descendants().filter(|node| node.tag_name().name() == name).count()
}

#[test]
fn pages_are_well_formed_and_draw_every_layer() {
    let mut report = report();
    let page = html::page(&report);
    let document = document(&page);
    // A circle for what computes, a bar and its floor for everything, a row and the head.
    assert_eq!(["svg", "circle", "rect", "tr"].map(|name| count(&document, name)), [2, 2, 6, 4]);
    // A peer has nothing to draw.
    report.results[0].runs[0].layers.clear();
    report.ceilings = None;
    assert_eq!(count(&self::document(&html::page(&report)), "svg"), 0);
}

#[test]
fn comparisons_are_drawn_by_network_and_precision() {
    let (first, second) = pair();
    let page = html::comparison(&[first.clone(), second, first]);
    let document = document(&page);
    // One group of three rows: a bar and its interval each.
    assert_eq!(["section", "svg", "rect", "path"].map(|name| count(&document, name)), [2, 3, 3, 3]);
    assert!(page.contains("peer") && page.contains("2.00x") && page.contains("Wall time with readback"));
}

/// Two networks of one name and size are not one: StyleGAN3's T and R.
#[test]
fn networks_of_other_work_are_not_compared() {
    let (mut first, mut second) = pair();
    first.results[0].network.gmac = 74.0625;
    second.results[0].network.gmac = 74.06;
    assert_eq!(compare::groups(&[first.clone(), second.clone()]).len(), 1, "peers round");
    second.results[0].network.gmac = 60.0;
    let reports = [first, second];
    let groups = compare::groups(&reports);
    let titles: Vec<&str> = groups.iter().map(|group| group.title.as_str()).collect();
    assert_eq!(titles, ["stylegan2 64 f16, batch 2, 74.06 GMAC", "stylegan2 64 f16, batch 2, 60.00 GMAC"]);
    assert!(groups.iter().all(|group| group.rows[0].ratio == Some(1.0)));
}

/// A row is what a device does when it is asked plainly.
#[test]
fn rows_are_of_plain_runs() {
    let plain = |change: fn(&mut Made)| {
        let mut report = report();
        report.quality.verdict = "ok".into();
        report.engine.build = "release".into();
        let tuning = TuningState { tuned: true, timed_now: 0, kept: 0, choices: String::new() };
        let mut made = Made {
            command: "stylegan bench".into(),
            commit: None,
            wgpu: None,
            tier: String::new(),
            matrix_units: false,
            tuning,
            switches: [("RADV_DEBUG".to_string(), "nohiz".to_string())].into(),
            foreign_kernels: false,
        };
        change(&mut made);
        report.made = Some(made);
        Checked::of(Path::new("x.json"), &report.named().to_json()).ok().unwrap().refusal()
    };
    assert_eq!(plain(|_| ()), None);
    assert!(plain(|made| made.foreign_kernels = true).unwrap().contains("not the engine's"));
    assert!(plain(|made| made.tuning.tuned = false).unwrap().contains("not tuned"));
    assert!(plain(|made| drop(made.switches.insert("STYLEGAN_TIER".into(), "portable".into()))).unwrap().contains("STYLEGAN_TIER"));
}

/// Length, interval and ratio of a bar are of one clock, the same for all of a group.
#[test]
fn one_clock_for_all_that_is_compared() {
    let bars = |reports: &[Report]| {
        let page = html::comparison(reports);
        let labels: Vec<String> = page.split("<strong>").skip(1).map(|rest| rest.split("</strong>").next().unwrap().to_string()).collect();
        let intervals: Vec<String> = page.split("aria-label=\"").skip(1).map(|rest| rest.split('"').next().unwrap().to_string()).collect();
        (labels, intervals)
    };
    let (first, mut second) = pair();
    let (labels, intervals) = bars(&[first.clone(), second.clone()]);
    assert!(labels[0].starts_with("8.00 ms, 1.00x") && labels[1].starts_with("4.00 ms, 2.00x"), "{labels:?}");
    assert_eq!(intervals, ["7.76 ms to 8.24 ms", "3.00 ms to 6.00 ms"]);
    // Of a program without readback: wall times of both.
    second.results[0].runs[0].wall_readback_ms = None;
    let (labels, intervals) = bars(&[first.clone(), second.clone()]);
    assert!(labels[0].starts_with("5.00 ms, 1.00x") && labels[1].starts_with("2.50 ms, 2.00x"), "{labels:?}");
    assert_eq!(intervals, ["4.85 ms to 5.15 ms", "2.00 ms to 3.00 ms"]);
    assert!(compare::csv(&[first, second]).lines().skip(1).all(|line| line.contains(",wall_ms,")));
}

fn pair() -> (Report, Report) {
    let (first, mut second) = (report(), report());
    second.engine.name = "peer".into();
    let run = &mut second.results[0].runs[0];
    run.wall_ms = Stat::of(vec![vec![2.0, 2.5, 3.0]]);
    run.wall_readback_ms = Stat::of(vec![vec![3.0, 4.0, 6.0]]);
    run.gpu_ms = None;
    (first, second)
}

#[test]
fn comparisons_are_tables_with_ratios() {
    let (first, second) = pair();
    let reports = [first, second];
    let table = compare::markdown(&reports);
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(lines.len(), 4, "{table}");
    assert!(lines.iter().all(|line| line.chars().count() == lines[0].chars().count() && line.starts_with("| ") && line.ends_with(" |")));
    assert!(lines[2].contains("1.00x") && lines[3].contains("2.00x") && lines[3].contains("peer"), "{table}");
    assert!(lines[2].contains("A <GPU> & \"more\" \\| x"));
    let text = compare::table(&reports);
    assert!(text.lines().all(|line| line.chars().count() <= 80) && text.contains("2.00x"), "{text}");
    let csv = compare::csv(&reports);
    let columns: Vec<usize> = csv.lines().map(|line| line.replace("\"A <GPU> & \"\"more\"\" | x\"", "x").split(',').count()).collect();
    assert_eq!(columns, [25, 25, 25], "{csv}");
    assert!(csv.contains("\"A <GPU> & \"\"more\"\" | x\"") && csv.contains(",2,"));
}

#[test]
fn protocols_are_not_mixed() {
    let (first, mut second) = pair();
    let path = Path::new("x.json");
    assert!(compare::same_protocol(&[(path, &first), (path, &second)]).is_ok());
    second.protocol = Protocol::new(Wanted { preset: Some(Preset::Quick), ..Wanted::default() });
    let failure = compare::same_protocol(&[(path, &first), (Path::new("y.json"), &second)]).unwrap_err();
    assert!(failure.text().contains("y.json is quick 1"), "{}", failure.text());
}

#[test]
fn tables_name_what_was_measured() {
    let mut report = report();
    let text = table::text(&report);
    for part in
        ["74.06 GMAC", "143.0 GMAC", "4.50 ms", "cold start", "100 GB/s", "1.00 TFLOP/s", "1.50 TFLOP/s", "b4.torgb", "picture right"]
    {
        assert!(text.contains(part), "{part} in\n{text}");
    }
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    assert!(text.contains("ok; times scatter by at most 3.0 %; ceilings changed by 2.0 %"), "{text}");
    report.quality.verdict = "noisy".into();
    report.quality.reasons = vec!["the moon".into()];
    assert!(table::text(&report).contains("noisy, do not rely on it: the moon"));
    report.id = Some("x-1".into());
    assert_eq!(table::result(&report), "Result: 180 images/s (custom, noisy, x-1)");
    report.score = Some(0.7654);
    assert_eq!(table::result(&report), "Result: 0.765 images/s (custom, noisy, x-1)");
}

#[test]
fn dates_are_those_of_the_calendar() {
    assert_eq!([0, 951_782_400, 1_795_322_400].map(utc), ["1970-01-01T00:00:00Z", "2000-02-29T00:00:00Z", "2026-11-22T04:40:00Z"]);
}

/// `docs/bench.schema.json` is made of the structures and their comments; `STYLEGAN_WRITE_SCHEMA=1` writes it.
#[test]
fn the_schema_is_that_of_the_structures() {
    let mut schema = schemars::schema_for!(Report);
    schema.insert("$id".into(), "https://github.com/stylegan-wgpu/stylegan-wgpu/blob/main/docs/bench.schema.json".into());
    schema.insert("title".into(), "A report of stylegan bench".into());
    let text = format!("{:#}\n", schema.as_value());
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/bench.schema.json");
    if std::env::var_os("STYLEGAN_WRITE_SCHEMA").is_some() {
        std::fs::write(path, &text).unwrap();
    }
    let found = std::fs::read_to_string(path).unwrap();
    assert!(found == text, "docs/bench.schema.json is not that of the report; STYLEGAN_WRITE_SCHEMA=1 writes it");
    // Every field that a report has is in it.
    let properties = schema.get("properties").unwrap().as_object().unwrap();
    assert!(serde_json::to_value(report()).unwrap().as_object().unwrap().keys().all(|field| properties.contains_key(field)));
}
