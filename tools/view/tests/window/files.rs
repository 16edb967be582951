//! What goes into the window and out of it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use eframe::egui::{DroppedFile, Key, Modifiers};
use egui_kittest::kittest::Queryable;
use image::DynamicImage;
use stylegan_convert::test_files::layouts;
use stylegan_view::{Maps, Options, Source, Wish};
use stylegan_wgpu::internals::networks::stylegan2;
use stylegan_wgpu::internals::random_weights::random_weights;
use stylegan_wgpu::{Config, Look};

use crate::harness::{Window, assert_shows, generator, listed, open, open_with, picture, settle, slide, text, wait, wish};

/// The folder that pictures are saved into, as somebody types it.
fn saves_into(window: &mut Window, folder: &Path) {
    window.get_by_label("Files").click();
    window.run_steps(2);
    let field = window.get_by_label("Folder to save into");
    field.focus();
    field.type_text(folder.to_str().expect("text"));
    window.run_steps(2);
}

#[derive(Debug)]
struct Dropped(PathBuf);

impl DroppedFile for Dropped {
    fn path(&self) -> &Path {
        &self.0
    }

    fn bytes(&self) -> Result<Vec<u8>, String> {
        std::fs::read(&self.0).map_err(|error| error.to_string())
    }
}

fn drops(window: &mut Window, path: &Path) {
    window.input_mut().dropped_files.push(Arc::new(Dropped(path.to_owned())));
    window.step();
}

/// A conditional StyleGAN2 as NVIDIA's code pickles it.
fn checkpoint() -> Vec<u8> {
    let config = stylegan2::Config {
        z_dim: 8,
        c_dim: 5,
        w_dim: 8,
        img_resolution: 32,
        channel_max: 16,
        num_layers: 2,
        ..stylegan2::Config::config_f()
    };
    layouts::nvlabs(&random_weights(&Config::StyleGan2(config.clone()), 3), &config)
}

#[test]
fn a_picture_of_a_seed_is_saved_and_opened_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut window = open();
    saves_into(&mut window, folder.path());
    window.get_by_label("Save picture").click();
    let path = folder.path().join("seed0085.png");
    wait(&mut window, "the file", |window| path.exists() && text(window).contains("wrote"));
    let saved = image::open(&path).expect("a picture").into_rgb8();
    assert!(saved == DynamicImage::from(picture(&mut window)).into_rgb8());
    window.run_steps(2);
    assert!(text(&window).contains("stylegan generate --seeds=85 --trunc=0.7 "), "{}", text(&window));

    // Nothing is written over.
    window.get_by_label("Save picture").click();
    wait(&mut window, "the second file", |_| folder.path().join("seed0085-2.png").exists());

    window.state_mut().state().wish = Wish { psi: -0.5, noise: Maps::None, source: Source::of_seed(3), ..Wish::default() };
    settle(&mut window);
    drops(&mut window, &path);
    wait(&mut window, "seed 85", |window| wish(window).source.seed() == Some(85));
    assert_shows(&mut window, 85, &Look::new().psi(0.7));
    assert!(text(&window).contains("seed0085.png is seed 85"));
}

#[test]
fn what_no_seed_gives_is_saved_with_its_rows_of_w() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut window = open();
    window.state_mut().state().wish = Wish { source: Source::Pad { x: 3.25, y: 7.5, space: stylegan_view::Space::W }, ..Wish::default() };
    settle(&mut window);
    let shown = picture(&mut window);
    saves_into(&mut window, folder.path());
    window.key_press_modifiers(Modifiers::COMMAND, Key::S);
    let path = folder.path().join("picture.png");
    wait(&mut window, "the file", |_| path.exists());
    assert_eq!(listed(folder.path()), [folder.path().join("picture.npz"), path.clone()]);
    assert!(image::open(&path).expect("a picture").into_rgb8() == DynamicImage::from(shown.clone()).into_rgb8());

    for file in ["picture.png", "picture.npz"] {
        window.state_mut().state().wish = Wish::default();
        settle(&mut window);
        drops(&mut window, &folder.path().join(file));
        wait(&mut window, "the rows of w", |window| matches!(wish(window).source, Source::Rows(_)));
        settle(&mut window);
        assert!(picture(&mut window) == shown, "{file}");
    }
}

