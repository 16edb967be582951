//! `--diverse`: of many seeds, those whose pictures have least in common.

use stylegan_studio::pictures::flags;
use stylegan_studio::vectors::farthest;
use stylegan_wgpu::latent::Truncation;

use crate::drawing::network;
use crate::drawing::studio::{Studio, Subject};
use crate::failure::Failure;

/// Values of w that are compared, 1 GB of them: half a million seeds where w has 512.
const MOST_VALUES: usize = 1 << 28;

/// Refuses what cannot be chosen, before a device is opened. Gives the number.
pub(crate) fn check(n: u32, seeds: usize, subject: &Subject, cutoff: Option<usize>) -> Result<usize, Failure> {
    let n = n as usize;
    if n > seeds {
        return Err(Failure::usage(format!(
            "--diverse {n} chooses from --seeds, and those are {seeds}; name more seeds, as --seeds 0-{}",
            100 * n
        )));
    }
    let config = &subject.model.config;
    let kept = if truncated(cutoff, config.num_ws()).is_some() { 2 } else { 1 };
    let most = MOST_VALUES / (kept * config.w_dim());
    if seeds > most {
        return Err(Failure::usage(format!(
            "--diverse compares all seeds with each other, at most {most} of this network; --seeds names {seeds}"
        )));
    }
    Ok(n)
}

/// The seeds whose rows of w at that truncation are farthest from each other: the first of the list, then always the farthest from
/// all that are chosen.
pub(crate) fn choose(studio: &mut Studio, seeds: &[u32], n: usize, psi: f32) -> Result<Vec<u32>, Failure> {
    const BLOCK: usize = 64;
    let bar = network::bar(seeds.len() as u64, "comparing seeds");
    let mut rows = Vec::new();
    for block in seeds.chunks(BLOCK) {
        let pictures: Vec<(u32, f32)> = block.iter().map(|&seed| (seed, psi)).collect();
        let ws = studio.ws_with_psi(&pictures)?;
        for picture in 0..ws.n {
            rows.extend(distinct(ws.image(picture), ws.w_dim, studio.truncation()));
        }
        bar.inc(block.len() as u64);
    }
    bar.finish_and_clear();
    let too_few = |found: usize| {
        let psi = flags::as_typed(psi);
        Failure::usage(format!("--diverse {n} finds {found} different pictures only among these seeds at --trunc {psi}"))
    };
    let places = farthest(&rows, rows.len() / seeds.len(), n).map_err(too_few)?;
    Ok(places.into_iter().map(|place| seeds[place]).collect())
}

/// How many rows are truncated, where others are not.
fn truncated(cutoff: Option<usize>, num_ws: usize) -> Option<usize> {
    cutoff.filter(|cutoff| (1..num_ws).contains(cutoff))
}

/// What of a picture's rows tells it from others: with a cutoff, a truncated row and one that is not, each as often as it is there. Their
/// distances are those of all rows.
fn distinct(rows: &[f32], w_dim: usize, truncation: Truncation) -> Vec<f32> {
    let num_ws = rows.len() / w_dim;
    let weigh = |row: usize, times: usize| rows[row * w_dim..][..w_dim].iter().map(move |value| value * (times as f32).sqrt());
    match truncated(truncation.cutoff, num_ws) {
        None => weigh(0, num_ws).collect(),
        Some(truncated) => weigh(0, truncated).chain(weigh(num_ws - 1, num_ws - truncated)).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_those_of_all_rows() {
        let picture = |truncated: f32, rest: f32| [[truncated, 1.0], [truncated, 1.0], [truncated, 1.0], [rest, 2.0], [rest, 2.0]].concat();
        let (a, b) = (picture(1.0, 4.0), picture(3.0, 9.0));
        let square = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f32>();
        for cutoff in [Some(3), Some(0), Some(5), Some(9), None] {
            let of = |rows: &[f32]| distinct(rows, 2, Truncation { psi: 0.5, cutoff });
            let whole = match cutoff {
                Some(3) => square(&a, &b),
                // All rows are as the first.
                _ => 5.0 * 4.0,
            };
            assert!((square(&of(&a), &of(&b)) - whole).abs() < 1e-4, "{cutoff:?}");
        }
    }
}
