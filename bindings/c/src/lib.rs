//! The engine from C: `include/stylegan.h` is made of these files by cbindgen.
//!
//! Everything that crosses the border is one of three things: a handle that is made and freed here, a number, or a piece of the caller's
//! memory with its size. No panic crosses it: `boundary` turns one into a status, as it does errors.

mod boundary;
mod device;
mod generator;
mod look;
mod network;
mod status;

pub use device::{StyleganDevice, stylegan_device_free, stylegan_device_name, stylegan_device_open};
pub use generator::{
    StyleganGenerator, StyleganOptions, StyleganPrecision, stylegan_average, stylegan_generate, stylegan_generate_ws,
    stylegan_generator_free, stylegan_generator_memory, stylegan_generator_new, stylegan_map,
};
pub use look::{StyleganLook, StyleganMix, StyleganNoise, stylegan_look_init};
pub use network::{
    StyleganInfo, StyleganNetwork, stylegan_network_free, stylegan_network_from_bytes, stylegan_network_info, stylegan_network_load,
    stylegan_network_memory,
};
pub use status::{StyleganStatus, stylegan_last_error, stylegan_version};
