//! What the pictures of `serve` say about how they were made: the command that draws the same picture, where there is one; otherwise
//! the request.

use stylegan_studio::drawing::place::Place;
use stylegan_studio::pictures::flags;
use stylegan_studio::pictures::picture_settings::Settings;
use stylegan_wgpu::Noise;
use stylegan_wgpu::internals::tensor::DType;
use stylegan_wgpu::latent::Truncation;

use super::facts::Facts;
use super::params::File;
use super::recipe::{Recipe, Source};
use crate::args::NoiseMode;
use crate::drawing::stamp::{self, Manner, Own, Towards};

/// Steps along directions, as a request names them.
pub(super) type Moves = [(usize, f32)];

/// What all pictures of a network say.
#[derive(Clone, Debug)]
pub(crate) struct Origin {
    /// Without command and flags.
    pub(crate) settings: Settings,
    /// See [`stamp::named`].
    pub(crate) precision: Option<DType>,
    pub(crate) towards: Option<Towards>,
}

/// The packet of a picture.
pub(super) fn picture(facts: &Facts, recipe: &Recipe, moves: &Moves, file: File) -> Option<String> {
    let origin = facts.origin.as_ref()?;
    // Commands draw in the network's own size.
    let whole = moves.is_empty() && file.side as usize == facts.height.max(facts.width);
    let trunc = recipe.truncation.psi;
    let (command, own, place) = match &recipe.source {
        Source::Seed(seed) if whole => ("generate", Own::default().flag("seeds", seed).flag("trunc", trunc), 0),
        Source::Mix { seed, with, layers } if whole => {
            let layers: Vec<u32> = layers.iter().map(|&layer| layer as u32).collect();
            let own = Own::default().flag("rows", seed).flag("cols", with).flag("styles", flags::ranges(&layers)).flag("trunc", trunc);
            // `mix` draws a source before it, whose noise is the first.
            ("mix", own, u32::from(seed != with))
        }
        Source::Ws(ws) => ("serve", Own::default().values("projected-w", stamp::sha256(&ws.values)), 0),
        _ => ("serve", Own::default(), 0),
    };
    if command == "serve" {
        let size = format!("&size={}&format={}", file.side, file.format.extension());
        return request(origin, own, &(of_source(&recipe.source) + &of_look(recipe, moves) + &size));
    }
    let (noise_mode, noise_seed) = match recipe.noise {
        Noise::Const => (NoiseMode::Const, 0),
        Noise::None => (NoiseMode::None, 0),
        Noise::Random { seed } => (NoiseMode::Random, seed.wrapping_sub(place)),
        Noise::AfterZ { .. } => (NoiseMode::Tf, 0),
    };
    let Truncation { cutoff: trunc_cutoff, .. } = recipe.truncation;
    let (translate, rotate, zoom) = match recipe.place {
        Some(Place { translate, rotate, zoom }) => (Some(translate), Some(rotate), Some(zoom)),
        None => (None, None, None),
    };
    let manner = Manner { trunc_cutoff, class: recipe.class, noise_mode, no_tune: true, translate, rotate, zoom, ..plain(origin) };
    let own = own.towards(origin.towards.as_ref());
    stamp::packet(&Settings { command: command.into(), ..origin.settings.clone() }, own, manner, noise_seed)
}

/// The packet of a film, of which `query` says what its look does not.
pub(super) fn film(facts: &Facts, look: &Recipe, moves: &Moves, query: &str) -> Option<String> {
    request(facts.origin.as_ref()?, Own::default(), &format!("/video?{query}{}", of_look(look, moves)))
}

/// How this server draws, when a request says nothing.
fn plain(origin: &Origin) -> Manner {
    Manner {
        trunc_cutoff: None,
        class: None,
        noise_mode: NoiseMode::Const,
        precision: origin.precision,
        no_tune: false,
        conv_clamp: None,
        translate: None,
        rotate: None,
        zoom: None,
    }
}

fn request(origin: &Origin, own: Own, request: &str) -> Option<String> {
    let own = own.towards(origin.towards.as_ref());
    stamp::packet(&origin.settings, own.flag("request", request), plain(origin), 0)
}

