//! Which rows of w: numbers and ranges, or the names that the StyleGAN papers give to groups of them.

use stylegan_wgpu::networks::Config;

use crate::failure::Failure;

/// A value of `--styles` or `--layers`, as 0-3,7 or coarse,middle.
#[derive(Clone, Debug)]
pub(crate) struct Layers(Vec<Part>);

#[derive(Clone, Copy, Debug)]
enum Part {
    /// First and last row.
    Rows(usize, usize),
    /// A name, and the lowest and highest resolution of its rows.
    Band(&'static str, usize, usize),
}

/// Karras et al. 2019, section 3.1: 4 to 8 pixels, 16 to 32, and what is above.
const BANDS: [Part; 3] = [Part::Band("coarse", 4, 8), Part::Band("middle", 16, 32), Part::Band("fine", 64, usize::MAX)];

pub(crate) fn parse_layers(text: &str) -> Result<Layers, String> {
    let part = |text: &str| {
        let text = text.trim();
        if let Some(band) = BANDS.into_iter().find(|band| matches!(band, Part::Band(name, ..) if *name == text)) {
            return Ok(band);
        }
        let wrong = |_| format!("'{text}' is no layer; write numbers and ranges, as 0-3,7, or coarse, middle or fine");
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        let (first, last): (usize, usize) = (first.trim().parse().map_err(wrong)?, last.trim().parse().map_err(wrong)?);
        match first <= last {
            true => Ok(Part::Rows(first, last)),
            false => Err(format!("the range {first}-{last} is empty; write {last}-{first}")),
        }
    };
    text.split(',').map(part).collect::<Result<_, _>>().map(Layers)
}

impl Layers {
    /// The rows of w of this network, ascending, each once. `flag` is for errors.
    pub(crate) fn rows(&self, flag: &str, config: &Config) -> Result<Vec<usize>, Failure> {
        let num_ws = config.num_ws();
        let mut chosen = vec![false; num_ws];
        for part in &self.0 {
            match *part {
                Part::Rows(first, last) if last < num_ws => chosen[first..=last].fill(true),
                Part::Rows(_, last) => {
                    return Err(Failure::usage(format!("{flag} names layer {last}; this network has {num_ws}, 0 to {}", num_ws - 1)));
                }
                Part::Band(name, lowest, highest) => {
                    let band: Vec<usize> = (0..num_ws).filter(|&row| (lowest..=highest).contains(&config.slot_resolution(row))).collect();
                    if band.is_empty() {
                        return Err(Failure::usage(format!(
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

#[cfg(test)]
mod tests {
    use stylegan_wgpu::networks::{mobilestylegan, stylegan2};

    use super::*;

    fn rows(text: &str, config: &Config) -> Result<Vec<usize>, String> {
        parse_layers(text)?.rows("--styles", config).map_err(|failure| failure.text().to_owned())
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
        for wrong in ["", "3-1", "a", "-1", "1,", "1-2-3", "Coarse"] {
            assert!(parse_layers(wrong).is_err(), "{wrong}");
        }
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
