//! Sliders along directions, and style mixing: every control, and the picture against the engine's, bit for bit.

use egui_kittest::kittest::Queryable;
use stylegan_convert::array_file::npy_bytes;
use stylegan_studio::vectors::{Axes, Method, shift};
use stylegan_view::Source;
use stylegan_wgpu::latent::{Truncation, z};
use stylegan_wgpu::{Look, Model, Ws, blocking};

use crate::harness::{Window, generator, open, picture, settle, text, wait, wish};

/// The tab, with a window on it.
fn shape() -> Window {
    let mut window = open();
    window.get_by_label("Shape").click();
    window.run_steps(2);
    window
}

fn click(window: &mut Window, name: &str) {
    window.get_by_label(name).click_accesskit();
    window.run_steps(2);
}

/// Rows of w of a seed, truncated as the window does.
pub(crate) fn ws(engine: &mut blocking::Generator, seed: u32, psi: f32) -> Ws {
    let mut ws = engine.mapping(&z(seed, engine.config().z_dim()), None).expect("w");
    Truncation { psi, cutoff: None }.apply(&mut ws, &engine.w_avg()).expect("truncated");
    ws
}

#[test]
fn a_slider_moves_the_picture_as_edit_does() {
    let mut window = shape();
    window.get_by_label("Number of directions").set_value_accesskit(3.0);
    window.run_steps(2);
    click(&mut window, "Find directions by PCA of w");
    wait(&mut window, "directions", |window| wish(window).moves.len() == 3);
    window.run_steps(2);
    window.get_by_label("PCA 1").set_value_accesskit(-1.5);
    window.run_steps(2);
    settle(&mut window);

    let mut engine = generator();
    let model = Model::from_bytes(stylegan_weights::OPEN_PEEPS_128.to_vec()).expect("the built-in network");
    let (rows, w_dim) = ((0..model.config.num_ws()).collect::<Vec<_>>(), model.config.w_dim());
    let axes = Axes::find(engine.gpu(), &model, Method::Pca, (&rows, 3), None, &mut |_| {}).expect("axes");
    let direction: Vec<f32> = axes.directions.values[w_dim..2 * w_dim].repeat(rows.len());
    let mut moved = ws(&mut engine, 85, 0.7);
    let before = engine.picture(&moved, &Look::new()).expect("a picture");
    shift(&mut moved, &direction, &rows, axes.sigma.values[1] * -1.5);
    let expected = engine.picture(&moved, &Look::new()).expect("a picture");
    assert!(picture(&mut window) == expected && expected != before);

    // No further than three standard deviations.
    window.get_by_label("PCA 0").set_value_accesskit(40.0);
    window.run_steps(2);
    let step = wish(&mut window).moves[0].clone();
    assert!((step.strength - 3.0 * step.sigma).abs() < 1e-4 * step.sigma, "{} {}", step.strength, step.sigma);
    click(&mut window, "Reset PCA 0");
    assert_eq!(wish(&mut window).moves[0].strength, 0.0);
    click(&mut window, "Reset all sliders");
    settle(&mut window);
    assert!(picture(&mut window) == before);
}

#[test]
fn sliders_are_renamed_and_removed() {
    let mut window = shape();
    window.get_by_label("Number of directions").set_value_accesskit(2.0);
    window.get_by_label("Layers of the directions").focus();
    window.get_by_label("Layers of the directions").type_text("2-3");
    window.run_steps(2);
    click(&mut window, "Find directions by SeFa in the weights");
    wait(&mut window, "directions", |window| wish(window).moves.len() == 2);
    window.run_steps(2);
    assert_eq!(wish(&mut window).moves[0].layers, Some(vec![2, 3]));
    click(&mut window, "Rename SeFa 1");
    window.get_by_label("New name").focus();
    window.get_by_label("New name").type_text("!");
    window.run_steps(2);
    let name = wish(&mut window).moves[1].name.clone();
    assert!(name.contains('!') && name.contains("SeFa 1"), "{name}");
    click(&mut window, "Remove SeFa 0");
    assert_eq!(wish(&mut window).moves.iter().map(|step| step.name.clone()).collect::<Vec<_>>(), [name]);
}

#[test]
fn directions_come_from_a_file_and_what_is_none_is_said() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut window = shape();
    let w_dim = window.state_mut().state().config().expect("a network").w_dim();
    let path = folder.path().join("smile.npy");
    std::fs::write(&path, npy_bytes(&[2, w_dim], &(0..2 * w_dim).map(|i| (i as f32).sin()).collect::<Vec<_>>())).expect("written");
    let load = |window: &mut Window, text: &str| {
        window.get_by_label("File of directions").focus();
        window.get_by_label("File of directions").type_text(text);
        window.run_steps(2);
        click(window, "Load directions from the file");
    };
    load(&mut window, path.to_str().expect("text"));
    wait(&mut window, "directions", |window| wish(window).moves.len() == 2);
    let moves = wish(&mut window).moves;
    assert_eq!(moves.iter().map(|step| step.name.as_str()).collect::<Vec<_>>(), ["smile 0", "smile 1"]);
    assert!(moves.iter().all(|step| step.sigma > 0.0 && step.sigma.is_finite()), "{} {}", moves[0].sigma, moves[1].sigma);
    load(&mut window, ".missing");
    wait(&mut window, "a message", |window| text(window).contains("smile.npy.missing"));
}

#[test]
fn rows_of_w_of_a_second_parent_are_mixed_in_as_mix_does() {
    let mut window = shape();
    window.get_by_label("Seed of the second parent").set_value_accesskit(7.0);
    window.run_steps(2);
    for row in ["Row 1,", "Row 2,"] {
        window.get_by_label_contains(row).click_accesskit();
        window.run_steps(2);
    }
    settle(&mut window);
    let mixed = wish(&mut window).mixes;
    assert_eq!((mixed.len(), mixed[0].source.clone(), mixed[0].layers.clone()), (1, Source::of_seed(7), vec![1, 2]));
    let mut engine = generator();
    let (mut first, second) = (ws(&mut engine, 85, 0.7), ws(&mut engine, 7, 0.7));
    first.mix(0, &[1, 2], &second, 0).expect("mixed");
    assert!(picture(&mut window) == engine.picture(&first, &Look::new()).expect("a picture"));
    wait(&mut window, "both parents", |window| {
        ["First parent, small", "Second parent, small"].into_iter().all(|name| window.query_by_label(name).is_some())
    });

    click(&mut window, "Mix in all layers");
    settle(&mut window);
    assert!(picture(&mut window) == engine.picture(7, &Look::new().psi(0.7)).expect("a picture"));
    click(&mut window, "Mix in nothing");
    assert!(wish(&mut window).mixes.is_empty());
    for (name, row) in [("coarse", 0), ("middle", 4)] {
        click(&mut window, &format!("Mix in {name} layers"));
        assert!(wish(&mut window).mixes[0].layers.contains(&row), "{name}");
    }
    click(&mut window, "Make the place of this picture the second parent");
    assert_eq!(wish(&mut window).mixes[0].source, Source::of_seed(85));
}
