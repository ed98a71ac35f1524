//! What this process counts of itself.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use ferry_core::breaker::BreakerState;
use prometheus::{
    Encoder, Gauge, GaugeVec, Histogram, HistogramVec, IntCounter, IntCounterVec, Registry,
    TextEncoder,
};
use strum::VariantArray;

use crate::catalog::instance as catalog;
use crate::label::{AttemptEnd, CallEnd, ClaimEnd, Connection, PermitLimit};

/// The metrics of this process.
#[derive(Debug)]
pub struct Instance {
    registry: Registry,
    attempts: IntCounterVec,
    claims: IntCounterVec,
    calls: HistogramVec,
    permit_wait: HistogramVec,
    record_batch: Histogram,
    record_seconds: Histogram,
    fed: Mutex<Fed>,
}

/// What other crates count by themselves, as it stands; read when somebody scrapes.
#[derive(Debug, Clone, Copy, Default)]
pub struct Counts {
    /// Calls under way,
    pub in_flight: usize,
    /// of at most so many.
    pub concurrency: usize,
    /// Results that came too late.
    pub leases_lost: u64,
    /// Sessions that the sweeper revoked.
    pub revoked: u64,
    /// Looks of the sweeper that failed.
    pub sweep_failures: u64,
    /// `None`: this process has no breaker.
    pub breaker: Option<BreakerState>,
    /// Messages handed to the queue,
    pub published: u64,
    /// taken over by it,
    pub confirmed: u64,
    /// given back,
    pub returned: u64,
    /// and refused for the moment.
    pub refused: u64,
    /// Messages that came,
    pub delivered: u64,
    /// were acknowledged,
    pub acknowledged: u64,
    /// and could not be used.
    pub poison: u64,
    /// Dead letters that were not mirrored.
    pub mirror_missed: u64,
    /// Connections of the publisher that were built anew.
    pub publisher_rebuilt: u64,
    /// Subscriptions that were built anew.
    pub consumer_rebuilt: u64,
    /// Whether the broker blocks this process.
    pub is_blocked: bool,
}

/// The metrics that [`Counts`] feed.
#[derive(Debug)]
struct Fed {
    in_flight: Gauge,
    concurrency: Gauge,
    breaker: GaugeVec,
    blocked: Gauge,
    leases_lost: IntCounter,
    revoked: IntCounter,
    sweep_failures: IntCounter,
    published: IntCounter,
    confirmed: IntCounter,
    returned: IntCounter,
    refused: IntCounter,
    delivered: IntCounter,
    acknowledged: IntCounter,
    poison: IntCounter,
    mirror_missed: IntCounter,
    reconnects: IntCounterVec,
}

const BREAKER_STATES: [BreakerState; 3] = [
    BreakerState::Closed,
    BreakerState::Open,
    BreakerState::HalfOpen,
];

impl Instance {
    /// All at 0. `version` is the release's.
    pub fn new(version: &str) -> Self {
        let registry = Registry::new();
        let build = catalog::BUILD.gauges(&registry);
        build.with_label_values(&[version]).set(1.0);
        let attempts = catalog::ATTEMPTS.counters(&registry);
        for end in AttemptEnd::all() {
            attempts.with_label_values(&end.labels());
        }
        let claims = catalog::CLAIMS.counters(&registry);
        for result in ClaimEnd::VARIANTS {
            claims.with_label_values(&[<&str>::from(result)]);
        }
        let calls = catalog::CALLS.histograms(&registry);
        for outcome in CallEnd::VARIANTS {
            calls.with_label_values(&[<&str>::from(outcome)]);
        }
        let permit_wait = catalog::PERMIT_WAIT.histograms(&registry);
        for limit in PermitLimit::VARIANTS {
            permit_wait.with_label_values(&[<&str>::from(limit)]);
        }
        Self {
            attempts,
            claims,
            calls,
            permit_wait,
            record_batch: catalog::RECORD_BATCH.histogram(&registry),
            record_seconds: catalog::RECORD_SECONDS.histogram(&registry),
            fed: Mutex::new(Fed::new(&registry)),
            registry,
        }
    }

    /// Counts a recorded attempt.
    pub fn attempt(&self, end: AttemptEnd) {
        self.attempts.with_label_values(&end.labels()).inc();
    }

    /// Counts claims that were answered alike.
    pub fn claimed(&self, result: ClaimEnd, sessions: u64) {
        let claims = self.claims.with_label_values(&[<&str>::from(result)]);
        claims.inc_by(sessions);
    }

    /// Counts a call.
    pub fn call(&self, outcome: CallEnd, took: Duration) {
        let calls = self.calls.with_label_values(&[<&str>::from(outcome)]);
        calls.observe(took.as_secs_f64());
    }

    /// Counts a batch of deliveries that waited so long for permits.
    pub fn permit(&self, limit: PermitLimit, waited: Duration) {
        let waits = self.permit_wait.with_label_values(&[<&str>::from(limit)]);
        waits.observe(waited.as_secs_f64());
    }

    /// Counts a commit of results.
    pub fn recorded(&self, results: usize, took: Duration) {
        self.record_batch.observe(float(results));
        self.record_seconds.observe(took.as_secs_f64());
    }

    /// All metrics of this process, with these counts, in Prometheus' text format.
    pub fn text(&self, counts: &Counts) -> String {
        // Kept until the end: of two who scrape at once, each gets what belongs together.
        let fed = self.fed.lock().unwrap_or_else(PoisonError::into_inner);
        fed.feed(counts);
        encoded(&self.registry)
    }
}

