//! One module per command: its flags and what it does.

pub(crate) mod bench;
pub(crate) mod blend;
pub(crate) mod centers;
pub(crate) mod completions;
pub(crate) mod convert;
pub(crate) mod devices;
pub(crate) mod directions;
pub(crate) mod edit;
pub(crate) mod generate;
pub(crate) mod grid;
pub(crate) mod inspect;
pub(crate) mod man;
pub(crate) mod mix;
pub(crate) mod project_average;
pub(crate) mod random_weights;
#[cfg(feature = "serve")]
pub(crate) mod serve;
pub(crate) mod video;
#[cfg(feature = "view")]
pub(crate) mod view;
