//! What the legacy provider remembers.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError, RwLock};

use super::ask::Client;
use super::bucket::Buckets;
use crate::clock::Millis;
use crate::options::Refresh;
use crate::population::Population;
use crate::stytch::FixedWindow;

pub(crate) struct Provider {
    pub(super) userinfo_url: String,
    pub(super) client: Client,
    pub(super) buckets: Buckets,
    pub(super) tenant: FixedWindow,
    refresh: Refresh,
    /// Sessions whose tokens are refused, or taken, against the population's draw.
    revoked: RwLock<HashMap<u64, bool>>,
    families: Mutex<HashMap<u64, Family>>,
}

/// The refresh tokens of one session.
#[derive(Debug, Clone, Copy)]
struct Family {
    /// The newest generation.
    generation: u64,
    rotated_at: Millis,
    is_revoked: bool,
}

impl Provider {
    pub(crate) fn new(userinfo_url: String, refresh: Refresh) -> Self {
        Self {
            userinfo_url,
            client: Client::new(),
            buckets: Buckets::default(),
            tenant: FixedWindow::default(),
            refresh,
            revoked: RwLock::default(),
            families: Mutex::default(),
        }
    }

    pub(crate) fn set_revoked(&self, session: u64, revoked: bool) {
        self.revoked
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(session, revoked);
    }

    pub(super) fn is_revoked(&self, population: &Population, session: u64) -> bool {
        let revoked = self.revoked.read().unwrap_or_else(PoisonError::into_inner);
        revoked
            .get(&session)
            .copied()
            .unwrap_or_else(|| population.is_revoked(session))
    }

    /// Uses a refresh token; the generation of the one that follows it, unless it is void.
    ///
    /// Whoever uses a token that was used before revokes the whole family: that is how Auth0 tells
    /// a stolen token.
    pub(super) fn rotate(&self, session: u64, generation: u64, now: Millis) -> Option<u64> {
        let Refresh::Rotating { overlap_seconds } = self.refresh else {
            return Some(generation);
        };
        let mut families = self.families.lock().unwrap_or_else(PoisonError::into_inner);
        let family = families.entry(session).or_insert(Family {
            generation: 0,
            rotated_at: Millis::MIN / 2,
            is_revoked: false,
        });
        let overlaps = generation + 1 == family.generation
            && now - family.rotated_at < i64::from(overlap_seconds) * 1000;
        if family.is_revoked || !(generation == family.generation || overlaps) {
            family.is_revoked = true;
            return None;
        }
        family.generation += 1;
        family.rotated_at = now;
        Some(family.generation)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn provider(overlap_seconds: u32) -> Provider {
        Provider::new(String::new(), Refresh::Rotating { overlap_seconds })
    }

    #[test]
    fn a_reused_refresh_token_revokes_the_family() {
        let provider = provider(0);
        assert_eq!(provider.rotate(1, 0, 0), Some(1));
        assert_eq!(provider.rotate(1, 0, 1_000), None);
        assert_eq!(
            provider.rotate(1, 1, 2_000),
            None,
            "the newest one is void too"
        );
        assert_eq!(
            provider.rotate(2, 0, 2_000),
            Some(1),
            "other families are not"
        );
    }

    #[test]
    fn the_previous_refresh_token_is_taken_within_the_overlap() {
        let provider = provider(10);
        assert_eq!(provider.rotate(1, 0, 0), Some(1));
        assert_eq!(provider.rotate(1, 0, 9_999), Some(2));
        assert_eq!(provider.rotate(1, 0, 10_000), None);
    }

    #[test]
    fn without_rotation_a_refresh_token_stays_usable() {
        let provider = Provider::new(String::new(), Refresh::Reusable);
        assert_eq!(provider.rotate(1, 0, 0), Some(0));
        assert_eq!(provider.rotate(1, 0, 1), Some(0));
    }
}
