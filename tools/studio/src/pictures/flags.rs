//! Numbers as flags of the command have them: what pictures and manifests say can be typed again.

/// A number as it was typed: the nearest f64 of an f32 has more digits.
pub fn as_typed(value: f32) -> f64 {
    value.to_string().parse().unwrap_or(f64::from(value))
}

/// Seeds as `--seeds` takes them, runs as ranges.
pub fn ranges(seeds: &[u32]) -> String {
    let run = |run: &[u32]| match run {
        [first, .., last] => format!("{first}-{last}"),
        [only] => only.to_string(),
        [] => String::new(),
    };
    seeds.chunk_by(|a, b| a.checked_add(1) == Some(*b)).map(run).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_can_be_typed_again() {
        assert_eq!(ranges(&[7, 8, 9, 3, 4294967294, 4294967295]), "7-9,3,4294967294-4294967295");
        assert_eq!(as_typed(0.7).to_string(), "0.7");
    }
}
