//! What each process counts of itself.

use super::Kind::{Counter, Gauge, Histogram};
use super::{Label, Metric};

/// From one network round trip on the same continent to well beyond the call's timeout (10 s).
const CALL_SECONDS: &[f64] = &[
    0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.5, 5.0, 10.0, 20.0,
];
/// From "at hand" to the 20 s after which a delivery is let go.
const PERMIT_SECONDS: &[f64] = &[
    0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0,
];
/// From a commit on this machine to a database in distress.
const COMMIT_SECONDS: &[f64] = &[
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];
/// Up to the most results that one commit takes.
const BATCH_RESULTS: &[f64] = &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0];

/// Always 1; the version is its label.
pub const BUILD: Metric = Metric {
    name: "ferry_build_info",
    kind: Gauge,
    labels: &[Label {
        name: "version",
        values: "the release",
    }],
    help: "Which release this process is. Always 1.",
};

/// Recorded attempts.
pub const ATTEMPTS: Metric = Metric {
    name: "ferry_attempts_total",
    kind: Counter,
    labels: &[
        Label {
            name: "disposition",
            values: "`migrated`, `retry`, `defer`, `skip`, `dead`, `halt`",
        },
        Label {
            name: "reason",
            values: "of `retry` the failure class, of `skip` and `dead` the reason, else `none`",
        },
    ],
    help: "Attempts that are recorded in the ledger, by what they led to and why.",
};

/// Calls to Stytch for a session.
pub const CALLS: Metric = Metric {
    name: "ferry_call_duration_seconds",
    kind: Histogram(CALL_SECONDS),
    labels: &[Label {
        name: "outcome",
        values: "`minted`, `refused`, `too_many_requests`, `not_sent`, `unanswered`",
    }],
    help: "How long calls that migrate a session took, by what they came to. Its count is the number of calls.",
};

/// Waits for permits.
pub const PERMIT_WAIT: Metric = Metric {
    name: "ferry_permit_wait_seconds",
    kind: Histogram(PERMIT_SECONDS),
    labels: &[Label {
        name: "limit",
        values: "`none`, `stytch`, `refusals`, `userinfo`, `asked_to_wait`, `ledger`, `breaker`",
    }],
    help: "How long a batch of deliveries waited for permission to call, by what kept it back. While a rate is used to the full, waiting is right.",
};

/// Calls under way.
pub const IN_FLIGHT: Metric = Metric {
    name: "ferry_calls_in_flight",
    kind: Gauge,
    labels: &[],
    help: "Calls that are under way in this process.",
};

/// How many may be under way.
pub const CONCURRENCY: Metric = Metric {
    name: "ferry_calls_in_flight_limit",
    kind: Gauge,
    labels: &[],
    help: "worker.concurrency: how many calls may be under way in this process.",
};

/// Claims.
pub const CLAIMS: Metric = Metric {
    name: "ferry_claims_total",
    kind: Counter,
    labels: &[Label {
        name: "result",
        values: "`granted`, `finished`, `held_elsewhere`, `not_due`, `postponed`, `paused`, `unknown`",
    }],
    help: "Sessions that this process asked to lease, by the answer. What is not granted was announced twice, or its time has not come: harmless.",
};

/// Results in a commit.
pub const RECORD_BATCH: Metric = Metric {
    name: "ferry_record_batch_results",
    kind: Histogram(BATCH_RESULTS),
    labels: &[],
    help: "How many results were recorded by one commit.",
};

/// What a commit took.
pub const RECORD_SECONDS: Metric = Metric {
    name: "ferry_record_duration_seconds",
    kind: Histogram(COMMIT_SECONDS),
    labels: &[],
    help: "How long a commit of results took, repetitions while the ledger was away included.",
};

/// Results that came too late.
pub const LEASES_LOST: Metric = Metric {
    name: "ferry_leases_lost_total",
    kind: Counter,
    labels: &[],
    help: "Results that came after their lease was taken over. The sweeper revokes what they minted.",
};

