//! Randomness that repeats: every draw is a hash of a seed, of what is drawn, and of a number.

/// A uniform draw for `what`, the `number`-th of its kind.
pub(crate) fn draw(seed: u64, what: u64, number: u64) -> u64 {
    mix(mix(seed ^ what.wrapping_mul(0x9E37_79B9_7F4A_7C15)).wrapping_add(mix(number)))
}

/// Whether a thing that happens with this share (0 to 1) happens for this draw.
pub(crate) fn happens(share: f64, drawn: u64) -> bool {
    share > 0.0 && f64::from(upper_half(drawn)) < share * 4_294_967_296.0
}

/// A number below `limit`, taken from a draw.
pub(crate) fn below(limit: u64, drawn: u64) -> u64 {
    let product = u128::from(drawn) * u128::from(limit);
    u64::try_from(product >> 64).expect("the upper half of a product of two u64 is a u64")
}

/// The finaliser of `SplitMix64`: each bit of the result depends on each bit of `x`.
pub(crate) fn mix(x: u64) -> u64 {
    let x = x.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 31)
}

fn upper_half(drawn: u64) -> u32 {
    (drawn >> 32) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_kept_within_a_percent() {
        let hits = (0..100_000)
            .filter(|number| happens(0.2, draw(7, 1, *number)))
            .count();
        assert!((19_000..21_000).contains(&hits), "{hits}");
    }

    #[test]
    fn nothing_happens_at_share_zero_and_always_at_share_one() {
        assert!((0..1000).all(|number| !happens(0.0, draw(7, 1, number))));
        assert!((0..1000).all(|number| happens(1.0, draw(7, 1, number))));
    }

    #[test]
    fn a_number_below_a_limit_is_below_it() {
        assert!((0..1000).all(|number| below(10, draw(7, 1, number)) < 10));
    }
}
