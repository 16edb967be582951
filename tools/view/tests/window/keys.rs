//! What the keyboard does, and the window's own bars.

use eframe::egui::{Key, Modifiers};
use egui_kittest::kittest::Queryable;

use crate::harness::{open, text, wait, wish};

#[test]
fn arrows_step_from_seed_to_seed() {
    let mut window = open();
    for (key, seed) in [(Key::ArrowRight, 86), (Key::ArrowDown, 186), (Key::ArrowLeft, 185), (Key::ArrowUp, 85)] {
        window.key_press(key);
        window.run_steps(2);
        assert_eq!(wish(&mut window).source.seed(), Some(seed), "{key:?}");
    }
    window.key_press(Key::R);
    window.run_steps(2);
    assert_ne!(wish(&mut window).source.seed(), Some(85));
}

#[test]
fn space_walks_and_stops() {
    let mut window = open();
    window.key_press(Key::Space);
    wait(&mut window, "a walk", |window| wish(window).source.seed().is_none());
    window.key_press(Key::Space);
    window.run_steps(2);
    let there = wish(&mut window);
    window.run_steps(4);
    assert_eq!(wish(&mut window), there);
}

#[test]
fn the_help_names_every_key() {
    let mut window = open();
    assert!(window.query_by_label("Keys").is_none());
    window.key_press(Key::F1);
    window.run_steps(3);
    let said = text(&window);
    for what in ["the next seed", "save the picture", "open a file", "walk, or stop"] {
        assert!(said.contains(what), "{what}: {said}");
    }
    window.key_press(Key::F1);
    window.run_steps(3);
    assert!(!text(&window).contains("the next seed"));
}

#[test]
fn keys_are_for_the_text_that_is_written() {
    let mut window = open();
    window.key_press_modifiers(Modifiers::COMMAND, Key::O);
    window.run_steps(3);
    let field = window.get_by_label("File to open");
    assert!(field.is_focused());
    field.type_text("r1");
    window.key_press(Key::R);
    window.run_steps(2);
    assert_eq!(wish(&mut window).source.seed(), Some(85));
    assert_eq!(window.get_by_label("File to open").value().as_deref(), Some("r1"));
}

#[test]
fn the_theme_is_turned() {
    let mut window = open();
    assert!(window.ctx.theme() == eframe::egui::Theme::Dark);
    window.get_by_label("Light").click();
    window.run_steps(2);
    assert!(window.ctx.theme() == eframe::egui::Theme::Light);
    assert!(window.query_by_label("Dark").is_some());
}
