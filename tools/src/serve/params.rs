//! The parameters of a request. Everything is checked, and what is unknown or there twice is refused: a typing error would otherwise
//! give a picture that was not asked for.

use std::ops::RangeInclusive;

use stylegan_studio::drawing::place::Place;
use stylegan_studio::pictures::picture::Format;
use stylegan_wgpu::Noise;
use stylegan_wgpu::latent::Truncation;

use super::errors::ApiError;
use super::facts::Facts;

/// Truncation beyond this gives no pictures worth the name.
pub(crate) const TRUNC: RangeInclusive<f32> = -2.0..=2.0;

/// Steps along a direction beyond this leave the faces behind.
const STEP: RangeInclusive<f32> = -20.0..=20.0;

/// Moves in picture sides, turns in degrees and magnifications beyond these show nothing that others do not.
const MOVE: RangeInclusive<f32> = -100.0..=100.0;
const TURN: RangeInclusive<f32> = -360.0..=360.0;
const ZOOM: RangeInclusive<f32> = 0.01..=100.0;

/// The smallest side of a picture, when the network's own is not smaller.
const LEAST_SIDE: usize = 16;

/// What decides how a picture looks, apart from its seed.
pub(crate) const LOOK: &[&str] = &["trunc", "cutoff", "moves", "class", "noise", "noise_seed", "translate", "rotate", "zoom"];
/// What decides the file. `network` is the network's id: a URL that has it is a picture that never changes.
pub(crate) const FILE: &[&str] = &["size", "format", "network"];

/// The query of a request: names and values, none of them twice.
pub(crate) struct Query(Vec<(String, String)>);

/// How a picture is made from its rows of w.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Look {
    pub(crate) truncation: Truncation,
    pub(crate) shift: Option<Vec<f32>>,
    pub(crate) class: Option<usize>,
    pub(crate) noise: Noise,
    /// Of a StyleGAN3.
    pub(crate) place: Option<Place>,
}

/// What kind of file a picture becomes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct File {
    /// The longer side of the picture.
    pub(crate) side: u32,
    pub(crate) format: Format,
    /// The URL names the network.
    pub(crate) pinned: bool,
}

