//! What the pictures of `serve` say about how they were made; see [`stylegan_studio::pictures::request`].

use stylegan_studio::pictures::request::{self, Request};

use super::facts::Facts;
use super::params::File;
use super::recipe::{Recipe, Source};

pub(crate) use stylegan_studio::pictures::request::Origin;

/// Steps along directions, as a request names them.
pub(super) type Moves = [(usize, f32)];

/// The packet of a picture.
pub(super) fn picture(facts: &Facts, recipe: &Recipe, moves: &Moves, file: File) -> Option<String> {
    let whole = file.side as usize == facts.height.max(facts.width);
    facts.origin.as_ref()?.picture(&asked(recipe, moves), request::File { side: file.side, whole, extension: file.format.extension() })
}

/// The packet of a film, of which `query` says what its look does not.
pub(super) fn film(facts: &Facts, look: &Recipe, moves: &Moves, query: &str) -> Option<String> {
    facts.origin.as_ref()?.film(&asked(look, moves), query)
}

fn asked<'a>(recipe: &'a Recipe, moves: &'a Moves) -> Request<'a> {
    let source = match &recipe.source {
        Source::Seed(seed) => request::Source::Seed(*seed),
        Source::Mix { seed, with, layers } => request::Source::Mix { seed: *seed, with: *with, layers },
        Source::Morph { from, to, t } => request::Source::Morph { from: *from, to: *to, t: *t },
        Source::Ws(ws) => request::Source::Ws(&ws.values),
    };
    let Recipe { truncation, class, noise, place, .. } = *recipe;
    Request { source, truncation, moves, class, noise, place }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use stylegan_studio::drawing::place::Place;
    use stylegan_studio::pictures::picture::Format;
    use stylegan_studio::pictures::picture_settings::{self, Kind, Settings};
    use stylegan_studio::pictures::stamp;
    use stylegan_wgpu::Noise;
    use stylegan_wgpu::internals::tensor::DType;
    use stylegan_wgpu::latent::Truncation;

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
