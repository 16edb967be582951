//! What is written is read again, by decoders that are not ours.

use std::process::{Command, Stdio};

use image::AnimationDecoder;
use image::codecs::png::PngDecoder;
use image::codecs::webp::WebPDecoder;

use super::*;

/// A frame of few colours, with a bar that moves: 40 x 24, so that a picture read in the wrong order shows.
fn frame(i: u32) -> RgbImage {
    RgbImage::from_fn(40, 24, |x, y| match () {
        () if (x + 2 * i) % 16 < 4 => image::Rgb([250, 10 * i as u8, 30]),
        () if y < 12 => image::Rgb([20, 200, 90]),
        () => image::Rgb([15, 40, 220]),
    })
}

fn spec(format: Format, fps: u16) -> Spec {
    Spec { format, width: 40, height: 24, fps }
}

fn written(format: Format, fps: u16, frames: u32) -> Vec<u8> {
    let frames: Vec<RgbImage> = (0..frames).map(frame).collect();
    to_bytes(spec(format, fps), &frames).unwrap()
}

/// Pixels of every frame, and how long it is shown in milliseconds.
fn decoded(format: Format, bytes: &[u8]) -> Vec<(RgbImage, f64)> {
    let all = match format {
        Format::Apng => PngDecoder::new(Cursor::new(bytes)).unwrap().apng().unwrap().into_frames().collect_frames(),
        Format::Webp => WebPDecoder::new(Cursor::new(bytes)).unwrap().into_frames().collect_frames(),
        _ => unreachable!("read otherwise"),
    };
    let of = |frame: image::Frame| {
        let (numerator, denominator) = frame.delay().numer_denom_ms();
        (image::DynamicImage::from(frame.into_buffer()).into_rgb8(), f64::from(numerator) / f64::from(denominator))
    };
    all.unwrap().into_iter().map(of).collect()
}

#[test]
fn lossless_formats_give_the_frames_back() {
    for format in [Format::Apng, Format::Webp] {
        for (fps, count) in [(60, 7), (24, 1)] {
            let frames = decoded(format, &written(format, fps, count));
            assert_eq!(frames.len(), count as usize, "{format:?}");
            for (i, (picture, _)) in frames.iter().enumerate() {
                assert!(*picture == frame(i as u32), "{format:?}: frame {i} differs");
            }
            let duration: f64 = frames.iter().map(|(_, duration)| duration).sum();
            assert!((duration - 1000.0 * f64::from(count) / f64::from(fps)).abs() < 1.0, "{format:?} {fps} fps: {duration} ms");
        }
    }
}

/// Every byte of the container is where its specification says: sizes fill the file, checksums are right, frames repeat for ever.
#[test]
fn containers_are_whole() {
    let webp = written(Format::Webp, 60, 3);
    assert_eq!(u32::from_le_bytes(webp[4..8].try_into().unwrap()) as usize, webp.len() - 8);
    let mut at = 12;
    let mut names = Vec::new();
    while at < webp.len() {
        names.push(String::from_utf8(webp[at..at + 4].to_vec()).unwrap());
        let size = u32::from_le_bytes(webp[at + 4..at + 8].try_into().unwrap()) as usize;
        at += 8 + size.next_multiple_of(2);
    }
    assert_eq!((at, names), (webp.len(), ["VP8X", "ANIM", "ANMF", "ANMF", "ANMF"].map(String::from).to_vec()));

    // A reader without a notion of animations sees the first frame.
    let apng = written(Format::Apng, 60, 3);
    assert!(image::load_from_memory(&apng).unwrap().into_rgb8() == frame(0));
    // acTL: three frames, without end.
    assert_eq!(&apng[37..49], b"acTL\0\0\0\x03\0\0\0\0");
}

/// Each piece is there when its frame is; together they are the same file.
#[test]
fn what_is_handed_out_in_pieces_is_the_same_file() {
    let spec = spec(Format::Apng, 30);
    let mut animation = Animation::new(Cursor::new(Vec::new()), spec).unwrap();
    animation.describe("<packet/>");
    let mut stream = Stream::new(spec, 3, Some("<packet/>".into())).unwrap();
    let mut pieces = Vec::new();
    for i in 0..3 {
        animation.frame(&frame(i)).unwrap();
        pieces.push(stream.push(spec.compress(&frame(i)).unwrap()).unwrap());
        assert_eq!(stream.is_complete(), i == 2);
    }
    assert!(pieces.iter().all(|piece| piece.len() > 100) && pieces[2].ends_with(b"IEND\xaeB`\x82"));
    assert_eq!(pieces.concat(), animation.finish().unwrap().into_inner());
    assert!(stream.push(spec.compress(&frame(3)).unwrap()).is_err());
    for format in [Format::Webp, Format::Gif, Format::Mp4] {
        assert!(!Stream::can(format) && Stream::new(Spec { format, ..spec }, 3, None).is_err(), "{format:?}");
    }
}

