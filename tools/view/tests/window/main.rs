//! The window as somebody meets it who finds controls by their names: on a device as the real one's, without a display.

mod breed;
mod controls;
mod device;
mod files;
mod harness;
mod inside;
mod keys;
mod shape;
mod stylegan3;
mod timeline;