impl Query {
    /// Splits a query whose names have to be among `known`.
    pub(crate) fn new(raw: Option<&str>, known: &[&[&'static str]]) -> Result<Query, ApiError> {
        let mut pairs: Vec<(String, String)> = Vec::new();
        for (name, value) in form_urlencoded::parse(raw.unwrap_or_default().as_bytes()) {
            if !known.iter().any(|names| names.contains(&name.as_ref())) {
                let known: Vec<&str> = known.iter().flat_map(|names| names.iter().copied()).collect();
                let known = if known.is_empty() { "none".into() } else { known.join(", ") };
                return Err(ApiError::Parameter(shown(&name).into(), format!("unknown; this path has {known}")));
            }
            if pairs.iter().any(|(earlier, _)| *earlier == name) {
                return Err(ApiError::Parameter(name.into_owned().into(), "is there twice".into()));
            }
            pairs.push((name.into_owned(), value.into_owned()));
        }
        Ok(Query(pairs))
    }

    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    fn parse<T>(&self, name: &'static str, parse: impl Fn(&str) -> Option<T>, needed: impl Fn() -> String) -> Result<Option<T>, ApiError> {
        let Some(text) = self.text(name) else { return Ok(None) };
        let wrong = || ApiError::parameter(name, format!("'{}' is not {}", shown(text), needed()));
        parse(text).map(Some).ok_or_else(wrong)
    }

    /// A seed.
    pub(crate) fn seed(&self, name: &'static str) -> Result<Option<u32>, ApiError> {
        self.parse(name, whole, || format!("a whole number from 0 to {}", u32::MAX))
    }

    /// A whole number of a range.
    pub(crate) fn count(&self, name: &'static str, range: RangeInclusive<usize>) -> Result<Option<usize>, ApiError> {
        let needed = || format!("a whole number from {} to {}", range.start(), range.end());
        self.parse(name, |text| whole(text).filter(|number| range.contains(number)), needed)
    }

    /// A number of a range.
    pub(crate) fn number(&self, name: &'static str, range: RangeInclusive<f32>) -> Result<Option<f32>, ApiError> {
        let needed = || format!("a number from {} to {}", range.start(), range.end());
        // Neither NaN nor infinity is in a range.
        self.parse(name, |text| text.parse().ok().filter(|number| range.contains(number)), needed)
    }

    /// Something that has to be there.
    pub(crate) fn need<T>(name: &'static str, value: Option<T>) -> Result<T, ApiError> {
        value.ok_or_else(|| ApiError::parameter(name, "is missing"))
    }

    /// The parameters of [`LOOK`].
    pub(crate) fn look(&self, facts: &Facts) -> Result<Look, ApiError> {
        let psi = self.number("trunc", TRUNC)?.unwrap_or(facts.trunc);
        let cutoff = self.count("cutoff", 0..=facts.num_ws)?;
        let shift = facts.shift(&self.moves(facts)?);
        Ok(Look {
            truncation: Truncation { psi, cutoff },
            shift,
            class: self.class(facts)?,
            noise: self.noise()?,
            place: self.place(facts)?,
        })
    }

    /// Steps along directions, as 0:2.5,3:-1: no direction twice.
    pub(super) fn moves(&self, facts: &Facts) -> Result<Vec<(usize, f32)>, ApiError> {
        let count = facts.directions.count();
        if self.text("moves").is_some() && facts.directions.is_sought() {
            return Err(ApiError::Searching);
        }
        let step = |text: &str| {
            let (direction, amount) = text.split_once(':')?;
            let (direction, amount) = (whole::<usize>(direction)?, amount.parse().ok()?);
            (direction < count && STEP.contains(&amount)).then_some((direction, amount))
        };
        let parse = |text: &str| {
            let mut moves: Vec<(usize, f32)> = Vec::new();
            for part in text.split(',') {
                let (direction, amount) = step(part)?;
                if moves.iter().any(|(known, _)| *known == direction) {
                    return None;
                }
                moves.push((direction, amount));
            }
            Some(moves)
        };
        let needed =
            || format!("a list as 0:2.5,1:-1: each of {count} directions once, and a step from {} to {}", STEP.start(), STEP.end());
        Ok(self.parse("moves", parse, needed)?.unwrap_or_default())
    }

    fn class(&self, facts: &Facts) -> Result<Option<usize>, ApiError> {
        if facts.classes == 0 {
            return match self.text("class") {
                None => Ok(None),
                Some(_) => Err(ApiError::parameter("class", "this network has no classes")),
            };
        }
        let needed = || ApiError::parameter("class", format!("is missing: this network has the classes 0 to {}", facts.classes - 1));
        self.count("class", 0..=facts.classes - 1)?.ok_or_else(needed).map(Some)
    }

    /// The noise of the layers, by `noise` and `noise_seed`.
    pub(crate) fn noise(&self) -> Result<Noise, ApiError> {
        let seed = self.seed("noise_seed")?;
        match (self.text("noise").unwrap_or("const"), seed) {
            ("random", seed) => Ok(Noise::Random { seed: seed.unwrap_or(0) }),
            // Of the picture's own seed, which `own_noise` puts in.
            ("tf", None) => Ok(Noise::AfterZ { seed: 0 }),
            ("const" | "none" | "tf", Some(_)) => Err(ApiError::parameter("noise_seed", "is for noise=random only")),
            ("const", None) => Ok(Noise::Const),
            ("none", None) => Ok(Noise::None),
            (other, _) => Err(ApiError::parameter("noise", format!("'{}' is not const, random, none or tf", shown(other)))),
        }
    }

    /// Where in its plane a StyleGAN3 draws, by `translate`, `rotate` and `zoom`; None where the request says nothing of it.
    pub(crate) fn place(&self, facts: &Facts) -> Result<Option<Place>, ApiError> {
        let pair = |text: &str| {
            let (x, y) = text.split_once(',')?;
            let [x, y] = [x.parse().ok()?, y.parse().ok()?];
            (MOVE.contains(&x) && MOVE.contains(&y)).then_some([x, y])
        };
        let needed = || format!("two numbers from {} to {}, as 0.5,-0.25", MOVE.start(), MOVE.end());
        let translate = self.parse("translate", pair, needed)?;
        let rotate = self.number("rotate", TURN)?;
        let zoom = self.number("zoom", ZOOM)?;
        let named = [("translate", translate.is_some()), ("rotate", rotate.is_some()), ("zoom", zoom.is_some())];
        match named.into_iter().find(|(_, given)| *given) {
            None => Ok(None),
            Some((name, _)) if !facts.has_place => {
                Err(ApiError::parameter(name, "only pictures of a StyleGAN3 are moved, turned and zoomed; this network is none"))
            }
            Some(_) => {
                let Place { translate: here, rotate: straight, zoom: whole } = Place::HERE;
                let (translate, rotate, zoom) = (translate.unwrap_or(here), rotate.unwrap_or(straight), zoom.unwrap_or(whole));
                Ok(Some(Place { translate, rotate, zoom }))
            }
        }
    }

    /// The longer side of the picture.
    pub(crate) fn side(&self, facts: &Facts) -> Result<Option<usize>, ApiError> {
        let sides = sides(facts.size());
        let needed = || format!("one of {}", sides.iter().map(usize::to_string).collect::<Vec<_>>().join(", "));
        self.parse("size", |text| whole(text).filter(|side| sides.contains(side)), needed)
    }

    /// The parameters of [`FILE`].
    pub(crate) fn file(&self, facts: &Facts) -> Result<File, ApiError> {
        let side = self.side(facts)?;
        let format = match self.text("format").unwrap_or(facts.format()) {
            "jpg" if facts.has_alpha() => {
                return Err(ApiError::parameter(
                    "format",
                    "this network draws an alpha channel, which jpg cannot hold; ask for png or webp",
                ));
            }
            "jpg" => Format::Jpg,
            "png" => Format::Png,
            "webp" => Format::Webp,
            other => return Err(ApiError::parameter("format", format!("'{}' is not jpg, png or webp", shown(other)))),
        };
        Ok(File { side: side.unwrap_or(facts.height.max(facts.width)) as u32, format, pinned: self.pinned(facts)? })
    }

    /// Whether the URL names the network by its id, so that it is that picture for good; what is neither its id nor its name is refused,
    /// because the picture would be another.
    pub(crate) fn pinned(&self, facts: &Facts) -> Result<bool, ApiError> {
        match self.text("network") {
            None => Ok(false),
            Some(id) if id == facts.id => Ok(true),
            Some(name) if name == facts.name => Ok(false),
            Some(_) => Err(ApiError::parameter("network", format!("this server has {} now", facts.id))),
        }
    }

    /// Seeds, as 1,2,3, of which one may come again.
    pub(crate) fn seeds(&self, name: &'static str, count: RangeInclusive<usize>) -> Result<Option<Vec<u32>>, ApiError> {
        let parse = |text: &str| -> Option<Vec<u32>> {
            // Not more than can be right is looked at.
            let seeds: Option<Vec<u32>> = text.split(',').take(count.end() + 1).map(whole).collect();
            seeds.filter(|seeds| count.contains(&seeds.len()))
        };
        self.parse(name, parse, || format!("a list of {} to {} seeds, as 1,2,3", count.start(), count.end()))
    }

    /// Layers, as 4-7,9: none of them twice.
    pub(crate) fn layers(&self, name: &'static str, num_ws: usize) -> Result<Option<Vec<usize>>, ApiError> {
        let range = |text: &str| {
            let (first, last) = text.split_once('-').unwrap_or((text, text));
            let (first, last) = (whole::<usize>(first)?, whole::<usize>(last)?);
            (first <= last && last < num_ws).then_some(first..=last)
        };
        let parse = |text: &str| {
            let mut layers = Vec::new();
            for part in text.split(',') {
                for layer in range(part)? {
                    if layers.contains(&layer) {
                        return None;
                    }
                    layers.push(layer);
                }
            }
            layers.sort_unstable();
            Some(layers)
        };
        self.parse(name, parse, || format!("a list of layers, as 4-7,9, each once and from 0 to {}", num_ws - 1))
    }
}

/// Longer sides of pictures: the network's own and its halves, while the shorter one can be halved with it.
pub(crate) fn sides((height, width): (usize, usize)) -> Vec<usize> {
    let halves = std::iter::successors(Some((height, width)), |(height, width)| {
        (height.min(width) / 2 >= LEAST_SIDE && height % 2 == 0 && width % 2 == 0).then_some((height / 2, width / 2))
    });
    halves.map(|(height, width)| height.max(width)).collect()
}

/// A whole number in digits only: no sign, no spaces.
fn whole<T: std::str::FromStr>(text: &str) -> Option<T> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

/// What a client sent, fit to be sent back.
fn shown(text: &str) -> String {
    stylegan_wgpu::internals::text::line(text, 40)
}

#[cfg(test)]
#[path = "params_tests.rs"]
mod tests;
