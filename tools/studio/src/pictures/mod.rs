//! Pictures that go into files: one alone, sheets of many, films, folders and their manifests, and what a picture says of how it was made.

pub mod animation;
pub mod flags;
pub mod grid;
pub mod label;
pub mod manifest;
pub mod picture;
pub mod picture_settings;