impl Fed {
    fn new(registry: &Registry) -> Self {
        let reconnects = catalog::RECONNECTS.counters(registry);
        for connection in Connection::VARIANTS {
            reconnects.with_label_values(&[<&str>::from(connection)]);
        }
        let breaker = catalog::BREAKER.gauges(registry);
        for state in BREAKER_STATES {
            breaker.with_label_values(&[<&str>::from(state)]);
        }
        Self {
            in_flight: catalog::IN_FLIGHT.gauge(registry),
            concurrency: catalog::CONCURRENCY.gauge(registry),
            breaker,
            blocked: catalog::BLOCKED.gauge(registry),
            leases_lost: catalog::LEASES_LOST.counter(registry),
            revoked: catalog::REVOKED.counter(registry),
            sweep_failures: catalog::SWEEP_FAILURES.counter(registry),
            published: catalog::PUBLISHED.counter(registry),
            confirmed: catalog::CONFIRMED.counter(registry),
            returned: catalog::RETURNED.counter(registry),
            refused: catalog::REFUSED.counter(registry),
            delivered: catalog::DELIVERED.counter(registry),
            acknowledged: catalog::ACKNOWLEDGED.counter(registry),
            poison: catalog::POISON.counter(registry),
            mirror_missed: catalog::MIRROR_MISSED.counter(registry),
            reconnects,
        }
    }

    fn feed(&self, counts: &Counts) {
        self.in_flight.set(float(counts.in_flight));
        self.concurrency.set(float(counts.concurrency));
        self.blocked.set(f64::from(u8::from(counts.is_blocked)));
        for state in BREAKER_STATES {
            let is_it = counts.breaker == Some(state);
            let gauge = self.breaker.with_label_values(&[<&str>::from(state)]);
            gauge.set(f64::from(u8::from(is_it)));
        }
        let rebuilt = |connection: Connection| {
            self.reconnects
                .with_label_values(&[<&str>::from(connection)])
        };
        for (counter, count) in [
            (&self.leases_lost, counts.leases_lost),
            (&self.revoked, counts.revoked),
            (&self.sweep_failures, counts.sweep_failures),
            (&self.published, counts.published),
            (&self.confirmed, counts.confirmed),
            (&self.returned, counts.returned),
            (&self.refused, counts.refused),
            (&self.delivered, counts.delivered),
            (&self.acknowledged, counts.acknowledged),
            (&self.poison, counts.poison),
            (&self.mirror_missed, counts.mirror_missed),
            (&rebuilt(Connection::Publisher), counts.publisher_rebuilt),
            (&rebuilt(Connection::Consumer), counts.consumer_rebuilt),
        ] {
            counter.inc_by(count.saturating_sub(counter.get()));
        }
    }
}

/// What is registered, in Prometheus' text format.
pub(crate) fn encoded(registry: &Registry) -> String {
    let mut text = Vec::new();
    TextEncoder::new()
        .encode(&registry.gather(), &mut text)
        .expect("metrics of our own, into memory");
    String::from_utf8(text).expect("the format is text")
}

fn float(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use ferry_core::reason::DeadReason;

    use super::*;

    #[test]
    fn every_series_is_there_from_the_start_at_zero() {
        let text = Instance::new("1.2.3").text(&Counts::default());
        for metric in catalog::ALL {
            assert!(
                text.contains(&format!("# TYPE {} ", metric.name)),
                "{}",
                metric.name
            );
        }
        assert!(
            text.contains("ferry_build_info{version=\"1.2.3\"} 1\n"),
            "{text}"
        );
        let samples = text.lines().filter(|line| !line.starts_with('#'));
        for sample in samples.filter(|sample| !sample.starts_with("ferry_build_info")) {
            assert!(sample.ends_with(" 0"), "{sample}");
        }
        for wanted in [
            r#"ferry_attempts_total{disposition="dead",reason="identity_mismatch"} 0"#,
            r#"ferry_attempts_total{disposition="migrated",reason="none"} 0"#,
            r#"ferry_call_duration_seconds_count{outcome="minted"} 0"#,
            r#"ferry_breaker_state{state="half_open"} 0"#,
        ] {
            assert!(text.contains(wanted), "{wanted}");
        }
    }

    #[test]
    fn what_is_fed_twice_counts_once() {
        let instance = Instance::new("1");
        let counts = Counts {
            published: 7,
            breaker: Some(BreakerState::Open),
            ..Counts::default()
        };
        instance.text(&counts);
        let text = instance.text(&Counts {
            published: 9,
            ..counts
        });
        assert!(text.contains("ferry_queue_published_total 9\n"), "{text}");
        assert!(
            text.contains("ferry_breaker_state{state=\"open\"} 1\n"),
            "{text}"
        );
    }

    #[test]
    fn what_is_observed_is_counted_under_its_labels() {
        let instance = Instance::new("1");
        instance.attempt(AttemptEnd::Dead(DeadReason::MemberMissing));
        instance.call(CallEnd::Minted, Duration::from_millis(80));
        instance.permit(PermitLimit::Stytch, Duration::ZERO);
        instance.claimed(ClaimEnd::Granted, 3);
        instance.recorded(32, Duration::from_millis(4));
        let text = instance.text(&Counts::default());
        for wanted in [
            r#"ferry_attempts_total{disposition="dead",reason="member_missing"} 1"#,
            r#"ferry_call_duration_seconds_bucket{outcome="minted",le="0.1"} 1"#,
            r#"ferry_call_duration_seconds_bucket{outcome="minted",le="0.05"} 0"#,
            r#"ferry_permit_wait_seconds_count{limit="stytch"} 1"#,
            r#"ferry_claims_total{result="granted"} 3"#,
            r"ferry_record_batch_results_sum 32",
            r#"ferry_record_duration_seconds_bucket{le="0.005"} 1"#,
        ] {
            assert!(text.contains(wanted), "{wanted} in {text}");
        }
    }
}
