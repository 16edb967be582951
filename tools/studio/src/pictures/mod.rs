//! Pictures that go into files: films, and what a picture says of how it was made.

pub mod animation;
pub mod picture_settings;
