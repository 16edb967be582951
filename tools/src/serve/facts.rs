//! What requests need to know of the network: its sizes, and an identity for caches.

use std::sync::Arc;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use stylegan_convert::hex;
use stylegan_studio::pictures::flags;
use stylegan_studio::vectors::Centers;
use stylegan_wgpu::{Config, Model};

use super::directions::Directions;
use super::params;
use super::provenance::Origin;
use crate::drawing::stamp;

/// A network and how this server draws with it.
#[derive(Clone, Debug)]
pub(crate) struct Facts {
    /// Its number among the networks of the server.
    pub(crate) number: usize,
    pub(crate) name: String,
    /// Sixteen hexadecimal digits that name the network: the start of the hash of its configuration and values.
    pub(crate) id: String,
    /// What its pictures say of themselves; None where they say nothing.
    pub(crate) origin: Option<Origin>,
    /// The adapter and its element type: another one rounds otherwise, so its pictures have other bytes.
    pub(crate) device: String,
    /// Of a picture in pixels.
    pub(crate) height: usize,
    pub(crate) width: usize,
    pub(crate) channels: usize,
    pub(crate) num_ws: usize,
    pub(crate) w_dim: usize,
    pub(crate) classes: usize,
    /// Whether noise=tf is offered: a StyleGAN2.
    pub(crate) has_tf_noise: bool,
    /// Whether its pictures are moved, turned and zoomed: a StyleGAN3.
    pub(crate) has_place: bool,
    /// How many centres pictures are truncated towards; None where it is the average w.
    pub(crate) centers: Option<usize>,
    /// Truncation of requests that name none.
    pub(crate) trunc: f32,
    /// Directions that requests may walk along: none until they are found, in the background.
    pub(crate) directions: Arc<Directions>,
    /// Whether requests need a token: shared caches must not keep the answers then.
    pub(crate) private: bool,
}

impl Facts {
    pub(crate) fn new(name: String, model: &Model, sha256: &str, trunc: f32, private: bool) -> Facts {
        let config = &model.config;
        let (height, width) = config.image_size();
        Facts {
            number: 0,
            name,
            id: sha256[..16].into(),
            origin: None,
            device: String::new(),
            height,
            width,
            channels: config.img_channels(),
            num_ws: config.num_ws(),
            w_dim: config.w_dim(),
            classes: config.c_dim(),
            has_tf_noise: matches!(config, Config::StyleGan2(_)),
            has_place: matches!(config, Config::StyleGan3(_)),
            centers: None,
            trunc,
            directions: Arc::default(),
            private,
        }
    }

    /// Truncation goes towards these. The pictures are others, so the id becomes another one.
    pub(crate) fn truncates_towards(&mut self, centers: &Centers) {
        self.centers = Some(centers.count());
        let id = format!("{} {}", self.id, stamp::sha256(centers.values()));
        self.id = hex(&Sha256::digest(id))[..16].into();
    }

    /// The sum of some steps along directions, in their sigma; None when there are no steps.
    pub(crate) fn shift(&self, moves: &[(usize, f32)]) -> Option<Vec<f32>> {
        let mut shift = vec![0.0; self.w_dim];
        for (direction, amount) in moves {
            let (direction, sigma) = self.directions.get(*direction)?;
            shift.iter_mut().zip(direction).for_each(|(sum, value)| *sum += amount * sigma * value);
        }
        (!moves.is_empty()).then_some(shift)
    }

    /// Height and width of a picture.
    pub(crate) fn size(&self) -> (usize, usize) {
        (self.height, self.width)
    }

    /// The largest of [`params::sides`] that is at most so many pixels, or the smallest there is.
    pub(crate) fn side_below(&self, most: usize) -> usize {
        let sides = params::sides(self.size());
        sides.iter().copied().find(|side| *side <= most).unwrap_or(sides[sides.len() - 1])
    }

    pub(crate) fn has_alpha(&self) -> bool {
        matches!(self.channels, 2 | 4)
    }

