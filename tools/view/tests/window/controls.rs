//! Every control of the tab "Live", found by its name.

use eframe::egui::{Event, Modifiers, PointerButton, Vec2};
use egui_kittest::kittest::Queryable;
use stylegan_view::{Maps, Source, Space};
use stylegan_wgpu::{Look, Noise};

use crate::harness::{assert_shows, generator, open, picture, settle, slide, wait, wish};

fn place(window: &mut crate::harness::Window) -> (f64, f64, Space) {
    match wish(window).source {
        Source::Pad { x, y, space } => (x, y, space),
        Source::Rows(rows) => panic!("rows of w of {}", rows.name),
    }
}

#[test]
fn the_first_picture_is_the_engines() {
    assert_shows(&mut open(), 85, &Look::new().psi(0.7));
}

#[test]
fn psi_and_cutoff_are_those_of_the_engine() {
    let mut window = open();
    slide(&mut window, "truncation psi", 0.25);
    slide(&mut window, "truncated rows of w", 3.0);
    window.run_steps(2);
    assert_eq!((wish(&mut window).psi, wish(&mut window).cutoff), (0.25, Some(3)));
    assert_shows(&mut window, 85, &Look::new().psi(0.25).cutoff(3));
    slide(&mut window, "truncated rows of w", 1000.0);
    window.run_steps(2);
    assert_eq!(wish(&mut window).cutoff, None);
}

#[test]
fn noise_is_stored_none_fresh_or_another_in_every_picture() {
    let mut window = open();
    let look = Look::new().psi(0.7);
    window.get_by_label("none").click();
    window.run_steps(2);
    assert_shows(&mut window, 85, &look.clone().noise(Noise::None));
    window.get_by_label("fresh").click();
    window.run_steps(2);
    window.get_by_label("Noise seed").set_value_accesskit(7.0);
    window.run_steps(2);
    assert_shows(&mut window, 85, &look.clone().noise(Noise::Random { seed: 7 }));
    window.get_by_label("animated").click();
    wait(&mut window, "noise that moves", |window| wish(window).noise_seed > 9);
    window.get_by_label("stored").click();
    window.run_steps(2);
    assert_eq!(wish(&mut window).noise, Maps::Stored);
    assert_shows(&mut window, 85, &look);
}

#[test]
fn a_seed_is_typed_or_drawn_at_random() {
    let mut window = open();
    window.get_by_label("Seed").set_value_accesskit(4294967295.0);
    window.run_steps(2);
    assert_shows(&mut window, u32::MAX, &Look::new().psi(0.7));
    window.get_by_label("Random seed").click();
    window.run_steps(2);
    let seed = wish(&mut window).source.seed().expect("a seed");
    assert!(seed < 1_000_000);
    assert_shows(&mut window, seed, &Look::new().psi(0.7));
}

#[test]
fn a_drag_on_the_map_moves_the_place_and_a_click_goes_there() {
    let mut window = open();
    let rect = window.get_by_label("Map of seeds").rect();
    let cell = rect.width() / 4.0;
    let pointer = |window: &crate::harness::Window, at, pressed| {
        window.event(Event::PointerMoved(at));
        window.event(Event::PointerButton { pos: at, button: PointerButton::Primary, pressed, modifiers: Modifiers::NONE });
    };
    let from = rect.center() + Vec2::splat(20.0);
    pointer(&window, from, true);
    window.step();
    for step in 1..=10 {
        window.event(Event::PointerMoved(from + Vec2::new(0.05 * step as f32 * cell, 0.0)));
        window.step();
    }
    pointer(&window, from + Vec2::new(0.5 * cell, 0.0), false);
    window.run_steps(2);
    let (x, y, space) = place(&mut window);
    // The first points are not a drag yet.
    assert!((85.35..85.51).contains(&x) && y == 0.0 && space == Space::W, "{x} {y}");
    settle(&mut window);

    // Half way between two seeds lies the mean of their w.
    let mut engine = generator();
    let ws: Vec<Vec<f32>> = [85, 86]
        .iter()
        .map(|seed| engine.mapping(&stylegan_wgpu::latent::z(*seed, engine.config().z_dim()), None).expect("w").values)
        .collect();
    let x = x - 85.0;
    let mean = ws[0].iter().zip(&ws[1]).map(|(a, b)| ((1.0 - x) * f64::from(*a) + x * f64::from(*b)) as f32).collect();
    let mut ws = stylegan_wgpu::Ws::new(1, engine.config().num_ws(), engine.config().w_dim(), mean).expect("rows");
    stylegan_wgpu::latent::Truncation { psi: 0.7, cutoff: None }.apply(&mut ws, &engine.w_avg()).expect("truncated");
    assert!(picture(&mut window) == engine.picture(&ws, &Look::new()).expect("a picture"));

    let before = place(&mut window);
    pointer(&window, rect.center() + Vec2::new(-cell, cell), true);
    pointer(&window, rect.center() + Vec2::new(-cell, cell), false);
    window.run_steps(2);
    let after = place(&mut window);
    assert!((after.0 - before.0 + 1.0).abs() < 1e-3 && (after.1 - before.1 - 1.0).abs() < 1e-3, "{before:?} {after:?}");
}

#[test]
fn between_seeds_z_is_another_picture_and_at_seeds_the_same() {
    let mut window = open();
    window.get_by_label("z").click();
    window.run_steps(2);
    assert_eq!(place(&mut window).2, Space::Z);
    assert_shows(&mut window, 85, &Look::new().psi(0.7));
    window.state_mut().state().wish.source = Source::Pad { x: 85.5, y: 0.0, space: Space::Z };
    settle(&mut window);
    let z = picture(&mut window);
    window.get_by_label("w").click();
    window.run_steps(2);
    settle(&mut window);
    assert_eq!(place(&mut window).0, 85.5);
    assert!(picture(&mut window) != z);
}

#[test]
fn seeds_walk_by_themselves_and_stop() {
    let mut window = open();
    slide(&mut window, "seeds a second", 5.0);
    window.run_steps(2);
    window.get_by_label("Walk").click();
    wait(&mut window, "a walk", |window| place(window).0 > 85.2);
    window.get_by_label("Walk").click();
    window.run_steps(2);
    let there = place(&mut window);
    window.run_steps(3);
    assert_eq!(place(&mut window), there);
}
