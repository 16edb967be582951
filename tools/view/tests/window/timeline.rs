//! Keyframes, playback, and the film of them.

use std::io::{BufReader, Seek};
use std::path::Path;

use egui_kittest::kittest::Queryable;
use image::codecs::png::PngDecoder;
use image::{AnimationDecoder, DynamicImage, RgbImage};
use stylegan_studio::pictures::picture_settings::{Kind, Settings};
use stylegan_view::Source;
use stylegan_wgpu::Look;

use crate::harness::{Window, generator, listed, open, picture, settle, text, wait, wish};

fn click(window: &mut Window, name: &str) {
    window.get_by_label(name).click_accesskit();
    window.run_steps(2);
}

/// A window with keyframes of these seeds, two frames from one to the next.
fn keyframes(seeds: &[u32]) -> Window {
    let mut window = open();
    click(&mut window, "Timeline");
    window.get_by_label("Frames from a keyframe to the next").set_value_accesskit(2.0);
    window.run_steps(2);
    for (i, seed) in seeds.iter().enumerate() {
        window.state_mut().state().wish.source = Source::of_seed(*seed);
        window.run_steps(2);
        click(&mut window, "Add this picture as a keyframe");
        let name = format!("Keyframe {}, {seed}", i + 1);
        wait(&mut window, "a keyframe", |window| window.query_by_label(&name).is_some());
    }
    window
}

fn of_seed(seed: u32) -> RgbImage {
    DynamicImage::from(generator().picture(seed, &Look::new().psi(0.7)).expect("a picture")).into_rgb8()
}

fn film(window: &mut Window, path: &Path) {
    window.get_by_label("File of the film").focus();
    window.get_by_label("File of the film").type_text(path.to_str().expect("text"));
    window.run_steps(2);
    click(window, "Render the film");
}

#[test]
fn keyframes_are_chosen_moved_played_and_removed() {
    let mut window = keyframes(&[3, 4]);
    assert!(text(&window).contains("4 frames"), "{}", text(&window));
    click(&mut window, "Keyframe 1, 3");
    settle(&mut window);
    assert!(DynamicImage::from(picture(&mut window)).into_rgb8() == of_seed(3));
    click(&mut window, "Move the keyframe later");
    assert!(window.query_by_label("Keyframe 2, 3").is_some());
    click(&mut window, "Move the keyframe earlier");
    window.get_by_label("Frame").set_value_accesskit(2.0);
    window.run_steps(2);
    settle(&mut window);
    assert!(DynamicImage::from(picture(&mut window)).into_rgb8() == of_seed(4));
    let before = wish(&mut window);
    click(&mut window, "Play");
    wait(&mut window, "another frame", |window| wish(window) != before);
    click(&mut window, "Pause");
    let there = wish(&mut window);
    window.run_steps(4);
    assert_eq!(wish(&mut window), there);
    click(&mut window, "Remove the keyframe");
    assert!(window.query_by_label("Keyframe 2, 4").is_none());
    click(&mut window, "Remove all keyframes");
    assert!(text(&window).contains("0 frames"));
}

#[test]
fn a_film_has_the_keyframes_and_says_how_it_is_made_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("film.png");
    let mut window = keyframes(&[3, 4]);
    click(&mut window, "Linear");
    film(&mut window, &path);
    wait(&mut window, "the film", |window| text(window).contains("is written"));
    assert_eq!(listed(folder.path()), [folder.path().join("film.npz"), path.clone()]);
    let mut file = std::fs::File::open(&path).expect("a film");
    let decoder = PngDecoder::new(BufReader::new(&file)).and_then(PngDecoder::apng).expect("a moving png");
    let frames: Vec<RgbImage> =
        decoder.into_frames().map(|frame| DynamicImage::from(frame.expect("a frame").into_buffer()).into_rgb8()).collect();
    assert_eq!(frames.len(), 4);
    assert!(frames[0] == of_seed(3) && frames[2] == of_seed(4) && frames[1] != frames[0]);
    file.rewind().expect("rewound");
    let (kind, settings) = Settings::read(&mut file).expect("a picture");
    let settings = settings.expect("settings");
    assert_eq!((kind, settings.command.as_str()), (Kind::Png, "video"));
    let command = settings.command_line(kind);
    for flag in ["--projected-w=film.npz", "--w-frames=2", "--num-keyframes=2", "--fps=30", "--interpolation=linear"] {
        assert!(command.contains(flag), "{flag}: {command}");
    }
}

#[test]
fn a_film_is_cancelled_and_what_cannot_be_is_said() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut window = keyframes(&[3, 4]);
    window.get_by_label("Frames from a keyframe to the next").set_value_accesskit(5000.0);
    window.run_steps(2);
    film(&mut window, &folder.path().join("long.webp"));
    wait(&mut window, "the film", |window| window.query_by_label("Cancel").is_some());
    click(&mut window, "Cancel");
    wait(&mut window, "its end", |_| listed(folder.path()).iter().all(|path| path.ends_with("long.npz")));
    film(&mut window, Path::new(".txt"));
    wait(&mut window, "a message", |window| text(window).contains("the ending says which format"));
}