    /// The format of requests that name none.
    pub(crate) fn format(&self) -> &'static str {
        if self.has_alpha() { "png" } else { "jpg" }
    }

    /// The tag of what `parts` describe, drawn by this version on this device.
    pub(crate) fn etag(&self, parts: &str) -> String {
        let text = format!("{} {} {} {:?} {parts}", env!("CARGO_PKG_VERSION"), self.id, self.device, self.origin);
        format!("\"{}\"", &hex(&Sha256::digest(text))[..32])
    }

    /// What `/network` answers.
    pub(crate) fn json(&self) -> Value {
        json!({
            "name": self.name,
            "network": self.id,
            "device": self.device,
            "version": env!("CARGO_PKG_VERSION"),
            "height": self.height,
            "width": self.width,
            "resolution": self.height.max(self.width),
            "sizes": params::sides(self.size()),
            "channels": self.channels,
            "num_ws": self.num_ws,
            "w_dim": self.w_dim,
            "classes": self.classes,
            "trunc": flags::as_typed(self.trunc),
            "centers": self.centers,
            "has_place": self.has_place,
            "searching": self.directions.is_sought(),
            "directions": self.directions.count(),
            "direction_names": (1..=self.directions.count()).map(|number| format!("PCA {number}")).collect::<Vec<_>>(),
            "sigma": self.directions.sigma(),
            "format": self.format(),
        })
    }

    /// A network for tests.
    #[cfg(test)]
    pub(crate) fn example() -> Facts {
        Facts {
            number: 0,
            name: "example".into(),
            id: "0123456789abcdef".into(),
            origin: None,
            device: "GPU (f16)".into(),
            height: 128,
            width: 128,
            channels: 3,
            num_ws: 12,
            w_dim: 4,
            classes: 0,
            has_tf_noise: true,
            has_place: false,
            centers: None,
            trunc: 1.0,
            directions: Arc::new(Directions::example()),
            private: false,
        }
    }
}

/// Gives networks of one name a number each, so that a request can name them.
pub(crate) fn tell_apart(networks: &mut [Facts]) {
    for i in 1..networks.len() {
        let (before, rest) = networks.split_at_mut(i);
        let taken = |name: &str| before.iter().any(|facts| facts.name == name || facts.id == name);
        let own = rest[0].name.clone();
        let mut numbered = (2..).map(|number| format!("{own} {number}"));
        if taken(&own) {
            rest[0].name = numbered.find(|name| !taken(name)).unwrap_or(own);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_tell_pictures_networks_and_devices_apart() {
        let facts = Facts::example();
        let tag = facts.etag("seed 1");
        assert!(tag.len() == 34 && tag.starts_with('"') && tag.ends_with('"'));
        assert_eq!(facts.etag("seed 1"), tag);
        assert_ne!(facts.etag("seed 2"), tag);
        assert_ne!(Facts { id: "f".into(), ..Facts::example() }.etag("seed 1"), tag);
        assert_ne!(Facts { device: "CPU".into(), ..Facts::example() }.etag("seed 1"), tag);
    }

    #[test]
    fn pictures_of_other_centres_have_another_id() {
        let with = |values: Vec<f32>| {
            let mut facts = Facts::example();
            facts.truncates_towards(&Centers::new(2, values));
            facts
        };
        let [a, b] = [with(vec![1.0, 2.0]), with(vec![1.0, 3.0])];
        assert!(a.id != b.id && a.id != Facts::example().id && a.id.len() == 16);
        assert_eq!((&a.json()["centers"], &Facts::example().json()["centers"]), (&json!(1), &json!(null)));
    }

    #[test]
    fn networks_of_one_name_are_told_apart() {
        let named = |name: &str| Facts { name: name.into(), ..Facts::example() };
        let mut networks = ["a", "a 2", "a", "b", "a"].map(named);
        tell_apart(&mut networks);
        assert_eq!(networks.map(|facts| facts.name), ["a", "a 2", "a 3", "b", "a 4"]);
    }

    #[test]
    fn steps_along_directions_add_up() {
        let facts = Facts::example();
        assert_eq!(facts.shift(&[]), None);
        assert_eq!(facts.shift(&[(0, 2.0), (1, -0.5)]), Some(vec![2.0, 0.0, -1.0, 0.0]));
        assert_eq!((facts.json()["directions"].clone(), facts.json()["sigma"].clone()), (json!(2), json!([1.0, 2.0])));
    }
}
