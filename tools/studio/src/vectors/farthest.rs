//! Points that are as far from each other as can be (Gonzalez 1985): each next one is the farthest from all chosen before.

use super::kmeans::distance;

/// The places of `n` of the rows of `dim` values, in the order they are chosen: the first row, then always the one whose nearest chosen
/// row is farthest; of several, the first. `Err` has how many distinct rows there are when those are fewer.
pub fn farthest(rows: &[f32], dim: usize, n: usize) -> Result<Vec<usize>, usize> {
    let row = |place: usize| &rows[place * dim..][..dim];
    let mut left = vec![f64::INFINITY; rows.len() / dim];
    let mut chosen = Vec::with_capacity(n);
    while chosen.len() < n {
        let next = (0..left.len()).reduce(|best, place| if left[place] > left[best] { place } else { best });
        let next = next.filter(|&place| left[place] > 0.0).ok_or(chosen.len())?;
        chosen.push(next);
        for (left, other) in left.iter_mut().zip(rows.chunks_exact(dim)) {
            *left = left.min(distance(row(next), other));
        }
    }
    Ok(chosen)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_next_one_is_the_farthest() {
        let line = [0.0, 1.0, 10.0, 5.2, 5.0, 9.0, 0.0];
        assert_eq!(farthest(&line, 1, 4), Ok(vec![0, 2, 4, 1]));
        assert_eq!(farthest(&line, 1, 6).unwrap().len(), 6);
        assert_eq!(farthest(&line, 1, 7), Err(6), "two are the same");
        assert_eq!(farthest(&[], 3, 1), Err(0));
        assert_eq!(farthest(&line, 1, 0), Ok(vec![]));
    }

    /// Where both sides are as far, the first counts: the choice is the same every time.
    #[test]
    fn the_first_of_equals_is_taken() {
        assert_eq!(farthest(&[0.0, 0.0, 3.0, 0.0, -3.0, 0.0, 0.0, 3.0], 2, 3), Ok(vec![0, 1, 2]));
    }
}
