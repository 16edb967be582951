//! Packets survive the formats, and hostile pictures do no harm.

use std::io::Cursor;

use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::PngEncoder;
use image::codecs::webp::WebPEncoder;
use image::{ExtendedColorType, ImageEncoder, RgbImage};

use super::super::animation::{Animation, Format, Spec};
use super::packet::NAMESPACE;
use super::*;

fn settings() -> Settings {
    let flag = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    Settings {
        tool: "stylegan 0.1.0".into(),
        network: Some("it's <ffhq> & co.pkl".into()),
        sha256: "0123456789abcdef".repeat(4),
        command: "generate".into(),
        flags: vec![flag("seeds", "85"), flag("trunc", "-0.7"), flag("no-tune", "")],
        values: BTreeMap::new(),
    }
}

/// A picture of 5 x 3 in all three formats.
fn pictures() -> [Vec<u8>; 3] {
    let pixels: Vec<u8> = (0..45).collect();
    let [mut png, mut jpeg, mut webp] = [const { Vec::new() }; 3];
    PngEncoder::new(&mut png).write_image(&pixels, 5, 3, ExtendedColorType::Rgb8).unwrap();
    JpegEncoder::new(&mut jpeg).write_image(&pixels, 5, 3, ExtendedColorType::Rgb8).unwrap();
    WebPEncoder::new_lossless(&mut webp).write_image(&pixels, 5, 3, ExtendedColorType::Rgb8).unwrap();
    [png, jpeg, webp]
}

/// Films of two frames that say it, of all formats; an MP4 of boxes only.
fn films(packet: &str) -> [Vec<u8>; 4] {
    let film = |format| {
        let mut film = Animation::new(Cursor::new(Vec::new()), Spec { format, width: 5, height: 3, fps: 10 }).unwrap();
        film.describe(packet);
        (0..2).for_each(|frame| film.frame(&RgbImage::from_pixel(5, 3, image::Rgb([100 * frame, 7, 9]))).unwrap());
        film.finish().unwrap().into_inner()
    };
    let mp4 = [b"\0\0\0\x10ftypisom\0\0\0\0\0\0\0\x01mdat\0\0\0\0\0\0\0\x12ab", &mp4_box(packet)[..]].concat();
    [film(Format::Apng), film(Format::Webp), film(Format::Gif), mp4]
}

fn read(bytes: &[u8]) -> Result<Option<Settings>, PictureError> {
    Settings::read(&mut Cursor::new(bytes)).map(|(_, settings)| settings)
}

#[test]
fn settings_come_back_and_pixels_stay() {
    for picture in pictures() {
        assert!(read(&picture).unwrap().is_none());
        let marked = embed(picture.clone(), &settings().xmp().unwrap());
        assert_eq!(read(&marked).unwrap().unwrap(), settings());
        // A decoder that is not ours takes it for a whole picture, with the same pixels.
        assert!(image::load_from_memory(&marked).unwrap() == image::load_from_memory(&picture).unwrap());
        assert!(is_picture(&mut Cursor::new(&marked)).unwrap());
    }
    for film in films(&settings().xmp().unwrap()) {
        assert_eq!(read(&film).unwrap().unwrap(), settings());
        assert!(is_picture(&mut Cursor::new(&film)).unwrap());
    }
    assert!(!is_picture(&mut Cursor::new(b"PK\x03\x04")).unwrap());
    let packet = settings().xmp().unwrap();
    assert!(packet.contains("trainedAlgorithmicMedia"));
    // Another program's way to write the same.
    let json = serde_json::to_string(&settings()).unwrap().replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;");
    let attribute = format!("<a xmlns:s=\"{NAMESPACE}\" s:settings=\"{json}\"/>");
    assert_eq!(read(&embed(pictures()[0].clone(), &attribute)).unwrap().unwrap(), settings());
    assert_eq!(Settings { flags: vec![("seeds".into(), "1,".repeat(40_000))], ..settings() }.xmp(), None, "too large for a JPEG");
}

#[test]
fn the_command_is_harmless_whatever_the_file_says() {
    assert_eq!(
        settings().command_line(Kind::Webp),
        "stylegan generate '--network=it'\\''s <ffhq> & co.pkl' --seeds=85 --trunc=-0.7 --no-tune --format=webp --outdir=again"
    );
    let with = |change: &dyn Fn(&mut Settings)| {
        let mut settings = settings();
        change(&mut settings);
        read(&embed(pictures()[0].clone(), &settings.xmp().unwrap()))
    };
    let names = with(&|settings| {
        settings.network = Some("\\\\server\\share\\..\\a.pkl".into());
        settings.flags.push(("direction".into(), "/etc/x.npz:faces/3".into()));
    });
    let names = names.unwrap().unwrap();
    assert_eq!((names.network.as_deref(), names.flag("direction")), (Some("a.pkl"), Some("x.npz:faces/3")));
    let refused: [&dyn Fn(&mut Settings); 15] = [
        &|settings| settings.command = "convert".into(),
        &|settings| settings.flags.push(("outdir".into(), "/root".into())),
        &|settings| settings.flags.push(("class".into(), String::new())),
        &|settings| settings.network = Some("a\nrm".into()),
        &|settings| settings.network = Some("a\u{202e}b".into()),
        &|settings| settings.network = Some("///".into()),
        &|settings| settings.flags.push(("seeds".into(), "1;rm -r".into())),
        &|settings| settings.flags.push(("direction".into(), "C:\\\\server\\share".into())),
        &|settings| settings.flags.push(("direction".into(), ":0".into())),
        &|settings| settings.flags.push(("request".into(), "/image".into())),
        &|settings| settings.command = "serve".into(),
        &|settings| drop(settings.values.insert("seeds".into(), "0".repeat(64))),
        &|settings| settings.sha256 = "0".into(),
        &|settings| settings.tool = "stylegan 1\u{1b}[2J".into(),
        &|settings| {
            *settings = Settings { command: "serve".into(), flags: vec![("request".into(), "//evil.example".into())], ..settings.clone() }
        },
    ];
    for (i, change) in refused.into_iter().enumerate() {
        assert!(matches!(with(change), Err(PictureError::Damaged(_))), "{i}");
    }
}

