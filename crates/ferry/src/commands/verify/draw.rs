//! A sample of many, each as likely as the others, without holding them all.

use rand::{Rng, RngExt};

/// Draws a sample of what is offered one by one (reservoir sampling, algorithm R).
#[derive(Debug)]
pub(super) struct Drawn<T> {
    size: usize,
    offered: usize,
    sample: Vec<T>,
}

impl<T> Drawn<T> {
    pub(super) fn of_at_most(size: usize) -> Self {
        Self {
            size,
            offered: 0,
            sample: Vec::new(),
        }
    }

    pub(super) fn offer(&mut self, one: T, rng: &mut impl Rng) {
        self.offered += 1;
        if self.sample.len() < self.size {
            self.sample.push(one);
        } else if let Some(place) = self.sample.get_mut(rng.random_range(0..self.offered)) {
            *place = one;
        }
    }

    pub(super) fn into_sample(self) -> Vec<T> {
        self.sample
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;

    fn sample(size: usize, of: usize, seed: u64) -> Vec<usize> {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut drawn = Drawn::of_at_most(size);
        (0..of).for_each(|one| drawn.offer(one, &mut rng));
        drawn.into_sample()
    }

    #[test]
    fn fewer_than_the_sample_are_all_drawn() {
        assert_eq!(sample(5, 3, 1), [0, 1, 2]);
        assert_eq!(sample(0, 3, 1), [0; 0]);
    }

    #[test]
    fn the_last_is_drawn_as_often_as_the_first() {
        let mut times = [0_u32; 20];
        for seed in 0..4_000 {
            for one in sample(5, 20, seed) {
                times[one] += 1;
            }
        }
        // 1000 each is expected; the standard deviation is 27.
        assert!(times.iter().all(|t| (850..1150).contains(t)), "{times:?}");
    }
}
