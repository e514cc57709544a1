//! Percentiles that add up: a logarithmic histogram whose buckets are plain counts.
//!
//! A value falls in the bucket of its logarithm, so a percentile read back is within 5 % of the
//! true one (Masson, Rim, Lee: DDSketch, VLDB 2019), and histograms of any number of nodes and
//! days are merged by adding.

/// A bucket's upper bound over its lower one.
const GAMMA: f64 = 1.1;

/// The smallest value told apart; what is below counts as it.
const LEAST: f64 = 0.001;

/// The last bucket: times of more than 5.6 hours.
const LAST: u32 = 250;

/// The bucket of a value (a time in milliseconds, a layout shift's score).
pub fn bucket(value: f64) -> u32 {
    if value <= LEAST || value.is_nan() {
        return 0;
    }
    ((value / LEAST).ln() / GAMMA.ln()).ceil().min(f64::from(LAST)) as u32
}

/// The bucket of a time that the server took. Below a millisecond nobody asks how much, and every
/// bucket of every page is a row.
pub fn bucket_of_micros(micros: u32) -> u32 {
    bucket((f64::from(micros) / 1_000.0).max(1.0))
}

/// The value that stands for a bucket: within 5 % of all that fall in it.
pub fn value(bucket: u32) -> f64 {
    LEAST * GAMMA.powi(bucket as i32) * 2.0 / (1.0 + GAMMA)
}

/// The `q`th quantile (0 to 1) of counts by bucket; `None` where nothing was counted.
pub fn quantile(counts: impl IntoIterator<Item = (u32, i64)>, q: f64) -> Option<f64> {
    let mut counts: Vec<(u32, i64)> = counts.into_iter().filter(|(_, n)| *n > 0).collect();
    counts.sort_unstable();
    let total: i64 = counts.iter().map(|(_, n)| n).sum();
    let rank = ((total - 1) as f64 * q).round() as i64;
    let mut below = 0;
    counts.into_iter().find_map(|(bucket, n)| {
        below += n;
        (below > rank).then(|| value(bucket))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashMap;

    proptest! {
        #[test]
        fn quantiles_are_within_five_percent(
            mut values in prop::collection::vec(0.01..1_000_000.0_f64, 1..300),
            q in 0.0..=1.0_f64,
        ) {
            let mut counts = HashMap::new();
            for value in &values {
                *counts.entry(bucket(*value)).or_insert(0) += 1;
            }
            values.sort_by(f64::total_cmp);
            let exact = values[((values.len() - 1) as f64 * q).round() as usize];
            let got = quantile(counts, q).unwrap();
            prop_assert!((got / exact - 1.0).abs() < 0.05, "{got} for {exact}");
        }
    }

    #[test]
    fn what_is_quicker_than_a_millisecond_is_one() {
        assert_eq!([0, 1, 999, 1_000].map(bucket_of_micros), [bucket(1.0); 4]);
        assert_eq!([1_200, 90_000].map(bucket_of_micros), [1.2, 90.0].map(bucket));
        assert_eq!(value(bucket(1.0)).round(), 1.0);
    }

    #[test]
    fn nothing_and_extremes() {
        assert_eq!(quantile([], 0.5), None);
        assert_eq!(quantile([(3, 0)], 0.5), None);
        assert_eq!(bucket(0.0), 0);
        assert_eq!(bucket(-1.0), 0);
        assert_eq!(bucket(f64::NAN), 0);
        assert_eq!(bucket(f64::INFINITY), LAST);
    }
}