/// Sessions that the sweeper revoked.
pub const REVOKED: Metric = Metric {
    name: "ferry_sweep_revoked_total",
    kind: Counter,
    labels: &[],
    help: "Sessions at Stytch that nobody recorded, and that this process revoked.",
};

/// Looks that failed.
pub const SWEEP_FAILURES: Metric = Metric {
    name: "ferry_sweep_failures_total",
    kind: Counter,
    labels: &[],
    help: "Looks of the sweeper that failed, because Stytch or the ledger did not answer. Each is repeated.",
};

/// The breaker.
pub const BREAKER: Metric = Metric {
    name: "ferry_breaker_state",
    kind: Gauge,
    labels: &[Label {
        name: "state",
        values: "`closed`, `open`, `half_open`",
    }],
    help: "1 for the state of the breaker of this process, 0 for the others. Open: Stytch is down, nobody calls but a few canaries.",
};

/// Messages published.
pub const PUBLISHED: Metric = Metric {
    name: "ferry_queue_published_total",
    kind: Counter,
    labels: &[],
    help: "Messages that this process handed to the queue, repetitions included.",
};

/// Messages confirmed.
pub const CONFIRMED: Metric = Metric {
    name: "ferry_queue_confirmed_total",
    kind: Counter,
    labels: &[],
    help: "Messages that the queue has taken over.",
};

/// Messages returned.
pub const RETURNED: Metric = Metric {
    name: "ferry_queue_returned_total",
    kind: Counter,
    labels: &[],
    help: "Messages that the broker gave back because no queue wants them. They are published again.",
};

/// Messages refused.
pub const REFUSED: Metric = Metric {
    name: "ferry_queue_refused_total",
    kind: Counter,
    labels: &[],
    help: "Messages that the broker refused for the moment, because its queue is full. They are published again.",
};

/// Messages delivered.
pub const DELIVERED: Metric = Metric {
    name: "ferry_queue_delivered_total",
    kind: Counter,
    labels: &[],
    help: "Messages that came to this process.",
};

/// Messages acknowledged.
pub const ACKNOWLEDGED: Metric = Metric {
    name: "ferry_queue_acknowledged_total",
    kind: Counter,
    labels: &[],
    help: "Messages that this process has acknowledged, after the ledger had their result.",
};

/// Messages of no use.
pub const POISON: Metric = Metric {
    name: "ferry_queue_poison_total",
    kind: Counter,
    labels: &[],
    help: "Messages that this process could not use. They are in the dead-letter queue, with the cause.",
};

/// Dead letters that are not mirrored.
pub const MIRROR_MISSED: Metric = Metric {
    name: "ferry_queue_mirror_missed_total",
    kind: Counter,
    labels: &[],
    help: "Dead letters that did not get into the dead-letter queue. The ledger has them.",
};

/// Connections built anew.
pub const RECONNECTS: Metric = Metric {
    name: "ferry_queue_reconnects_total",
    kind: Counter,
    labels: &[Label {
        name: "connection",
        values: "`publisher`, `consumer`",
    }],
    help: "Connections to the broker that were built anew.",
};

/// Whether the broker blocks.
pub const BLOCKED: Metric = Metric {
    name: "ferry_queue_blocked",
    kind: Gauge,
    labels: &[],
    help: "1 while the broker has told this process to stop publishing, for want of memory or disk.",
};

/// All of them.
pub const ALL: &[Metric] = &[
    BUILD,
    ATTEMPTS,
    CALLS,
    PERMIT_WAIT,
    IN_FLIGHT,
    CONCURRENCY,
    CLAIMS,
    RECORD_BATCH,
    RECORD_SECONDS,
    LEASES_LOST,
    BREAKER,
    REVOKED,
    SWEEP_FAILURES,
    PUBLISHED,
    CONFIRMED,
    RETURNED,
    REFUSED,
    DELIVERED,
    ACKNOWLEDGED,
    POISON,
    MIRROR_MISSED,
    RECONNECTS,
    BLOCKED,
];
