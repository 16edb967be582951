//! What only StyleGAN3 has, as a user meets it: pictures that are moved and turned, paths of videos, names of layers, a file of ours.

mod place;
mod small;

use std::path::Path;

use place::Place;
use stylegan_wgpu::internals::networks::stylegan3;

/// A network of 64 x 64 pixels.
fn network(place: &Place, config: stylegan3::Config) -> String {
    small::stylegan3(&place.path("stylegan3.safetensors"), config)
}

fn open(path: &Path) -> image::RgbImage {
    image::open(path).unwrap().into_rgb8()
}

/// Mean difference of two pictures, in levels.
fn difference(a: &image::RgbImage, b: &image::RgbImage) -> f64 {
    let each = a.as_raw().iter().zip(b.as_raw()).map(|(&a, &b)| f64::from(a.abs_diff(b)));
    each.sum::<f64>() / a.as_raw().len() as f64
}

#[test]
fn pictures_are_moved_turned_and_zoomed() {
    let place = Place::new();
    let network = network(&place, stylegan3::Config::t(64));
    let draw = |folder: &str, more: &[&str]| {
        place.succeeds(&[&["generate", "--network", &network, "--precision", "f32", "--outdir", folder], more].concat());
        open(&place.path(folder).join("seed0000.png"))
    };
    let here = draw("here", &[]);
    assert_eq!(draw("same", &["--translate", "0,0", "--rotate", "0", "--zoom", "1"]), here);
    assert_eq!(draw("around", &["--rotate", "720"]), here);
    // A quarter of the picture to the right, 16 of 64 pixels: what was seen is seen there, but for the edge's filters.
    let moved = draw("moved", &["--translate=0.25,0"]);
    let part = |picture: &image::RgbImage, x: u32| image::imageops::crop_imm(picture, x, 16, 24, 32).to_image();
    let (followed, stayed) = (difference(&part(&here, 12), &part(&moved, 28)), difference(&part(&here, 12), &part(&moved, 12)));
    assert!(followed < 3.0 && stayed > 5.0 * followed, "{followed} levels off where it went, {stayed} where it was");
    let [turned, near] =
        [&["--rotate=-30"][..], &["--zoom", "2"]].map(|flags| difference(&here, &draw(flags[0].trim_start_matches('-'), flags)));
    assert!(turned > stayed / 4.0 && near > stayed / 4.0, "{turned} levels of a turn, {near} of a zoom");
    // The manifest knows.
    let says = place.refuses(2, &["generate", "--network", &network, "--precision", "f32", "--outdir", "moved", "--seeds", "1"]);
    assert!(says.contains("translate"), "{says}");
}

#[test]
fn videos_follow_a_path_and_come_back() {
    let place = Place::new();
    let network = network(&place, stylegan3::Config::r(64));
    let film = |file: &str, batch: &str, more: &[&str]| {
        let flags = ["video", "--network", &network, "--seeds", "0", "--w-frames", "4", "--batch", batch, "-o", file];
        place.succeeds(&[&flags[..], more].concat());
        std::fs::read(place.path(file)).unwrap()
    };
    let still = film("still.png", "1", &[]);
    let path = film("path.png", "1", &["--turns", "1", "--pan=0.5,0", "--zoom-to", "2"]);
    assert_ne!(still, path);
    assert_eq!(film("batch.png", "3", &["--turns", "1", "--pan=0.5,0", "--zoom-to", "2"]), path, "a picture depends on its batch");
}

#[test]
fn layers_have_names_and_other_networks_stay_where_they_are() {
    let place = Place::new();
    let network = network(&place, stylegan3::Config::t(64));
    let mix = ["mix", "--network", &network, "--rows", "0", "--cols", "1", "--outdir", "mixed", "--styles"];
    place.succeeds(&[&mix[..], &["input,L0_36_512,L3,5-6"]].concat());
    let plain = place.network(place::PLAIN);
    for (flags, says) in [
        (&[&mix[..], &["coarse"]].concat()[..], "name layers of this stylegan3: input, L0_36_512"),
        (&[&mix[..], &["L77"]].concat()[..], "no layer L77"),
        (&["generate", "--network", &network, "--zoom", "0", "--outdir", "x"][..], "a number from 0.001 to 1000"),
        (&["generate", "--network", &network, "--translate", "1", "--outdir", "x"][..], "two finite numbers, as 0.1,-0.25"),
        (&["generate", "--network", &plain, "--rotate", "5", "--outdir", "x"][..], "only a StyleGAN3 is moved"),
        (&["video", "--network", &plain, "--seeds", "0", "--turns", "1", "-o", "x.png"][..], "only a StyleGAN3"),
    ] {
        let said = place.refuses(2, flags);
        assert!(said.contains(says), "{flags:?}: {said}");
    }
    place.succeeds(&["directions", "--network", &network, "-n", "2", "-o", "dirs.npz"]);
    let found = place.succeeds(&["inspect", &network, "--tensors"]);
    assert!(found.contains("stylegan3, 64x64") && found.contains("f32 [12]"), "filters stay f32: {found}");
}
