//! Shares: what there are few of (connections, films that are being drawn) is given out with a bound for each client.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

/// The address that a request came from, as the connection tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Client(pub(crate) IpAddr);

/// How many may be taken.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Most {
    /// In all.
    pub(crate) all: usize,
    /// By one client.
    pub(crate) each: usize,
}

/// What was taken, by client.
pub(crate) struct Shares {
    most: Most,
    taken: Mutex<HashMap<Client, usize>>,
}

impl Shares {
    pub(crate) fn new(most: Most) -> Arc<Shares> {
        Arc::new(Shares { most, taken: Mutex::default() })
    }

    /// One more for a client; None when it, or all together, have as many as they may.
    pub(crate) fn take(self: &Arc<Shares>, client: Client) -> Option<Share> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if taken.values().sum::<usize>() >= self.most.all || taken.get(&client).is_some_and(|&count| count >= self.most.each) {
            return None;
        }
        *taken.entry(client).or_default() += 1;
        Some(Share { shares: self.clone(), client })
    }
}

/// Something that counts as taken until this is dropped.
pub(crate) struct Share {
    shares: Arc<Shares>,
    client: Client,
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut taken = self.shares.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = taken.get_mut(&self.client) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.client);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_has_more_than_a_share() {
        let shares = Shares::new(Most { all: 3, each: 2 });
        let [a, b, c] = ["10.0.0.1", "10.0.0.2", "10.0.0.3"].map(|address| Client(address.parse().unwrap()));
        let first = shares.take(a).unwrap();
        let _second = shares.take(a).unwrap();
        assert!(shares.take(a).is_none(), "its share");
        let _third = shares.take(b).unwrap();
        assert!(shares.take(c).is_none(), "all there are");
        drop(first);
        assert!(shares.take(c).is_some() && shares.taken.lock().unwrap().len() == 2);
    }
}
