//! Which rows of w: numbers and ranges, or the names that the StyleGAN papers give to groups of them.

use std::str::FromStr;

use stylegan_wgpu::internals::networks::StyleLayer;
use stylegan_wgpu::{Config, Error, Result};

/// A choice of them, as 0-3,7 or coarse,middle, before it is known of which network.
#[derive(Clone, Debug)]
pub struct Layers(Vec<Part>);

#[derive(Clone, Debug)]
enum Part {
    /// First and last row.
    Rows(usize, usize),
    /// A name, and the lowest and highest resolution of its rows.
    Band(&'static str, usize, usize),
    /// The name of a layer, as the network's own code calls it.
    Layer(String),
}

/// Karras et al. 2019, section 3.1: 4 to 8 pixels, 16 to 32, and what is above.
const BANDS: [Part; 3] = [Part::Band("coarse", 4, 8), Part::Band("middle", 16, 32), Part::Band("fine", 64, usize::MAX)];

impl FromStr for Layers {
    type Err = String;

    fn from_str(text: &str) -> Result<Layers, String> {
        let part = |text: &str| {
            let text = text.trim();
            if let Some(band) = BANDS.into_iter().find(|band| matches!(band, Part::Band(name, ..) if *name == text)) {
                return Ok(band);
            }
            let is_name = |text: &str| text.chars().all(|letter| letter.is_ascii_alphanumeric() || "._".contains(letter));
            if text.starts_with(|letter: char| letter.is_ascii_alphabetic()) && is_name(text) {
                return Ok(Part::Layer(text.to_owned()));
            }
            let wrong = |_| format!("'{text}' is no layer; write numbers and ranges, as 0-3,7, coarse, middle or fine, or names of layers");
            let (first, last) = text.split_once('-').unwrap_or((text, text));
            let (first, last): (usize, usize) = (first.trim().parse().map_err(wrong)?, last.trim().parse().map_err(wrong)?);
            match first <= last {
                true => Ok(Part::Rows(first, last)),
                false => Err(format!("the range {first}-{last} is empty; write {last}-{first}")),
            }
        };
        text.split(',').map(part).collect::<Result<_, _>>().map(Layers)
    }
}

impl Layers {
    /// The rows of w of this network, ascending, each once. `flag` is what an error calls the choice.
    pub fn rows(&self, flag: &str, config: &Config) -> Result<Vec<usize>> {
        let num_ws = config.num_ws();
        let mut chosen = vec![false; num_ws];
        for part in &self.0 {
            match part {
                Part::Layer(name) => {
                    let rows = rows_of(name, config);
                    if rows.is_empty() {
                        return Err(Error::Argument(format!("{flag}: this network has no layer {name}; it has {}", names(config))));
                    }
                    rows.into_iter().for_each(|row| chosen[row] = true);
                }
                Part::Band(..) if matches!(config, Config::StyleGan3(_)) => {
                    return Err(Error::Argument(format!(
                        "{flag}: coarse, middle and fine are resolutions of StyleGAN and StyleGAN2; name layers of this stylegan3: {}",
                        names(config)
                    )));
                }
                &Part::Rows(first, last) if last < num_ws => chosen[first..=last].fill(true),
                &Part::Rows(_, last) => {
                    return Err(Error::Argument(format!("{flag} names layer {last}; this network has {num_ws}, 0 to {}", num_ws - 1)));
                }
                &Part::Band(name, lowest, highest) => {
                    let band: Vec<usize> = (0..num_ws).filter(|&row| (lowest..=highest).contains(&config.slot_resolution(row))).collect();
                    if band.is_empty() {
                        return Err(Error::Argument(format!(
                            "{flag} {name} begins at {lowest} pixels; the layers of this network end at {} (layer {})",
                            config.slot_resolution(num_ws - 1),
                            num_ws - 1
                        )));
                    }
                    band.into_iter().for_each(|row| chosen[row] = true);
                }
            }
        }
        Ok((0..num_ws).filter(|&row| chosen[row]).collect())
    }
}

/// The rows of w that a layer of that name reads; of a StyleGAN3, L3 is short for L3_52_512.
fn rows_of(name: &str, config: &Config) -> Vec<usize> {
    let is_meant = |layer: &StyleLayer| match config {
        Config::StyleGan3(_) => layer.name == name || layer.name.split('_').next() == Some(name),
        _ => layer.name == name,
    };
    config.style_layers().into_iter().filter(is_meant).map(|layer| layer.slot).collect()
}

fn names(config: &Config) -> String {
    config.style_layers().into_iter().map(|layer| layer.name).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use stylegan_wgpu::internals::networks::{mobilestylegan, stylegan2, stylegan3};

    use super::*;

    fn rows(text: &str, config: &Config) -> Result<Vec<usize>, String> {
        text.parse::<Layers>()?.rows("--styles", config).map_err(|error| error.to_string())
    }

    #[test]
    fn layers_are_ranges_or_names() {
        let config = Config::StyleGan2(stylegan2::Config::config_f());
        let all = |first: usize, last: usize| (first..=last).collect::<Vec<_>>();
        assert_eq!(rows("0-6", &config).unwrap(), all(0, 6));
        assert_eq!(rows("9, 0-2,1,17", &config).unwrap(), [0, 1, 2, 9, 17]);
        for (name, first, last) in [("coarse", 0, 3), ("middle", 4, 7), ("fine", 8, 17), ("coarse,middle", 0, 7)] {
            assert_eq!(rows(name, &config).unwrap(), all(first, last), "{name}");
        }
        assert!(rows("3-18", &config).unwrap_err().contains("layer 18; this network has 18, 0 to 17"));
        for wrong in ["", "3-1", "-1", "1,", "1-2-3", "coarse-fine", "a b"] {
            assert!(wrong.parse::<Layers>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn layers_go_by_their_names() {
        let config = Config::StyleGan2(stylegan2::Config::config_f());
        assert_eq!(rows("b8.conv0,b8.torgb", &config).unwrap(), [1, 3]);
        assert!(rows("b3.conv0", &config).unwrap_err().contains("no layer b3.conv0; it has b4.conv1, b4.torgb"));
        let config = Config::StyleGan3(stylegan3::Config::t(1024));
        assert_eq!(rows("input,L2_52_512,L14,15", &config).unwrap(), [0, 3, 15]);
        assert!(rows("L15", &config).unwrap_err().contains("it has input, L0_36_512"));
        assert!(rows("coarse", &config).unwrap_err().contains("name layers of this stylegan3: input, L0_36_512"));
    }

    #[test]
    fn names_follow_the_network() {
        let mobile = Config::MobileStyleGan(mobilestylegan::Config {
            z_dim: 8,
            w_dim: 8,
            img_resolution: 1024,
            num_layers: 1,
            channels: vec![8; 8],
        });
        for (name, first, last) in [("coarse", 0, 3), ("middle", 4, 9), ("fine", 10, 21)] {
            assert_eq!(rows(name, &mobile).unwrap(), (first..=last).collect::<Vec<_>>(), "{name}");
        }
        let small = Config::StyleGan2(stylegan2::Config { img_resolution: 32, ..stylegan2::Config::config_f() });
        assert_eq!(rows("middle", &small).unwrap(), [4, 5, 6, 7]);
        assert!(rows("fine", &small).unwrap_err().contains("end at 32"));
    }
}
