//! What the ledger tells of all processes together.

use super::Kind::Gauge;
use super::{Label, Metric};

const RUN: Label = Label {
    name: "run",
    values: "the run's name; `(others)` for all but the ten that matter most",
};

/// Sessions by state.
pub const SESSIONS: Metric = Metric {
    name: "ferry_run_sessions",
    kind: Gauge,
    labels: &[
        RUN,
        Label {
            name: "state",
            values: "`queued`, `running`, `waiting`, `migrated`, `skipped`, `dead`",
        },
    ],
    help: "Sessions of the run by state.",
};

/// Rows of the export.
pub const ROWS: Metric = Metric {
    name: "ferry_run_rows",
    kind: Gauge,
    labels: &[
        RUN,
        Label {
            name: "kind",
            values: "`read`, `rejected`, `duplicate`, `handed_over`",
        },
    ],
    help: "Rows of the run's export: read, and what of them is no session of this run.",
};

/// The books' imbalance.
pub const IMBALANCE: Metric = Metric {
    name: "ferry_run_books_imbalance",
    kind: Gauge,
    labels: &[RUN],
    help: "Rows read less all that is accounted for. Anything but 0 is a fault of Ferry's.",
};

/// The run's state.
pub const STATE: Metric = Metric {
    name: "ferry_run_state",
    kind: Gauge,
    labels: &[
        RUN,
        Label {
            name: "state",
            values: "`registering`, `active`, `paused`, `auditing`, `finished`, `cancelled`",
        },
    ],
    help: "1 for the state of the run, 0 for the others; of `(others)` how many runs.",
};

/// Why a run is paused.
pub const PAUSED: Metric = Metric {
    name: "ferry_run_paused",
    kind: Gauge,
    labels: &[
        RUN,
        Label {
            name: "cause",
            values: "the causes of docs/failures.md",
        },
    ],
    help: "1 for the cause for which the run is paused; of `(others)` how many runs.",
};

/// Dead letters by reason.
pub const DEAD: Metric = Metric {
    name: "ferry_run_dead_sessions",
    kind: Gauge,
    labels: &[
        RUN,
        Label {
            name: "reason",
            values: "the reasons of docs/failures.md; `other` for one that this release does not know",
        },
    ],
    help: "Dead letters of the run by reason.",
};

/// Skipped sessions by reason.
pub const SKIPPED: Metric = Metric {
    name: "ferry_run_skipped_sessions",
    kind: Gauge,
    labels: &[
        RUN,
        Label {
            name: "reason",
            values: "the reasons of docs/failures.md; `other` for one that this release does not know",
        },
    ],
    help: "Sessions of the run that are not carried although nothing is broken, by reason.",
};

/// Waiting sessions that are due.
pub const DUE: Metric = Metric {
    name: "ferry_run_due_sessions",
    kind: Gauge,
    labels: &[RUN],
    help: "Waiting sessions of the run whose time has come.",
};

/// The oldest of them.
pub const OLDEST_DUE: Metric = Metric {
    name: "ferry_run_oldest_due_seconds",
    kind: Gauge,
    labels: &[RUN],
    help: "How long the oldest of the run's due sessions has been due; 0 without any.",
};

/// Attempts of unknown outcome.
pub const UNRESOLVED: Metric = Metric {
    name: "ferry_run_unresolved_attempts",
    kind: Gauge,
    labels: &[
        RUN,
        Label {
            name: "state",
            values: "`unresolved`, `swept`, `closed`, `unverifiable`",
        },
    ],
    help: "Attempts of the run whose outcome nobody recorded, by what the sweeper made of them.",
};

/// Until when the run lasts.
pub const FINISH: Metric = Metric {
    name: "ferry_run_forecast_finish_timestamp_seconds",
    kind: Gauge,
    labels: &[RUN],
    help: "When the run's last call will be made at the rate allowed, in seconds since 1970. There only while sessions are open and a rate is set.",
};

