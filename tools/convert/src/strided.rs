//! Arrays whose elements lie in memory in another order than row-major: column-major and transposed ones, views.

/// Where the elements of an array lie, from its first one on, in row-major order. The product of `shape` must fit in usize.
pub(crate) fn indices<'a>(shape: &'a [usize], strides: &'a [usize]) -> impl Iterator<Item = usize> + 'a {
    let mut position = vec![0; shape.len()];
    let mut index = 0;
    (0..shape.iter().product()).map(move |_| {
        let here = index;
        for axis in (0..shape.len()).rev() {
            position[axis] += 1;
            index += strides[axis];
            if position[axis] < shape[axis] {
                break;
            }
            index -= strides[axis] * shape[axis];
            position[axis] = 0;
        }
        here
    })
}

#[cfg(test)]
mod tests {
    use super::indices;

    #[test]
    fn indices_are_row_major() {
        let of = |shape: &[usize], strides: &[usize]| indices(shape, strides).collect::<Vec<_>>();
        assert_eq!(of(&[2, 3], &[3, 1]), [0, 1, 2, 3, 4, 5]);
        assert_eq!(of(&[2, 3], &[1, 2]), [0, 2, 4, 1, 3, 5]);
        assert_eq!(of(&[2, 2, 2], &[1, 0, 4]), [0, 4, 0, 4, 1, 5, 1, 5]);
        assert_eq!(of(&[], &[]), [0]);
        assert!(of(&[2, 0], &[1, 1]).is_empty());
    }
}
