//! What the pictures of `serve`, and of the page that draws by itself, say of how they were made: the command that draws the same
//! picture, where there is one; otherwise the request.

use stylegan_wgpu::Noise;
use stylegan_wgpu::internals::tensor::DType;
use stylegan_wgpu::latent::Truncation;

use super::flags;
use super::picture_settings::Settings;
use super::stamp::{self, Manner, Own, Towards};
use crate::drawing::place::Place;

/// What all pictures of a network say.
#[derive(Clone, Debug)]
pub struct Origin {
    /// Without command and flags.
    pub settings: Settings,
    /// Which another device takes, too.
    pub precision: Option<DType>,
    /// What truncation goes towards.
    pub towards: Option<Towards>,
}

/// What was asked of a picture.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// Where its rows of w come from.
    pub source: Source<'a>,
    /// Not of rows of w that came with the request.
    pub truncation: Truncation,
    /// Steps along directions, as a request names them.
    pub moves: &'a [(usize, f32)],
    /// Of a conditional network.
    pub class: Option<usize>,
    /// With the seed of this picture.
    pub noise: Noise,
    /// Where in its plane a StyleGAN3 draws; None is where the network says.
    pub place: Option<Place>,
}

/// Where the rows of w of a request come from.
#[derive(Clone, Copy, Debug)]
pub enum Source<'a> {
    /// A face.
    Seed(u32),
    /// A face with some layers of another.
    Mix {
        /// The face.
        seed: u32,
        /// The other.
        with: u32,
        /// Those of the other.
        layers: &'a [usize],
    },
    /// A point on the way from one face to another.
    Morph {
        /// Where t is 0.
        from: u32,
        /// Where t is 1.
        to: u32,
        /// How far.
        t: f32,
    },
    /// These values.
    Ws(&'a [f32]),
}

/// The file that was asked for.
#[derive(Clone, Copy, Debug)]
pub struct File<'a> {
    /// Of the longer side, in pixels.
    pub side: u32,
    /// Whether that is the network's own.
    pub whole: bool,
    /// The end of its name.
    pub extension: &'a str,
}

impl Origin {
    /// The packet of a picture.
    pub fn picture(&self, asked: &Request<'_>, file: File<'_>) -> Option<String> {
        // Commands draw in the network's own size.
        let whole = asked.moves.is_empty() && file.whole;
        let trunc = asked.truncation.psi;
        let (command, own, place) = match asked.source {
            Source::Seed(seed) if whole => ("generate", Own::default().flag("seeds", seed).flag("trunc", trunc), 0),
            Source::Mix { seed, with, layers } if whole => {
                let layers: Vec<u32> = layers.iter().map(|&layer| layer as u32).collect();
                let own = Own::default().flag("rows", seed).flag("cols", with).flag("styles", flags::ranges(&layers)).flag("trunc", trunc);
                // `mix` draws a source before it, whose noise is the first.
                ("mix", own, u32::from(seed != with))
            }
            Source::Ws(values) => ("serve", Own::default().values("projected-w", stamp::sha256(values)), 0),
            _ => ("serve", Own::default(), 0),
        };
        if command == "serve" {
            let size = format!("&size={}&format={}", file.side, file.extension);
            return self.request(own, &(of_source(asked.source) + &asked.look() + &size));
        }
        let noise = match asked.noise {
            Noise::Random { seed } => Noise::Random { seed: seed.wrapping_sub(place) },
            other => other,
        };
        let manner = Manner {
            trunc_cutoff: asked.truncation.cutoff,
            class: asked.class,
            noise,
            no_tune: true,
            translate: asked.place.map(|place| place.translate),
            rotate: asked.place.map(|place| place.rotate),
            zoom: asked.place.map(|place| place.zoom),
            ..self.plain()
        };
        let own = own.towards(self.towards.as_ref());
        stamp::packet(&Settings { command: command.into(), ..self.settings.clone() }, own, manner)
    }

    /// The packet of a film, of which `query` says what its look does not.
    pub fn film(&self, look: &Request<'_>, query: &str) -> Option<String> {
        self.request(Own::default(), &format!("/video?{query}{}", look.look()))
    }

    /// How it is drawn, when a request says nothing.
    fn plain(&self) -> Manner {
        Manner { precision: self.precision, ..Manner::default() }
    }

    fn request(&self, own: Own, request: &str) -> Option<String> {
        let own = own.towards(self.towards.as_ref());
        stamp::packet(&self.settings, own.flag("request", request), self.plain())
    }
}

fn of_source(source: Source<'_>) -> String {
    match source {
        Source::Seed(seed) => format!("/image?seed={seed}"),
        Source::Mix { seed, with, layers } => {
            let layers: Vec<String> = layers.iter().map(usize::to_string).collect();
            format!("/mix?seed={seed}&with={with}&layers={}", layers.join(","))
        }
        Source::Morph { from, to, t } => format!("/morph?seed={from}&to={to}&t={t}"),
        Source::Ws(_) => "/image?".into(),
    }
}

impl Request<'_> {
    /// The rest of the look, each with an & in front.
    fn look(&self) -> String {
        let mut text = String::new();
        let mut add = |name: &str, value: String| text.push_str(&format!("&{name}={value}"));
        if !matches!(self.source, Source::Ws(_)) {
            add("trunc", self.truncation.psi.to_string());
        }
        if let Some(cutoff) = self.truncation.cutoff {
            add("cutoff", cutoff.to_string());
        }
        if !self.moves.is_empty() {
            let moves: Vec<String> = self.moves.iter().map(|(direction, step)| format!("{direction}:{step}")).collect();
            add("moves", moves.join(","));
        }
        if let Some(class) = self.class {
            add("class", class.to_string());
        }
        match self.noise {
            Noise::Const => {}
            Noise::None => add("noise", "none".into()),
            Noise::Random { seed } => add("noise", format!("random&noise_seed={seed}")),
            Noise::AfterZ { .. } => add("noise", "tf".into()),
        }
        if let Some(Place { translate: [x, y], rotate, zoom }) = self.place {
            add("translate", format!("{x},{y}"));
            add("rotate", rotate.to_string());
            add("zoom", zoom.to_string());
        }
        text
    }
}
