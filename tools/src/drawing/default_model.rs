//! The model that is part of this program: what is drawn when no network is named, so that a first picture needs no download.

use stylegan_wgpu::Model;

use crate::failure::Failure;
use crate::note;

#[cfg(feature = "default-model")]
pub(crate) const EMBEDDED: Option<&[u8]> = Some(stylegan_weights::OPEN_PEEPS_128);
#[cfg(not(feature = "default-model"))]
pub(crate) const EMBEDDED: Option<&[u8]> = None;

/// Reads the default model.
pub(crate) fn open() -> Result<Model, Failure> {
    read(EMBEDDED)
}

/// Says which model is used. It is for somebody who forgot `--network` as much as for somebody who has none.
pub(crate) fn introduce() {
    note(
        "no network was named, so this is the built-in open-peeps-128: cartoon avatars of 128x128, CC0 1.0, a demonstration model and \
         not a GAN trained on photographs",
    );
}

fn read(embedded: Option<&[u8]>) -> Result<Model, Failure> {
    let missing = || Failure::usage("this program was built without a default model: name a network (--network FILE; inspect FILE)");
    // A model owns its bytes; copying 3 MB takes a millisecond, borrowing them would give every array a lifetime.
    Ok(Model::from_bytes(embedded.ok_or_else(missing)?.to_vec())?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_default_model_a_network_has_to_be_named() {
        assert!(matches!(read(None), Err(Failure::Usage(text)) if text.contains("--network FILE")));
    }

    #[cfg(feature = "default-model")]
    #[test]
    fn the_default_model_says_where_it_comes_from_and_whose_it_is() {
        let Ok(model) = open() else { panic!("the embedded file cannot be read") };
        assert_eq!((model.config.image_size(), model.config.z_dim()), ((128, 128), 64));
        assert!(EMBEDDED.is_some_and(|bytes| bytes.len() < 4_000_000));
        for (key, says) in [("licence", "CC0 1.0"), ("drawings", "Open Peeps by Pablo Stanley"), ("training", "not a GAN")] {
            assert!(model.provenance[key].contains(says), "{key}: {}", model.provenance[key]);
        }
    }
}
