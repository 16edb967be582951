//! Where in its plane StyleGAN3 draws: a place, and over a film a path that ends where it began.

use std::f64::consts::TAU;

use stylegan_wgpu::{Config, Error, Result, Transform};

/// A picture moved by picture sides to the right and down, turned by degrees, then magnified.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Place {
    /// To the right and down.
    pub translate: [f32; 2],
    /// Counter-clockwise.
    pub rotate: f32,
    /// About the middle.
    pub zoom: f32,
}

/// Over a film from one place: pan and zoom go there and back, the picture makes whole turns.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Path {
    /// Where it begins and ends.
    pub from: Place,
    /// How far it goes, to the right and down.
    pub pan: [f32; 2],
    /// Counter-clockwise.
    pub turns: i32,
    /// The magnification in the middle.
    pub zoom_to: f32,
    /// Frames of the film.
    pub frames: usize,
    /// Pictures of each frame.
    pub cells: usize,
}

impl Place {
    /// Where the network draws by itself.
    pub const HERE: Place = Place { translate: [0.0; 2], rotate: 0.0, zoom: 1.0 };

    /// The map of the network's plane; an error where it has none, or the numbers are beyond f32.
    pub fn transform(self, config: &Config) -> Result<Transform> {
        if !matches!(config, Config::StyleGan3(_)) {
            return Err(Error::Argument(format!("only a StyleGAN3 is moved, turned and zoomed; this is a {}", config.network())));
        }
        self.matrix().ok_or_else(|| Error::Argument("the picture is moved too far: nothing is drawn there".into()))
    }

    /// The map itself; None where the numbers are beyond f32.
    pub fn matrix(self) -> Option<Transform> {
        Transform::new(self.translate, self.rotate, self.zoom)
    }
}

impl Path {
    /// Where the `index`-th picture of the film is.
    pub fn at(&self, index: usize) -> Place {
        let time = (index / self.cells) as f64 / self.frames as f64;
        // Slow at both ends: 0 at the beginning, 1 in the middle.
        let out = (1.0 - (TAU * time).cos()) / 2.0;
        let Place { translate: [x, y], rotate, zoom } = self.from;
        let moved = |from: f32, by: f32| (f64::from(from) + out * f64::from(by)) as f32;
        Place {
            translate: [moved(x, self.pan[0]), moved(y, self.pan[1])],
            rotate: (f64::from(rotate) + 360.0 * f64::from(self.turns) * time) as f32,
            zoom: (f64::from(zoom) * (f64::from(self.zoom_to) / f64::from(zoom)).powf(out)) as f32,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_goes_there_and_back() {
        let from = Place { translate: [0.5, 0.0], rotate: 10.0, zoom: 2.0 };
        let path = Path { from, pan: [1.0, -1.0], turns: -1, zoom_to: 8.0, frames: 8, cells: 2 };
        assert_eq!((path.at(0), path.at(1)), (from, from));
        assert_eq!(path.at(8), Place { translate: [1.5, -1.0], rotate: -170.0, zoom: 8.0 });
        let [two, six] = [path.at(4), path.at(12)];
        assert!((two.translate[0] - six.translate[0]).abs() < 1e-6 && (two.zoom - six.zoom).abs() < 1e-5, "{two:?} {six:?}");
        assert_eq!((two.rotate, six.rotate), (-80.0, -260.0));
    }
}
