//! What a picture is made from: seeds and what is done with their rows of w, before any device is asked.

use stylegan_studio::drawing::place::Place;
use stylegan_wgpu::latent::{self, Truncation, Ws};
use stylegan_wgpu::{Error, Noise, Result};

use crate::drawing::centers::Anchor;

/// All that decides a picture of a network.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Recipe {
    /// The number of the network.
    pub(crate) network: usize,
    pub(crate) source: Source,
    /// Not applied to rows of w that the request brought along.
    pub(crate) truncation: Truncation,
    /// Added to every row, after the truncation: a walk along directions.
    pub(crate) shift: Option<Vec<f32>>,
    pub(crate) class: Option<usize>,
    pub(crate) noise: Noise,
    /// Where in its plane a StyleGAN3 draws; None is where the network says.
    pub(crate) place: Option<Place>,
}

/// Where the rows of w come from.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Source {
    /// A face.
    Seed(u32),
    /// A face with some layers of another.
    Mix { seed: u32, with: u32, layers: Vec<usize> },
    /// A point on the straight line in w from one face (t = 0) to another (t = 1).
    Morph { from: u32, to: u32, t: f32 },
    /// Rows of w as they are, of one picture.
    Ws(Ws),
}

impl Recipe {
    /// The seeds whose rows of w it needs.
    pub(crate) fn seeds(&self) -> impl Iterator<Item = u32> {
        let (first, second) = match self.source {
            Source::Seed(seed) => (Some(seed), None),
            Source::Mix { seed, with, .. } => (Some(seed), Some(with)),
            Source::Morph { from, to, .. } => (Some(from), Some(to)),
            Source::Ws(_) => (None, None),
        };
        first.into_iter().chain(second)
    }

    /// Its rows of w. `mapped` has those of its seeds in the order of [`Recipe::seeds`], not truncated.
    pub(crate) fn ws(&self, mapped: &[Ws], anchor: &Anchor) -> Result<Ws> {
        let truncated = |i: usize| {
            let mut ws = mapped.get(i).cloned().ok_or_else(|| Error::Argument("a seed was not mapped".into()))?;
            anchor.truncate(&self.truncation, &mut ws)?;
            Ok::<Ws, Error>(ws)
        };
        let mut ws = match &self.source {
            Source::Seed(_) => truncated(0)?,
            Source::Mix { layers, .. } => {
                let mut ws = truncated(0)?;
                ws.mix(0, layers, &truncated(1)?, 0)?;
                ws
            }
            // a + (b - a) is not b to the last bit.
            Source::Morph { t, .. } if *t == 1.0 => truncated(1)?,
            Source::Morph { t, .. } => {
                let (from, to) = (truncated(0)?, truncated(1)?);
                Ws { values: latent::lerp(&from.values, &to.values, *t), ..from }
            }
            Source::Ws(ws) => ws.clone(),
        };
        if let Some(shift) = &self.shift {
            for row in ws.values.chunks_exact_mut(ws.w_dim) {
                row.iter_mut().zip(shift).for_each(|(value, shift)| *value += shift);
            }
        }
        Ok(ws)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recipe(source: Source) -> Recipe {
        Recipe {
            network: 0,
            source,
            truncation: Truncation { psi: 0.5, cutoff: None },
            shift: None,
            class: None,
            noise: Noise::Const,
            place: None,
        }
    }

    #[test]
    fn seeds_are_truncated_mixed_and_morphed_and_rows_of_the_request_are_left_alone() {
        let ws = |value: f32| Ws::new(1, 2, 2, vec![value; 4]).unwrap();
        let (mapped, average) = ([ws(1.0), ws(3.0)], Anchor::Average(vec![0.0, 2.0]));
        let values = |source| recipe(source).ws(&mapped, &average).unwrap().values;
        assert_eq!(values(Source::Seed(1)), [0.5, 1.5, 0.5, 1.5]);
        assert_eq!(values(Source::Mix { seed: 1, with: 2, layers: vec![1] }), [0.5, 1.5, 1.5, 2.5]);
        assert_eq!(values(Source::Morph { from: 1, to: 2, t: 0.25 }), [0.75, 1.75, 0.75, 1.75]);
        assert_eq!(values(Source::Ws(ws(7.0))), [7.0; 4]);
        let moved = Recipe { shift: Some(vec![0.0, -1.0]), ..recipe(Source::Seed(1)) };
        assert_eq!(moved.ws(&mapped, &average).unwrap().values, [0.5, 0.5, 0.5, 0.5]);
        assert!(recipe(Source::Mix { seed: 1, with: 2, layers: vec![2] }).ws(&mapped, &average).is_err());
        assert!(recipe(Source::Seed(1)).ws(&[], &average).is_err());
        assert_eq!(recipe(Source::Mix { seed: 1, with: 2, layers: vec![] }).seeds().collect::<Vec<_>>(), [1, 2]);
    }
}
