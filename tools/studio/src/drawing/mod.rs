//! What is known of a picture before it is drawn: where in its plane a StyleGAN3 draws, and how much work it is.

pub mod place;
pub mod work;
