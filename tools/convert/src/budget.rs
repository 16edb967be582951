//! One budget for everything that is derived from a file. A file may name the same value any number of times, so what is made of it
//! has no bound in its length: whatever is copied, widened or walked through is spent here first.

use std::cell::Cell;
use std::rc::Rc;

use super::error::{ConvertError, Result};

/// Memory beside the file itself, in lengths of the file: pickles and their f16 values widened take at most two and a half.
const LENGTHS: usize = 3;
/// And this much whatever its length. With the file's own length: four times the file and 64 MiB, of which 16 are for what is too
/// small to be counted.
const FREE_MEMORY: usize = 48 << 20;
/// Bytes and opcodes looked at, in lengths of the file. Genuine ones are read three times at most.
const WORK_LENGTHS: usize = 16;
const FREE_WORK: usize = 64 << 20;

/// What reading one file may still cost; clones spend from the same purse.
#[derive(Clone, Debug)]
pub(crate) struct Budget(Rc<Left>);

#[derive(Debug)]
struct Left {
    memory: Cell<usize>,
    work: Cell<usize>,
    /// Bytes of the largest tensor, which exists twice while it is transposed or becomes an array of the model.
    largest: Cell<usize>,
}

impl Budget {
    /// For a file of so many bytes.
    pub(crate) fn for_file(bytes: usize) -> Budget {
        Budget(Rc::new(Left {
            memory: Cell::new(bytes.saturating_mul(LENGTHS).saturating_add(FREE_MEMORY)),
            work: Cell::new(bytes.saturating_mul(WORK_LENGTHS).saturating_add(FREE_WORK)),
            largest: Cell::new(0),
        }))
    }

    /// So many bytes will be allocated.
    pub(crate) fn memory(&self, bytes: usize) -> Result<()> {
        let left = self.0.memory.get().checked_sub(bytes).filter(|left| *left >= self.0.largest.get());
        self.0.memory.set(left.ok_or_else(|| too_large("memory"))?);
        Ok(())
    }

    /// So many bytes or values will be looked at. Once it is refused, all that follows is.
    pub(crate) fn work(&self, amount: usize) -> Result<()> {
        let left = self.0.work.get().checked_sub(amount);
        self.0.work.set(left.unwrap_or(0));
        left.map(|_| ()).ok_or_else(|| too_large("work"))
    }

    /// The number of elements of `shape`, if there is room for them as f32: strides of zero must not unfold a small tensor into a
    /// large one.
    pub(crate) fn elements(&self, name: &str, shape: &[usize]) -> Result<usize> {
        let count = shape.iter().try_fold(1usize, |count, &side| count.checked_mul(side));
        let spend = |bytes: usize| {
            self.0.largest.set(self.0.largest.get().max(bytes));
            self.memory(bytes).and_then(|()| self.work(bytes)).ok()
        };
        count
            .filter(|count| count.checked_mul(4).and_then(spend).is_some())
            .ok_or_else(|| ConvertError::TooLarge(format!("tensor {name} of shape {shape:?} does not come from this file")))
    }
}

fn too_large(what: &str) -> ConvertError {
    ConvertError::TooLarge(format!("this file would unfold into far more {what} than its own size; no genuine checkpoint does"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clones_share_one_purse() {
        let budget = Budget::for_file(0);
        let other = budget.clone();
        budget.memory(FREE_MEMORY - 8).unwrap();
        other.memory(8).unwrap();
        assert!(budget.memory(1).is_err() && other.memory(1).is_err());
        other.work(FREE_WORK - 1).unwrap();
        assert!(budget.work(2).is_err() && other.work(1).is_err());
    }

    #[test]
    fn the_largest_tensor_exists_twice() {
        let budget = Budget::for_file(0);
        assert!(budget.elements("t", &[FREE_MEMORY / 8 + 1]).is_err(), "there is no room for its copy");
        let budget = Budget::for_file(0);
        assert_eq!(budget.elements("t", &[FREE_MEMORY / 8]).unwrap(), FREE_MEMORY / 8);
        assert!(budget.memory(1).is_err());
        for shape in [&[usize::MAX][..], &[usize::MAX, 2], &[usize::MAX / 4 + 1]] {
            assert!(Budget::for_file(1 << 20).elements("t", shape).is_err(), "{shape:?}");
        }
    }
}
