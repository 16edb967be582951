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

/// Greedy by size (Pisarchyk and Lee 2020, arXiv 2001.03288, section 4.2): the largest tensors choose first, so a slot never
/// grows. Two tensors share a slot only when one's last reader runs before the other's writer; a pass that reads one and
/// writes the other keeps them apart, since a buffer cannot be read and written by one pass.
pub fn assign(lifetimes: &[Lifetime]) -> Slots {
    let mut order: Vec<usize> = (0..lifetimes.len()).collect();
    order.sort_by_key(|&i| (std::cmp::Reverse(lifetimes[i].bytes), lifetimes[i].first));
    let mut slots = Slots { slot_of: vec![usize::MAX; lifetimes.len()], bytes: Vec::new() };
    let mut tenants: Vec<Vec<usize>> = Vec::new();
    for i in order {
        let apart = |j: &usize| lifetimes[*j].last < lifetimes[i].first || lifetimes[i].last < lifetimes[*j].first;
        let slot = tenants.iter().position(|tenants| tenants.iter().all(apart)).unwrap_or_else(|| {
            tenants.push(Vec::new());
            slots.bytes.push(lifetimes[i].bytes);
            tenants.len() - 1
        });
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
}
