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
mod tests {
    use super::*;

    fn query(raw: &str) -> Query {
        Query::new(Some(raw), &[&["seed", "layers"], LOOK, FILE]).unwrap()
    }

    fn named(error: ApiError) -> (String, String) {
        match error {
            ApiError::Parameter(name, message) => (name.into(), message),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn unknown_and_repeated_parameters_are_named() {
        let refuse = |raw: &str| named(Query::new(Some(raw), &[&["seed"], FILE]).err().unwrap());
        assert_eq!(refuse("seeds=1"), ("seeds".into(), "unknown; this path has seed, size, format, network".into()));
        assert_eq!(refuse("seed=1&seed=1"), ("seed".into(), "is there twice".into()));
        assert_eq!(refuse("%0a%00x=1").0, "  x");
        assert_eq!(refuse(&"x".repeat(10_000)).0.len(), 43);
        assert!(Query::new(None, &[]).is_ok() && Query::new(Some(""), &[]).is_ok());
    }

    #[test]
    fn parameters_are_bounded() {
        let facts = Facts::example();
        for (raw, name) in [
            ("trunc=2.1", "trunc"),
            ("trunc=NaN", "trunc"),
            ("trunc=inf", "trunc"),
            ("trunc=", "trunc"),
            ("cutoff=13", "cutoff"),
            ("class=0", "class"),
            ("noise=loud", "noise"),
            ("noise_seed=1", "noise_seed"),
            ("moves=2:1", "moves"),
            ("moves=0", "moves"),
            ("moves=0:21", "moves"),
            ("moves=0:1,0:2", "moves"),
            ("moves=0:NaN", "moves"),
            ("noise=random&noise_seed=-1", "noise_seed"),
            ("translate=1", "translate"),
            ("translate=1,NaN", "translate"),
            ("translate=1,2,3", "translate"),
            ("translate=101,0", "translate"),
            ("rotate=361", "rotate"),
            ("zoom=0", "zoom"),
            ("zoom=-1", "zoom"),
            // Of a network that is none of StyleGAN3.
            ("zoom=2", "zoom"),
        ] {
            assert_eq!(named(query(raw).look(&facts).unwrap_err()).0, name, "{raw}");
        }
        for (raw, name) in
            [("size=100", "size"), ("size=256", "size"), ("size=8", "size"), ("format=npy", "format"), ("network=x", "network")]
        {
            assert_eq!(named(query(raw).file(&facts).unwrap_err()).0, name, "{raw}");
        }
        for raw in ["seed=-1", "seed=4294967296", "seed=1.5", "seed=+1", "seed=", "seed=%00", "seed=1e3", "seed=0x1"] {
            assert_eq!(named(query(raw).seed("seed").unwrap_err()).0, "seed", "{raw}");
        }
        for raw in ["layers=", "layers=12", "layers=5-3", "layers=1,1", "layers=1-3,2", "layers=0-99999999999", "layers=-1"] {
            assert_eq!(named(query(raw).layers("layers", 12).unwrap_err()).0, "layers", "{raw}");
        }
    }

    #[test]
    fn parameters_are_understood() {
        let facts = Facts::example();
        let look = query("trunc=-0.5&cutoff=4&noise=random&noise_seed=7").look(&facts).unwrap();
        assert_eq!(
            look,
            Look {
                truncation: Truncation { psi: -0.5, cutoff: Some(4) },
                shift: None,
                class: None,
                noise: Noise::Random { seed: 7 },
                place: None
            }
        );
        let usual = query("").look(&facts).unwrap();
        assert_eq!(
            usual,
            Look { truncation: Truncation { psi: 1.0, cutoff: None }, shift: None, class: None, noise: Noise::Const, place: None }
        );
        let moved = Facts { has_place: true, ..Facts::example() };
        assert_eq!(query("translate=0.5,-1&zoom=2").place(&moved).unwrap(), Some(Place { translate: [0.5, -1.0], rotate: 0.0, zoom: 2.0 }));
        assert_eq!(query("rotate=0").place(&moved).unwrap(), Some(Place::HERE));
        assert_eq!(query("").place(&moved).unwrap(), None);
        let id = &facts.id;
        let file = query(&format!("size=32&format=webp&network={id}")).file(&facts).unwrap();
        assert_eq!(file, File { side: 32, format: Format::Webp, pinned: true });
        assert_eq!(query("").file(&facts).unwrap(), File { side: 128, format: Format::Jpg, pinned: false });
        assert_eq!(query("layers=9,4-6").layers("layers", 12).unwrap(), Some(vec![4, 5, 6, 9]));
        assert_eq!(query("seed=4294967295").seed("seed").unwrap(), Some(u32::MAX));
        assert_eq!(sides((1024, 1024)), [1024, 512, 256, 128, 64, 32, 16]);
        assert_eq!(sides((8, 8)), [8]);
        assert_eq!(sides((1024, 512)), [1024, 512, 256, 128, 64, 32]);
        assert_eq!(sides((48, 80)), [80, 40]);
        let wide = Facts { height: 64, ..Facts::example() };
        assert_eq!(query("").file(&wide).unwrap().side, 128);
        assert_eq!(query("moves=1:-2").look(&facts).unwrap().shift, Some(vec![0.0, 0.0, -4.0, 0.0]));
        let early = Facts { directions: Default::default(), ..Facts::example() };
        assert!(matches!(query("moves=1:-2").look(&early), Err(ApiError::Searching)));
        assert_eq!(query("seed=1,2,1").seeds("seed", 2..=3).unwrap(), Some(vec![1, 2, 1]));
        for raw in ["seed=1", "seed=1,2,3,4", "seed=1,,2", "seed="] {
            assert_eq!(named(query(raw).seeds("seed", 2..=3).unwrap_err()).0, "seed", "{raw}");
        }
    }

    #[test]
    fn conditional_networks_need_a_class_and_alpha_needs_a_format() {
        let facts = Facts { classes: 5, channels: 4, ..Facts::example() };
        assert!(named(query("").look(&facts).unwrap_err()).1.contains("0 to 4"));
        assert_eq!(query("class=4").look(&facts).unwrap().class, Some(4));
        assert_eq!(named(query("class=5").look(&facts).unwrap_err()).0, "class");
        assert!(named(query("format=jpg").file(&facts).unwrap_err()).1.contains("alpha"));
        assert_eq!(query("").file(&facts).unwrap().format, Format::Png);
    }

    /// Thousands of queries made of what parameters are made of, always the same ones: an answer or an error that names a parameter in
    /// one line, and what is accepted is within its bounds.
    #[test]
    fn any_query_has_an_answer() {
        const PIECES: &str = "seed trunc cutoff moves class noise noise_seed size format network layers translate rotate zoom = = = & & & % %00 %ff + , : - 0 1 7 9 \
                              99999999999 4294967295 . e NaN inf 1e39 random const tf png \u{202e}";
        let pieces: Vec<&str> = PIECES.split(' ').collect();
        let facts = [Facts::example(), Facts { classes: 5, channels: 4, has_place: true, ..Facts::example() }];
        let mut random = stylegan_wgpu::latent::RandomState::new(7);
        let mut below = |bound: usize| ((random.next_gaussian().abs() * 1e9) as usize) % bound;
        let (mut accepted, mut refused) = (0, 0);
        for round in 0..20_000 {
            let text: String = (0..1 + below(24)).map(|_| pieces[below(pieces.len())]).collect();
            let facts = &facts[round % 2];
            let check = |error: ApiError| match error {
                ApiError::Parameter(name, message) => {
                    assert!(name.chars().chain(message.chars()).all(stylegan_wgpu::internals::text::is_plain) && message.len() < 400)
                }
                other => panic!("{text}: {other:?}"),
            };
            match Query::new(Some(&text), &[&["seed", "layers"], LOOK, FILE]) {
                Err(error) => {
                    refused += 1;
                    check(error);
                }
                Ok(query) => {
                    match query.look(facts) {
                        Ok(look) => {
                            accepted += 1;
                            assert!(
                                TRUNC.contains(&look.truncation.psi) && look.truncation.cutoff.is_none_or(|cutoff| cutoff <= facts.num_ws)
                            );
                            assert!(look.shift.iter().flatten().all(|value| value.is_finite()));
                        }
                        Err(error) => check(error),
                    }
                    query.file(facts).map_or_else(check, |file| assert!(file.side >= 8));
                    query
                        .seeds("seed", 2..=8)
                        .map_or_else(check, |seeds| assert!(seeds.is_none_or(|seeds| (2..=8).contains(&seeds.len()))));
                    let layers = query.layers("layers", facts.num_ws);
                    layers.map_or_else(check, |layers| assert!(layers.iter().flatten().all(|&layer| layer < facts.num_ws)));
                }
            }
        }
        assert!(accepted > 100 && refused > 1000, "{accepted} {refused}");
    }
}
