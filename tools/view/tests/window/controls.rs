//! Every control of the tab "Live", found by its name.

use egui_kittest::kittest::Queryable;
use stylegan_view::{Maps, Source, Space};
use stylegan_wgpu::{Look, Noise};

use crate::harness::{assert_shows, open, settle, wish};

#[test]
fn the_first_picture_is_the_engines() {
    assert_shows(&mut open(), 85, &Look::new().psi(0.7));
}

#[test]
fn psi_and_cutoff_are_those_of_the_engine() {
    let mut window = open();
    window.get_by_label("truncation psi").set_value_accesskit(0.25);
    window.get_by_label("truncated rows of w").set_value_accesskit(3.0);
    window.run_steps(2);
    assert_eq!((wish(&mut window).psi, wish(&mut window).cutoff), (0.25, Some(3)));
    assert_shows(&mut window, 85, &Look::new().psi(0.25).cutoff(3));
}
