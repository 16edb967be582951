//! Packets survive the three formats, and hostile pictures do no harm.

use std::io::Cursor;

use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::PngEncoder;
use image::codecs::webp::WebPEncoder;
use image::{ExtendedColorType, ImageEncoder};

use super::*;

fn settings() -> Settings {
    let flag = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    Settings {
        tool: "stylegan 0.1.0".into(),
        network: Some("it's <ffhq> & co.pkl".into()),
        sha256: "0123456789abcdef".repeat(4),
        command: "generate".into(),
        flags: vec![flag("seeds", "85"), flag("trunc", "-0.7"), flag("no-tune", "")],
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

fn read(bytes: &[u8]) -> Result<Option<Settings>, PictureError> {
    Settings::read(&mut Cursor::new(bytes))
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
        settings().command_line(),
        "stylegan generate '--network=it'\\''s <ffhq> & co.pkl' --seeds=85 --trunc=-0.7 --no-tune --outdir=again"
    );
    let with = |change: &dyn Fn(&mut Settings)| {
        let mut settings = settings();
        change(&mut settings);
        read(&embed(pictures()[0].clone(), &settings.xmp().unwrap()))
    };
    let names = with(&|settings| {
        settings.network = Some("\\\\server\\share\\..\\a.pkl".into());
        settings.flags.push(("direction".into(), "/etc/x.npz:3".into()));
    });
    let names = names.unwrap().unwrap();
    assert_eq!((names.network.as_deref(), names.flag("direction")), (Some("a.pkl"), Some("x.npz:3")));
    let refused: [&dyn Fn(&mut Settings); 7] = [
        &|settings| settings.command = "convert".into(),
        &|settings| settings.flags.push(("outdir".into(), "/root".into())),
        &|settings| settings.flags.push(("class".into(), String::new())),
        &|settings| settings.network = Some("a\nrm".into()),
        &|settings| settings.sha256 = "0".into(),
        &|settings| settings.tool = "x".into(),
        &|settings| *settings = Settings { command: "serve".into(), flags: vec![("request".into(), "/$(x)".into())], ..settings.clone() },
    ];
    for (i, change) in refused.into_iter().enumerate() {
        assert!(matches!(with(change), Err(PictureError::Damaged(_))), "{i}");
    }
}

#[test]
fn damaged_pictures_are_errors_and_cost_nothing() {
    let packet = settings().xmp().unwrap();
    for picture in pictures() {
        let marked = embed(picture, &packet);
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
    assert!(huge(&jpeg[..2], b"\xff\xe1\x00\x01").unwrap_err().to_string().contains("too short"));
    assert!(huge(&webp[..12], b"XMP \xff\xff\xff\xff").is_ok_and(|found| found.is_none()));
    // Many chunks without an end.
    let many = [&png[..33], &b"\0\0\0\0tEXt\0\0\0\0".repeat(20_000)[..]].concat();
    assert!(read(&many).unwrap_err().to_string().contains("too many"));
    for text in ["", "<", "<a>", "<!DOCTYPE a [<!ENTITY b \"c\">]><a>&b;</a>", &"<a>".repeat(15_000)] {
        assert!(read(&embed(png.clone(), text)).is_err(), "{}", &text[..text.len().min(20)]);
    }
}
