//! What a PNG, JPEG, WebP, GIF or MP4 says about itself, as `inspect` reads it.

use std::io::Cursor;

use stylegan_studio::pictures::picture_settings::Settings;
use stylegan_wgpu::internals::text::is_plain;

pub fn settings(bytes: &[u8]) {
    match Settings::read(&mut Cursor::new(bytes)) {
        Ok((kind, Some(settings))) => {
            let line = settings.command_line(kind);
            assert!(line.starts_with("stylegan ") && line.chars().all(is_plain), "{line}");
        }
        Ok((_, None)) => {}
        Err(error) => super::one_line(error),
    }
}
