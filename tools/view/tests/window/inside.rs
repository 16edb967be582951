//! Activations, the plan and the bench.

use std::path::Path;

use egui_kittest::kittest::Queryable;
use stylegan_studio::pictures::maps::Statistics;
use stylegan_view::Options;
use stylegan_wgpu::Look;

use crate::harness::{Window, generator, open, open_with, settle, text, wait};
use crate::shape::ws;

fn click(window: &mut Window, name: &str) {
    window.get_by_label(name).click_accesskit();
    window.run_steps(2);
}

fn inside(mut window: Window) -> Window {
    click(&mut window, "Inside");
    window
}

fn said(found: &Statistics) -> String {
    format!("from {:.3} to {:.3}, mean {:.3}, rms {:.3}", found.least, found.most, found.mean, found.rms)
}

#[test]
fn channels_of_layers_are_those_of_the_engine() {
    let mut window = inside(open());
    wait(&mut window, "the picture", |window| window.query_by_label("Activation of picture").is_some());
    let mut engine = generator();
    let layers = engine.layers();
    let (rows, look) = (ws(&mut engine, 85, 0.7), Look::new());
    let picture = engine.submit_f32(&rows, &look).expect("drawn").wait().expect("a picture").remove(0);
    let plane = picture.len() / engine.config().img_channels();
    let expected = said(&Statistics::of(&picture[..plane]));
    assert!(text(&window).contains(&expected), "{expected}: {}", text(&window));

    click(&mut window, "Next layer");
    click(&mut window, "Next layer");
    let layer = &layers[1];
    let tapped = engine.tap(&layer.name, &rows, &look).expect("drawn").wait().expect("a layer").remove(0);
    let channel = |i: usize| said(&Statistics::of(&tapped[i * layer.height * layer.width..][..layer.height * layer.width]));
    wait(&mut window, "the layer", |window| text(window).contains(&channel(0)));
    assert!(window.query_by_label(&format!("Activation of {}", layer.name)).is_some());
    window.get_by_label("Channel").set_value_accesskit(2.0);
    window.run_steps(2);
    wait(&mut window, "the channel", |window| text(window).contains(&channel(2)));
    click(&mut window, "Channel before");
    wait(&mut window, "the channel", |window| text(window).contains(&channel(1)));
    for name in ["Sheet of channels", "Spectrum (FFT)", "Fade edges out for the spectrum", "Red and blue around zero", "One channel"] {
        click(&mut window, name);
        window.run_steps(4);
        assert!(window.query_by_label(&format!("Activation of {}", layer.name)).is_some(), "{name}");
    }
    click(&mut window, "Follow the picture");
    window.state_mut().state().wish.psi = 0.1;
    settle(&mut window);
    let rows = ws(&mut engine, 85, 0.1);
    let tapped = engine.tap(&layer.name, &rows, &look).expect("drawn").wait().expect("a layer").remove(0);
    let size = layer.height * layer.width;
    wait(&mut window, "another picture's", |window| text(window).contains(&said(&Statistics::of(&tapped[size..2 * size]))));
}

#[test]
fn the_plan_has_every_pass_and_is_sorted() {
    let mut window = inside(open());
    wait(&mut window, "the plan", |window| text(window).contains(" passes: "));
    let mut engine = generator();
    let ws = engine.mapping(&vec![0.5; engine.config().z_dim()], None).expect("w");
    let passes = engine.passes(&ws, &Look::new()).expect("passes");
    let said = text(&window);
    assert!(said.contains(&format!("{} passes: ", passes.len())), "{said}");
    assert!(said.contains("tier ") && said.contains("million parameters"), "{said}");
    let order = |window: &Window| {
        let said = text(window);
        let mut places: Vec<(usize, &str)> =
            passes.iter().filter_map(|pass| Some((said.find(&format!("; {}; ", pass.name))?, pass.name.as_str()))).collect();
        places.sort_unstable();
        places.into_iter().map(|(_, name)| name.to_owned()).collect::<Vec<_>>()
    };
    let expected: Vec<String> = passes.iter().map(|pass| pass.name.clone()).collect();
    assert_eq!(order(&window), expected);
    click(&mut window, "Sort passes by pass");
    let mut sorted = expected.clone();
    sorted.sort();
    assert_eq!(order(&window), sorted);
    click(&mut window, "Sort passes by pass");
    sorted.reverse();
    assert_eq!(order(&window), sorted);
    click(&mut window, "Sort passes by GFLOP");
    let first = order(&window)[0].clone();
    let most = passes.iter().map(|pass| pass.flops).max();
    assert_eq!(passes.iter().find(|pass| pass.name == first).map(|pass| pass.flops), most);
    click(&mut window, "Measure every pass now");
    wait(&mut window, "the plan again", |window| text(window).contains(" passes: "));
}

#[cfg(unix)]
fn program(folder: &Path, script: &str) -> std::path::PathBuf {
    use std::os::unix::fs::PermissionsExt;
    let path = folder.join("stylegan");
    std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).expect("written");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("executable");
    path
}

#[test]
#[cfg(unix)]
fn a_bench_runs_beside_the_window_and_is_cancelled() {
    let folder = tempfile::tempdir().expect("a folder");
    let window = |script: &str| {
        let (program, tuning) = (Some(program(folder.path(), script)), Some(folder.path().to_owned()));
        let mut window = open_with(Options { builtin: Some(stylegan_weights::OPEN_PEEPS_128), program, tuning, ..Options::default() });
        settle(&mut window);
        let mut window = inside(window);
        window.get_by_label("Seconds to measure").set_value_accesskit(3.0);
        window.run_steps(2);
        click(&mut window, "Bench this network");
        window
    };
    let mut done = window("test -f \"$3\" || exit 1; echo \"$@\"; echo 'Result: 7.5 images/s'");
    wait(&mut done, "the report", |window| text(window).contains("Result: 7.5 images/s"));
    assert!(done.query_by_label("Open the report in a browser").is_some());
    let files = crate::harness::listed(&folder.path().join("bench"));
    let line = files.iter().find(|path| path.extension().is_some_and(|ending| ending == "txt")).expect("its output");
    let line = std::fs::read_to_string(line).expect("text");
    assert!(line.starts_with("bench --network ") && line.contains(" --duration 3 --html "), "{line}");

    let mut failed = window("echo 'error: no such network' >&2; exit 1");
    wait(&mut failed, "the message", |window| text(window).contains("stylegan bench: error: no such network"));
    let mut slow = window("exec sleep 600");
    wait(&mut slow, "the bar", |window| window.query_by_label("Cancel").is_some());
    click(&mut slow, "Cancel");
    assert!(slow.query_by_label("Cancel").is_none());
}
