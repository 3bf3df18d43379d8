//! What a single first-come-first-served server makes of given arrivals and service times: Lindley's recursion (1952).
//!
//! Not a simulation of the engine: only the arrivals that were planned and the service times that the server was told to
//! take. It gives the response times of this very run, so that a comparison is not blurred by chance.

/// Response times, in the order of the arrivals. All in nanoseconds; arrivals ascending.
pub(super) fn responses(arrivals: &[f64], services: impl IntoIterator<Item = f64>) -> Vec<f64> {
    let mut free_at = f64::NEG_INFINITY;
    let serve = |(arrival, service): (&f64, f64)| {
        free_at = free_at.max(*arrival) + service;
        free_at - arrival
    };
    arrivals.iter().zip(services).map(serve).collect()
}

/// The p-quantile of a list, by the nearest rank.
pub(super) fn quantile(values: &mut [f64], q: f64) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    let rank = (q * values.len() as f64).ceil().max(1.0) as usize;
    values.get(rank - 1).copied().unwrap_or(f64::NAN)
}

/// The mean of a list.
pub(super) fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_by_hand() {
        let got = responses(&[0.0, 1.0, 10.0], [5.0, 5.0, 1.0]);
        assert_eq!(got, [5.0, 9.0, 1.0]);
        assert_eq!(quantile(&mut [3.0, 1.0, 2.0], 0.5), 2.0);
        assert_eq!(mean(&[1.0, 2.0]), 1.5);
        assert!(quantile(&mut [], 0.5).is_nan());
    }
}
