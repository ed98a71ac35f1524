//! Arithmetic of figures.

use std::time::Duration;

/// So many in each second.
pub(crate) fn per_second(count: u64, duration: Duration) -> f64 {
    float(count) / duration.as_secs_f64().max(f64::MIN_POSITIVE)
}

/// Microseconds for each of so many.
pub(crate) fn micros_each(duration: Duration, count: u64) -> f64 {
    duration.as_secs_f64() * 1e6 / float(count.max(1))
}

/// So many for each of so many.
pub(crate) fn each(count: u64, of: u64) -> f64 {
    float(count) / float(of.max(1))
}

/// MiB of KiB.
pub(crate) fn mib(kib: u64) -> f64 {
    float(kib) / 1024.0
}

/// The middle one, or the mean of the two in the middle; 0 of none.
pub(crate) fn median(figures: impl IntoIterator<Item = f64>) -> f64 {
    let mut figures: Vec<f64> = figures.into_iter().collect();
    figures.sort_by(f64::total_cmp);
    let half = figures.len() / 2;
    match figures.len() {
        0 => 0.0,
        length if length % 2 == 0 => f64::midpoint(figures[half - 1], figures[half]),
        _ => figures[half],
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "no count here comes near 2^53, below which each has its float"
)]
pub(crate) fn float(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_far_off_does_not_move_the_median() {
        assert!((median([3.0, 900.0, 2.0]) - 3.0).abs() < f64::EPSILON);
        assert!((median([1.0, 2.0]) - 1.5).abs() < f64::EPSILON);
    }
}
