//! Pictures that go into files: one alone, sheets of many, films, folders and their manifests, and what a picture says of how it was made.
//! Activations and spectra as pictures, too.

pub mod animation;
pub mod flags;
pub mod grid;
pub mod label;
pub mod manifest;
pub mod maps;
pub mod picture;
pub mod picture_settings;
pub mod request;
pub mod spectrum;
pub mod stamp;
