//! From what the flags say to pictures on a device: `studio` is a network on a device, which the shared pipeline draws with; `stamp` is what
//! pictures say of themselves; the others are what of the flags decides how a picture looks.

pub(crate) mod centers;
pub(crate) mod default_model;
pub(crate) mod diverse;
pub(crate) mod latents;
pub(crate) mod network;
pub(crate) mod stamp;
pub(crate) mod studio;
pub(crate) mod style_channels;
pub(crate) mod tuning;
