//! What only a StyleGAN3 has: a place in its plane. It has no previews.

use std::path::Path;

use egui_kittest::kittest::Queryable;
use stylegan_studio::drawing::place::Place;
use stylegan_view::{Maps, Options, Wish};
use stylegan_wgpu::internals::networks::stylegan3;
use stylegan_wgpu::internals::random_weights::random_weights;
use stylegan_wgpu::{Config, Look, Model, Precision};

use crate::harness::{Window, generator_of, open_with, picture, settle, slide, text, wait, wish};

/// A narrow StyleGAN3 of 64 pixels in a file.
fn network(path: &Path) -> Model {
    let mut config = stylegan3::Config::r(64);
    (config.z_dim, config.w_dim, config.input.channels) = (8, 8, 12);
    for layer in &mut config.layers {
        (layer.in_channels, layer.out_channels) = (12, 12);
    }
    let model = random_weights(&Config::StyleGan3(config), 3);
    model.save(path, Precision::F32).expect("written");
    model
}

fn window(path: &Path) -> Window {
    let mut window = open_with(Options { network: Some(path.to_owned()), ..Options::default() });
    settle(&mut window);
    window
}

#[test]
fn its_place_is_that_of_the_engine_and_goes_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("small.safetensors");
    let model = network(&path);
    let mut window = window(&path);
    let here = picture(&mut window);
    for (name, value) in [("to the right", 0.25), ("down", -0.5), ("degrees turned", 30.0), ("zoom", 2.0)] {
        slide(&mut window, name, value);
    }
    settle(&mut window);
    let place = Place { translate: [0.25, -0.5], rotate: 30.0, zoom: 2.0 };
    assert_eq!(wish(&mut window).place(), place);
    let look = Look::new().psi(0.7).transform(place.transform(&model.config).expect("a place"));
    assert!(picture(&mut window) == generator_of(&model).picture(85, &look).expect("a picture"));
    assert!(picture(&mut window) != here);
    window.get_by_label("Reset place").click();
    window.run_steps(2);
    settle(&mut window);
    assert!(picture(&mut window) == here);
}

/// A hand that moves sees pictures of a network that has no previews, and the one it rests at in the end.
#[test]
fn what_moves_by_itself_is_drawn_whole() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("small.safetensors");
    network(&path);
    let mut window = window(&path);
    let first = window.state_mut().state().shown().expect("a picture").number;
    // Another wish in every frame, as of a hand.
    let mut degrees = 0.0;
    wait(&mut window, "pictures of a hand that moves", |window| {
        degrees += 0.1;
        window.state_mut().state().wish.rotate = degrees;
        let shown = window.state_mut().state().shown().expect("a picture");
        assert!(!shown.preview, "it has none");
        shown.number > first + 3
    });
    settle(&mut window);
    assert_eq!(wish(&mut window), Wish { rotate: degrees, noise: Maps::Stored, ..wish(&mut window) });
    assert!(text(&window).contains("64 x 64 in "), "{}", text(&window));
}