/// Who will be too late.
pub const EXPIRING: Metric = Metric {
    name: "ferry_run_forecast_expiring_sessions",
    kind: Gauge,
    labels: &[RUN],
    help: "Open sessions of the run whose tokens expire before their turn at the rate allowed. A higher rate saves some of them.",
};

/// The rate allowed.
pub const ALLOWED: Metric = Metric {
    name: "ferry_allowed_calls_per_second",
    kind: Gauge,
    labels: &[Label {
        name: "budget",
        values: "`stytch`, `userinfo`",
    }],
    help: "The rate that all workers share, as it is now: the setting, or what refusals have lowered it to. Not there for a budget that nothing limits.",
};

/// The rate achieved.
pub const ACHIEVED: Metric = Metric {
    name: "ferry_settled_sessions_per_second",
    kind: Gauge,
    labels: &[],
    help: "Sessions of all runs that came to an end, per second, over about the last minute.",
};

/// What limits.
pub const LIMITED_BY: Metric = Metric {
    name: "ferry_limited_by",
    kind: Gauge,
    labels: &[Label {
        name: "by",
        values: "`nothing_left`, `paused`, `not_due`, `stytch`, `refusals`, `userinfo`, `asked_to_wait`, `workers`",
    }],
    help: "1 for what keeps all workers together from being faster, 0 for the others.",
};

/// Mappings by state.
pub const MAPPINGS: Metric = Metric {
    name: "ferry_mappings",
    kind: Gauge,
    labels: &[Label {
        name: "state",
        values: "`live`, `claimed`, `revoked`, `expired`",
    }],
    help: "Mappings of all runs by state: `live` is minted and not yet asked for by the application.",
};

/// How far the sweeper is behind.
pub const SWEEP_OVERDUE: Metric = Metric {
    name: "ferry_sweep_overdue_seconds",
    kind: Gauge,
    labels: &[],
    help: "How long the oldest look of the sweeper has been due; 0 without any.",
};

/// Processes at work.
pub const WORKERS: Metric = Metric {
    name: "ferry_workers",
    kind: Gauge,
    labels: &[],
    help: "Processes that the ledger has heard of within their term.",
};

/// The work queue.
pub const QUEUE: Metric = Metric {
    name: "ferry_work_queue_messages",
    kind: Gauge,
    labels: &[],
    help: "Messages in the work queue that no worker has taken. Not there when the queue cannot be asked.",
};

/// The dead-letter queue.
pub const DEAD_QUEUE: Metric = Metric {
    name: "ferry_dead_letter_queue_messages",
    kind: Gauge,
    labels: &[],
    help: "Messages in the dead-letter queue. Not there when the queue cannot be asked.",
};

/// How far the two differ.
pub const DRIFT: Metric = Metric {
    name: "ferry_dead_letter_queue_drift_messages",
    kind: Gauge,
    labels: &[],
    help: "Messages in the dead-letter queue less dead letters in the ledger. The ledger is right; the queue is a mirror for the eye.",
};

/// When all this was read.
pub const READ_AT: Metric = Metric {
    name: "ferry_ledger_read_timestamp_seconds",
    kind: Gauge,
    labels: &[],
    help: "When the ledger was last read for these metrics, in seconds since 1970, by the ledger's clock.",
};

/// How long it took.
pub const READ_SECONDS: Metric = Metric {
    name: "ferry_ledger_read_duration_seconds",
    kind: Gauge,
    labels: &[],
    help: "How long that reading took. It is repeated after 5 s, or ten times as long if that is more.",
};

/// All of them.
pub const ALL: &[Metric] = &[
    SESSIONS,
    ROWS,
    IMBALANCE,
    STATE,
    PAUSED,
    DEAD,
    SKIPPED,
    DUE,
    OLDEST_DUE,
    UNRESOLVED,
    FINISH,
    EXPIRING,
    ALLOWED,
    ACHIEVED,
    LIMITED_BY,
    MAPPINGS,
    SWEEP_OVERDUE,
    WORKERS,
    QUEUE,
    DEAD_QUEUE,
    DRIFT,
    READ_AT,
    READ_SECONDS,
];
