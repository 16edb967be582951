//! Liveness to slots: which tensors may share a buffer. A pure function, tested without a GPU.

/// When a tensor is needed, and how much room it takes.
#[derive(Clone, Copy, Debug)]
pub struct Lifetime {
    /// The pass that writes it.
    pub first: usize,
    /// The last pass that reads it.
    pub last: usize,
    /// Its size.
    pub bytes: usize,
}

/// The slot of each tensor, and the size of each slot.
#[derive(Clone, Debug, Default)]
pub struct Slots {
    /// For every tensor, in the order given.
    pub slot_of: Vec<usize>,
    /// For every slot.
    pub bytes: Vec<usize>,
}

/// Two tensors share a slot only when one's last reader runs before the other's writer; a pass that reads one and writes the
/// other keeps them apart, since a buffer cannot be read and written by one pass. The smaller of two greedy answers: by size
/// (Pisarchyk and Lee 2020, arXiv 2001.03288, section 4.2), which suits skips, and by time, which suits a chain of layers that
/// grow (config F at 1024: 281 MiB instead of 327 in f32).
pub fn assign(lifetimes: &[Lifetime]) -> Slots {
    let mut by_size: Vec<usize> = (0..lifetimes.len()).collect();
    by_size.sort_by_key(|&i| (std::cmp::Reverse(lifetimes[i].bytes), lifetimes[i].first));
    let mut by_time: Vec<usize> = (0..lifetimes.len()).collect();
    by_time.sort_by_key(|&i| lifetimes[i].first);
    let answers = [place(lifetimes, &by_size), place(lifetimes, &by_time)];
    answers.into_iter().min_by_key(|slots| slots.bytes.iter().sum::<usize>()).unwrap_or_default()
}

/// Gives each tensor in turn the free slot that wastes least: the smallest that holds it, else the one that grows least, else
/// (when none is free) a new one.
fn place(lifetimes: &[Lifetime], order: &[usize]) -> Slots {
    let mut slots = Slots { slot_of: vec![usize::MAX; lifetimes.len()], bytes: Vec::new() };
    let mut tenants: Vec<Vec<usize>> = Vec::new();
    for &i in order {
        let wanted = lifetimes[i];
        let apart = |j: &usize| lifetimes[*j].last < wanted.first || wanted.last < lifetimes[*j].first;
        let free = (0..tenants.len()).filter(|&slot| tenants[slot].iter().all(apart));
        let cost = |&slot: &usize| (wanted.bytes.saturating_sub(slots.bytes[slot]), slots.bytes[slot]);
        let slot = free.min_by_key(cost).unwrap_or_else(|| {
            tenants.push(Vec::new());
            slots.bytes.push(0);
            tenants.len() - 1
        });
        slots.bytes[slot] = slots.bytes[slot].max(wanted.bytes);
        tenants[slot].push(i);
        slots.slot_of[i] = slot;
    }
    slots
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_living_tensors_share_a_slot() {
        let mut state = 7u32;
        let mut random = move |bound: usize| {
            state = state.wrapping_mul(1664525).wrapping_add(1013904223);
            (state >> 8) as usize % bound
        };
        for _ in 0..200 {
            let lifetimes: Vec<Lifetime> =
                (0..30).map(|first| Lifetime { first, last: first + random(6), bytes: 1 + random(100) }).collect();
            let slots = assign(&lifetimes);
            for (i, a) in lifetimes.iter().enumerate() {
                assert!(slots.bytes[slots.slot_of[i]] >= a.bytes);
                for (j, b) in lifetimes.iter().enumerate().skip(i + 1) {
                    let overlap = a.first <= b.last && b.first <= a.last;
                    assert!(!overlap || slots.slot_of[i] != slots.slot_of[j], "{a:?} and {b:?} share slot {}", slots.slot_of[i]);
                }
            }
        }
    }

    #[test]
    fn a_chain_needs_two_slots() {
        let chain: Vec<Lifetime> = (0..10).map(|first| Lifetime { first, last: first + 1, bytes: 64 }).collect();
        assert_eq!(assign(&chain).bytes, [64, 64]);
    }

    #[test]
    fn a_growing_chain_needs_the_two_largest() {
        let chain: Vec<Lifetime> = (0..10).map(|first| Lifetime { first, last: first + 1, bytes: 1 << (first / 3) }).collect();
        assert_eq!(assign(&chain).bytes.iter().sum::<usize>(), 8 + 4);
    }
}