#[test]
fn gifs_have_all_frames_at_their_speed() {
    let bytes = written(Format::Gif, 30, 6);
    let mut options = ::gif::DecodeOptions::new();
    options.set_color_output(::gif::ColorOutput::RGBA);
    let mut decoder = options.read_info(Cursor::new(&bytes)).unwrap();
    assert_eq!((decoder.width(), decoder.height()), (40, 24));
    assert!(matches!(decoder.repeat(), ::gif::Repeat::Infinite));
    let mut delays = Vec::new();
    while let Some(read) = decoder.read_next_frame().unwrap() {
        let want = frame(delays.len() as u32);
        // The colours of all frames fit one palette.
        assert!(read.palette.is_none());
        assert!(read.buffer.chunks_exact(4).zip(want.pixels()).all(|(got, want)| got[..3] == want.0), "frame {}", delays.len());
        delays.push(read.delay);
    }
    assert_eq!(delays, [3, 4, 3, 3, 4, 3]);
}

#[test]
fn a_movie_is_whole_or_not_there() {
    let folder = tempfile::tempdir().unwrap();
    let names = || std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect::<Vec<_>>();
    let path = folder.path().join("a.webp");
    let mut movie = Movie::create(&path, spec(Format::Webp, 50)).unwrap();
    movie.frame(&frame(0)).unwrap();
    assert!(!path.exists());
    drop(movie);
    assert!(names().is_empty());

    let mut movie = Movie::create(&path, spec(Format::Webp, 50)).unwrap();
    (0..3).for_each(|i| movie.frame(&frame(i)).unwrap());
    movie.finish().unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), written(Format::Webp, 50, 3));
    assert!(Movie::create(&path, spec(Format::Webp, 50)).unwrap().finish().unwrap_err().to_string().contains("without frames"));
    assert_eq!(names(), ["a.webp"]);
}

#[test]
fn what_a_format_cannot_hold_is_refused() {
    for (format, width, fps, says) in [
        (Format::Gif, 40, 60, "at most 50"),
        (Format::Gif, 65536, 50, "sides of 1 to 65535"),
        (Format::Webp, 16384, 60, "sides of 1 to 16383"),
        (Format::Webp, 40, 1001, "at most 1000"),
        (Format::Apng, 0, 60, "sides of 1"),
        (Format::Apng, 40, 0, "0 frames per second"),
        (Format::Mp4, 41, 60, "even sides"),
    ] {
        let error = Spec { format, width, height: 24, fps }.check().unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    }
    let formats = ["a.MP4", "a.webp", "a.gif", "a.png"].map(|name| Format::of(Path::new(name)).unwrap());
    assert_eq!(formats, [Format::Mp4, Format::Webp, Format::Gif, Format::Apng]);
    assert!(Format::of(Path::new("a.avi")).unwrap_err().to_string().contains(".mp4, .webp, .gif or .png"));
}

#[test]
fn an_mp4_shows_the_frames() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.mp4");
    let mut movie = match Movie::create(&path, spec(Format::Mp4, 25)) {
        Ok(movie) => movie,
        Err(error) => {
            assert!(matches!(error, AnimationError::Ffmpeg(_)) && error.to_string().contains("or write .webp"), "{error}");
            assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
            println!("not covered: {error}");
            return;
        }
    };
    (0..9).for_each(|i| movie.frame(&frame(i)).unwrap());
    movie.finish().unwrap();
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    let output = Command::new("ffmpeg")
        .args(["-v", "error", "-i"])
        .arg(&path)
        .args(["-f", "rawvideo", "-pix_fmt", "rgb24", "pipe:1"])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let size = 40 * 24 * 3;
    assert_eq!(output.stdout.len(), 9 * size);
    let rms = |picture: &[u8], i: u32| {
        let square = picture.iter().zip(frame(i).as_raw()).map(|(a, b)| f64::from(a.abs_diff(*b)).powi(2)).sum::<f64>();
        (square / size as f64).sqrt()
    };
    for (i, picture) in output.stdout.chunks_exact(size).enumerate() {
        // Colours at half the resolution blur the edges of such bars; another frame is at least twice as far away.
        let (own, next) = (rms(picture, i as u32), rms(picture, i as u32 + 1));
        assert!(own < 30.0 && next > 1.5 * own, "frame {i}: {own} levels from its picture, {next} from the next");
    }
}

/// ffmpeg that stops is an error, not a hang or a panic, and nothing stays behind.
#[test]
fn an_ffmpeg_that_fails_is_reported() {
    let folder = tempfile::tempdir().unwrap();
    let Ok(mut ffmpeg) = mp4::Ffmpeg::start(&folder.path().join("missing/a.mp4"), &spec(Format::Mp4, 25)) else {
        println!("not covered: ffmpeg is not installed");
        return;
    };
    let frame = vec![0; 40 * 24 * 3];
    let error = (0..10_000).find_map(|_| ffmpeg.push(&frame).err()).expect("it cannot write there").to_string();
    assert!(error.starts_with("ffmpeg failed") && error.contains("No such file") && !error.contains('\n'), "{error}");
}