/// Whatever files and keys are called: what is written is read as it was written, and names no folder.
#[test]
fn names_of_sources_are_written_as_they_are_read() {
    for (file, key, want) in [
        ("/home/a/latents.pt", None, "latents.pt"),
        ("latents.pt", Some("faces/3.jpg"), "latents.pt:faces/3.jpg"),
        ("latents.pt", Some("/home/a/face.jpg"), "latents.pt"),
        ("latents.pt", Some("C:\\Users\\a\\face.jpg"), "latents.pt"),
        ("latents.pt", Some("d:/a/face.jpg"), "latents.pt"),
        ("latents.pt", Some("\\\\server\\share"), "latents.pt"),
        ("latents.pt", Some("a\u{202e}b"), "latents.pt"),
        ("a:b.npz", Some("2"), "a:b.npz:2"),
        ("a:\\b.npz", None, "b.npz"),
        (":0", None, "0"),
        ("a\nb.npz", Some("2"), "a_b.npz:2"),
        ("/", None, "_"),
        (":", Some("2"), "_:2"),
    ] {
        let written = public_source(file, key);
        assert_eq!(written, want, "{file} {key:?}");
        let mut settings = settings();
        settings.network = Some(public_name(file));
        settings.flags.push(("projected-w".into(), written.clone()));
        let found = read(&embed(pictures()[0].clone(), &settings.xmp().unwrap())).unwrap_or_else(|error| panic!("{file} {key:?}: {error}"));
        assert_eq!(found.unwrap(), settings, "{file} {key:?}");
    }
}

#[test]
fn damaged_pictures_are_errors_and_cost_nothing() {
    let packet = settings().xmp().unwrap();
    for marked in pictures().map(|picture| embed(picture, &packet)).into_iter().chain(films(&packet)) {
        // Cut anywhere: what is read is whole or an error, and never another one.
        for length in 0..marked.len() {
            if let Ok(Some(found)) = read(&marked[..length]) {
                assert_eq!(found, settings());
            }
        }
        for at in 0..marked.len() {
            let mut damaged = marked.clone();
            damaged[at] ^= 0x81;
            let _ = read(&damaged);
        }
    }
    let [png, jpeg, webp] = pictures();
    let mut wrong = embed(png.clone(), &packet);
    wrong[120] ^= 1;
    assert!(read(&wrong).unwrap_err().to_string().contains("checksum"));
    // Sizes that are not there: nothing is allocated for them.
    let huge = |head: &[u8], chunk: &[u8]| read(&[head, chunk].concat());
    assert!(huge(&png[..33], b"\xff\xff\xff\xffiTXt").unwrap_err().to_string().contains("larger than"));
    assert!(huge(&png[..33], b"\x7f\xff\xff\xffiTXt").unwrap_err().to_string().contains("cut off"));
    assert!(huge(&jpeg[..2], b"\xff\xe1\x00\x01\0\0\0\0\0\0").unwrap_err().to_string().contains("too short"));
    assert!(huge(&webp[..12], b"XMP \xff\xff\xff\xff").is_ok_and(|found| found.is_none()));
    let [.., gif, mp4] = films(&packet);
    assert!(huge(&gif[..19], b"\x21\xff\x0bXMP DataXMP<x>").unwrap_err().to_string().contains("no end"));
    assert!(huge(&gif[..19], &[b"\x21\xff\x0bXMP DataXMP", &[b' '; 100_000][..]].concat()).unwrap_err().to_string().contains("no end"));
    assert!(huge(&gif[..19], b"\x99").unwrap_err().to_string().contains("none of a GIF's"));
    assert!(huge(&mp4[..16], b"\0\0\0\x01uuid\xff\xff\xff\xff\xff\xff\xff\xff").unwrap_err().to_string().contains("larger than any"));
    assert!(huge(&mp4[..16], b"\0\0\0\x07uuid").unwrap_err().to_string().contains("shorter than its head"));
    assert!(huge(&mp4[..16], b"\xff\xff\xff\xffuuid").is_ok_and(|found| found.is_none()));
    // Many chunks without an end.
    let many = [&png[..33], &b"\0\0\0\0tEXt\0\0\0\0".repeat(1_000_001)[..]].concat();
    assert!(read(&many).unwrap_err().to_string().contains("too many"));
    for text in ["", "<", "<a>", "<!DOCTYPE a [<!ENTITY b \"c\">]><a>&b;</a>", &"<a>".repeat(15_000)] {
        assert!(read(&embed(png.clone(), text)).is_err(), "{}", &text[..text.len().min(20)]);
    }
}

/// The first corpus of a fuzz target (fuzz/seeds.sh): a picture or film in every format that says how it was made.
#[test]
#[ignore = "writes files for fuzzing"]
fn seeds() {
    let folder =
        std::path::PathBuf::from(std::env::var_os("FUZZ_CORPUS").expect("FUZZ_CORPUS names the folder to write to")).join("picture");
    std::fs::create_dir_all(&folder).unwrap();
    let packet = settings().xmp().unwrap();
    let marked = pictures().map(|picture| embed(picture, &packet));
    for (index, bytes) in marked.into_iter().chain(films(&packet)).enumerate() {
        std::fs::write(folder.join(index.to_string()), bytes).unwrap();
    }
}