fn of_source(source: &Source) -> String {
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

/// The rest of the look, each with an & in front.
fn of_look(recipe: &Recipe, moves: &Moves) -> String {
    let mut text = String::new();
    let mut add = |name: &str, value: String| text.push_str(&format!("&{name}={value}"));
    if !matches!(recipe.source, Source::Ws(_)) {
        add("trunc", recipe.truncation.psi.to_string());
    }
    if let Some(cutoff) = recipe.truncation.cutoff {
        add("cutoff", cutoff.to_string());
    }
    if !moves.is_empty() {
        let moves: Vec<String> = moves.iter().map(|(direction, step)| format!("{direction}:{step}")).collect();
        add("moves", moves.join(","));
    }
    if let Some(class) = recipe.class {
        add("class", class.to_string());
    }
    match recipe.noise {
        Noise::Const => {}
        Noise::None => add("noise", "none".into()),
        Noise::Random { seed } => add("noise", format!("random&noise_seed={seed}")),
        Noise::AfterZ { .. } => add("noise", "tf".into()),
    }
    if let Some(Place { translate: [x, y], rotate, zoom }) = recipe.place {
        add("translate", format!("{x},{y}"));
        add("rotate", rotate.to_string());
        add("zoom", zoom.to_string());
    }
    text
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use stylegan_studio::pictures::picture::Format;
    use stylegan_studio::pictures::picture_settings::{self, Kind};

    use super::*;

    fn said(recipe: &Recipe, moves: &Moves, side: u32) -> Settings {
        let facts = Facts {
            origin: Some(Origin { settings: stamp::settings("serve", None, "0".repeat(64)), precision: Some(DType::F16), towards: None }),
            ..Facts::example()
        };
        let packet = picture(&facts, recipe, moves, File { side, format: Format::Jpg, pinned: false }).unwrap();
        let jpeg = picture_settings::embed(b"\xff\xd8\xff\xd9\x00\x00\xff\xd9\x00\x00".to_vec(), &packet);
        Settings::read(&mut Cursor::new(jpeg)).unwrap().1.unwrap()
    }

    #[test]
    fn a_picture_names_the_command_that_draws_it_or_the_request() {
        let truncation = Truncation { psi: 0.7, cutoff: Some(4) };
        let recipe = |source, noise| Recipe { network: 0, source, truncation, shift: None, class: Some(3), noise, place: None };
        let line = |recipe: &Recipe| said(recipe, &[], 128).command_line(Kind::Jpeg);
        assert_eq!(
            line(&recipe(Source::Seed(5), Noise::Random { seed: 9 })),
            "stylegan generate --seeds=5 --trunc=0.7 --trunc-cutoff=4 --class=3 --noise-mode=random --noise-seed=9 --precision=f16 \
             --no-tune --format=jpg --outdir=again"
        );
        let mixed = recipe(Source::Mix { seed: 5, with: 6, layers: vec![1, 2, 9] }, Noise::Random { seed: 0 });
        assert!(line(&mixed).contains("mix --rows=5 --cols=6 --styles=1-2,9 ") && line(&mixed).contains("--noise-seed=4294967295 "));

        let place = Some(Place { translate: [0.25, -1.0], rotate: 30.0, zoom: 1.5 });
        let placed = Recipe { place, ..recipe(Source::Seed(5), Noise::Const) };
        assert!(line(&placed).contains(" --translate=0.25,-1 --rotate=30 --zoom=1.5 "), "{}", line(&placed));
        assert!(said(&placed, &[], 64).request().unwrap().contains("&translate=0.25,-1&rotate=30&zoom=1.5&size=64"));

        let moved = said(&recipe(Source::Seed(5), Noise::None), &[(0, 2.0), (3, -0.25)], 128);
        assert_eq!(moved.command_line(Kind::Jpeg), "stylegan serve --precision=f16");
        assert_eq!(moved.request(), Some("/image?seed=5&trunc=0.7&cutoff=4&moves=0:2,3:-0.25&class=3&noise=none&size=128&format=jpg"));
        let small = said(&mixed, &[], 64);
        assert_eq!(
            small.request(),
            Some("/mix?seed=5&with=6&layers=1,2,9&trunc=0.7&cutoff=4&class=3&noise=random&noise_seed=0&size=64&format=jpg")
        );
        let morph = said(&recipe(Source::Morph { from: 1, to: 2, t: 0.5 }, Noise::Const), &[], 128);
        assert!(morph.request().unwrap().starts_with("/morph?seed=1&to=2&t=0.5&trunc=0.7"));
        let posted = Recipe {
            source: Source::Ws(stylegan_wgpu::latent::Ws::broadcast(&[1.0; 4], 4, 12)),
            truncation: Truncation { psi: 1.0, cutoff: None },
            class: None,
            ..recipe(Source::Seed(0), Noise::Const)
        };
        let posted = said(&posted, &[], 128);
        assert_eq!((posted.request(), posted.values["projected-w"].len()), (Some("/image?&size=128&format=jpg"), 64));
        assert!(picture(&Facts::example(), &mixed, &[], File { side: 128, format: Format::Jpg, pinned: false }).is_none());
    }
}
