//! Marks of the chart's upright axis: round numbers, by the kind of what is counted.

use crate::report::Metric;

/// Round lengths of time, in seconds; beyond them hours.
const SECONDS: [f64; 12] =
    [1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1_200.0, 1_800.0];

/// Round numbers from 0 to the highest value or above it, at most six.
pub(super) fn marks(metric: Metric, highest: f64) -> Vec<f64> {
    let step = steps(metric).find(|step| step * 4.0 >= highest).unwrap_or(highest);
    let count = (highest / step).ceil().max(1.0) as u32;
    (0..=count).map(|n| f64::from(n) * step).collect()
}

fn steps(metric: Metric) -> Box<dyn Iterator<Item = f64>> {
    let from = |least: f64| {
        let tens = std::iter::successors(Some(least), |unit| Some(unit * 10.0)).take(30);
        tens.flat_map(|unit| [1.0, 2.0, 5.0].map(|n| n * unit))
    };
    match metric {
        Metric::VisitDuration | Metric::TimeOnPage => {
            Box::new(SECONDS.into_iter().chain(from(3_600.0)))
        }
        Metric::ViewsPerVisit => Box::new(from(0.1)),
        _ => Box::new(from(1.0)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_end_on_round_numbers_above_the_highest() {
        for (metric, highest, expected) in [
            (Metric::Visitors, 0.0, vec![0.0, 1.0]),
            (Metric::Visitors, 1.0, vec![0.0, 1.0]),
            (Metric::Visitors, 3.0, vec![0.0, 1.0, 2.0, 3.0]),
            (Metric::Visitors, 7.0, vec![0.0, 2.0, 4.0, 6.0, 8.0]),
            (Metric::Visitors, 20.0, vec![0.0, 5.0, 10.0, 15.0, 20.0]),
            (Metric::Visitors, 21.0, vec![0.0, 10.0, 20.0, 30.0]),
            (Metric::Visitors, 1_234.0, vec![0.0, 500.0, 1_000.0, 1_500.0]),
            (Metric::ViewsPerVisit, 1.6, vec![0.0, 0.5, 1.0, 1.5, 2.0]),
            (Metric::VisitDuration, 100.0, vec![0.0, 30.0, 60.0, 90.0, 120.0]),
            (Metric::VisitDuration, 7_200.0, vec![0.0, 1_800.0, 3_600.0, 5_400.0, 7_200.0]),
        ] {
            assert_eq!(marks(metric, highest), expected, "{highest}");
        }
    }
}
