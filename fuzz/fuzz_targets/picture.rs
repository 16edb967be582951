//! What a PNG, JPEG, WebP, GIF or MP4 says about itself, as `inspect` reads it.
#![no_main]

use std::io::Cursor;

use stylegan_tools::picture_settings::Settings;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    match Settings::read(&mut Cursor::new(bytes)) {
        Ok((kind, Some(settings))) => {
            let line = settings.command_line(kind);
            assert!(line.starts_with("stylegan ") && !line.chars().any(char::is_control), "{line}");
        }
        Ok((_, None)) => {}
        Err(error) => assert!(!error.to_string().chars().any(char::is_control), "{error}"),
    }
});