#[test]
fn a_sheet_has_sixteen_seeds_and_rows_of_w_are_those_of_the_picture() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut window = open();
    saves_into(&mut window, folder.path());
    window.get_by_label("Save sheet").click();
    let path = folder.path().join("seed0085-sheet.png");
    wait(&mut window, "the sheet", |_| path.exists());
    let sheet = image::open(&path).expect("a sheet").into_rgb8();
    let expected = DynamicImage::from(generator().picture(90, &Look::new().psi(0.7)).expect("a picture")).into_rgb8();
    assert_eq!(sheet.dimensions(), (512, 512));
    assert!(image::imageops::crop_imm(&sheet, 128, 128, 128, 128).to_image() == expected);

    wait(&mut window, "the end", |window| !text(window).contains("drawing"));
    window.get_by_label("Save rows of w").click();
    let rows = folder.path().join("seed0085.npz");
    wait(&mut window, "the rows of w", |_| rows.exists());
    let bytes = std::fs::read(&rows).expect("a file");
    let config = window.state_mut().state().config().expect("a network").clone();
    let file = stylegan_studio::vectors::VectorFile::open(&bytes).expect("arrays");
    let ws = stylegan_studio::vectors::rows(&file, None, stylegan_studio::vectors::Sizes::of(&config)).expect("rows");
    assert!(generator().picture(&ws, &Look::new()).expect("a picture") == picture(&mut window));
}

#[test]
fn what_cannot_be_opened_is_said_and_the_window_stays() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut window = open();
    let (nothing, text_file) = (folder.path().join("nothing.pkl"), folder.path().join("text.pkl"));
    std::fs::write(&text_file, "not a network").expect("written");
    for path in [&nothing, &text_file] {
        drops(&mut window, path);
        wait(&mut window, "a message", |window| text(window).contains(path.to_str().expect("text")));
        assert!(window.state_mut().state().is_settled());
        window.get_by_label("Close message").click();
        window.run_steps(2);
        assert!(window.query_by_label("Close message").is_none());
    }
}

#[test]
fn a_checkpoint_is_converted_and_drawn_and_remembered() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("small.pkl");
    std::fs::write(&path, checkpoint()).expect("written");
    let mut window = open();
    drops(&mut window, &path);
    wait(&mut window, "the network", |window| window.state_mut().state().network().is_some_and(|network| network.path.is_some()));
    settle(&mut window);
    let before = picture(&mut window);
    slide(&mut window, "class", 4.0);
    settle(&mut window);
    assert!(picture(&mut window) != before, "another class is another picture");
    assert_eq!(window.state_mut().state().recent, [path.canonicalize().expect("a path")]);
    window.get_by_label("Files").click();
    window.run_steps(2);
    window.get_by_label("Open the built-in avatars").click();
    wait(&mut window, "the avatars", |window| window.state_mut().state().network().is_some_and(|network| network.path.is_none()));
    assert_shows(&mut window, 85, &Look::new().psi(0.7));
    window.get_by_label("small.pkl").click();
    wait(&mut window, "the network again", |window| window.state_mut().state().network().is_some_and(|network| network.path.is_some()));
}

#[test]
fn without_a_network_the_window_says_so() {
    let mut window = open_with(Options::default());
    wait(&mut window, "a message", |window| text(window).contains("built without a network"));
    window.key_press_modifiers(Modifiers::COMMAND, Key::S);
    window.run_steps(2);
    assert!(text(&window).contains("no network on the device yet"), "{}", text(&window));
}
