//! What goes wrong, on demand.

mod retry_after;

use serde::{Deserialize, Serialize};

pub use retry_after::RetryAfter;

use crate::draw::{draw, happens};

/// The knobs. All of them may be turned while the simulator runs.
///
/// Shares lie between 0 and 1; each call draws anew, so a retry is independent of what it retries.
/// What a call draws depends on `seed` and on how many calls of its endpoint came before it.
/// Everything is off unless set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Faults {
    /// What the shares are drawn from.
    pub seed: u64,

    /// Milliseconds that every call to Stytch takes.
    pub latency_ms: u64,
    /// Milliseconds added to them at random, from 0 to this.
    pub latency_jitter_ms: u64,

    /// Migrate calls let through in each fixed second of the wall clock; the others are told 429.
    pub migrate_per_second: Option<u32>,
    /// The same for listing sessions.
    pub list_per_second: Option<u32>,
    /// The same for revoking sessions.
    pub revoke_per_second: Option<u32>,
    /// Searches let through in each minute of the simulator's clock. Stytch publishes 100 for
    /// members and 150 for users.
    pub search_per_minute: Option<u32>,

    /// Share of migrate calls answered with 500 `internal_server_error`, nothing minted.
    pub error_500: f64,
    /// Share answered with 502 and a page of HTML, as a proxy does.
    pub error_502: f64,
    /// Share answered with 503 `server_unavailable`.
    pub error_503: f64,
    /// Share answered with 429.
    pub error_429: f64,
    /// The `error_type` of those: not every 429 is a plain limit (`too_few_tokens_authenticated`,
    /// `user_lock_limit_reached`, `captcha_failed`).
    pub error_429_type: String,
    /// What every 429 says in `Retry-After`.
    pub retry_after: RetryAfter,
    /// Share answered with 400 and an `error_type` that nobody has heard of.
    pub unheard_of: f64,
    /// Its name.
    pub unheard_of_type: String,

    /// Share of migrate calls whose connection is cut before anything is minted.
    pub cut_before_minting: f64,
    /// Share whose connection is cut without a byte of reply after the session was minted.
    pub cut_after_minting: f64,
    /// Share whose reply is cut in its middle.
    pub cut_in_reply: f64,
    /// Share that mint late, whether the caller still waits or not.
    pub slow_minting: f64,
    /// How late, in milliseconds.
    pub slow_minting_ms: u64,
    /// Share answered with 500 after the session was minted.
    pub error_after_minting: f64,
    /// Share answered with 200 and JSON that ends in its middle.
    pub bad_json: f64,
    /// Share answered with 200 and a page of HTML.
    pub html_ok: f64,
    /// Share answered with 200 and a body without `session_token`.
    pub no_session_token: f64,
    /// Share answered with 200 and ten megabytes.
    pub huge_body: f64,

    /// Every call is told 401 `unauthorized_credentials`.
    pub wrong_credentials: bool,
    /// Migrate says `migrate_from_external_missing_userinfo`: nobody configured the endpoint.
    pub userinfo_missing: bool,
    /// Organizations (id, slug or external id) for which migrate says 403 `organization_suspended`.
    pub suspended_organizations: Vec<String>,
    /// What becomes of custom claims with a reserved name. The documentation says ignored, the list
    /// of error types says rejected.
    pub reserved_claims: ReservedClaims,

    /// Share of listings answered with 500.
    pub list_failures: f64,
    /// Milliseconds of the wall clock for which a new session is not listed yet.
    pub list_lag_ms: u64,
    /// Share of revocations answered with 500, nothing revoked.
    pub revoke_failures: f64,
    /// Share of session authentications (extensions) answered with 500.
    pub authenticate_failures: f64,
    /// Share of member and user look-ups, creations and searches answered with 500.
    pub member_failures: f64,

    /// Share of UserInfo calls answered with 503.
    pub userinfo_outage: f64,
    /// Milliseconds that every UserInfo call takes.
    pub userinfo_latency_ms: u64,
    /// Whether UserInfo keeps Auth0's bucket for each person: 10 at once, 5 a minute after that, by
    /// the simulator's clock.
    pub userinfo_person_limit: bool,
    /// UserInfo and token calls let through in each fixed second of the wall clock, over all
    /// people. Auth0's: 25 (Professional), 100 (Enterprise).
    pub userinfo_per_second: Option<u32>,
    /// Share of people for whom UserInfo gives another person's address, always the same ones.
    pub wrong_identity: f64,
    /// Subjects for whom it does so beside that share.
    pub wrong_identity_subjects: Vec<String>,
}

/// What becomes of custom claims named `iss`, `sub`, `aud`, `exp`, `nbf`, `iat`, `jti`, or in
/// Stytch's own namespace.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReservedClaims {
    /// They are left out.
    #[default]
    Ignored,
    /// The call fails with 400.
    Rejected,
}

impl Default for Faults {
    fn default() -> Self {
        Self {
            seed: 0,
            latency_ms: 0,
            latency_jitter_ms: 0,
            migrate_per_second: None,
            list_per_second: None,
            revoke_per_second: None,
            search_per_minute: None,
            error_500: 0.0,
            error_502: 0.0,
            error_503: 0.0,
            error_429: 0.0,
            error_429_type: "too_many_requests".to_owned(),
            retry_after: RetryAfter::Absent,
            unheard_of: 0.0,
            unheard_of_type: "tectonic_shift_detected".to_owned(),
            cut_before_minting: 0.0,
            cut_after_minting: 0.0,
            cut_in_reply: 0.0,
            slow_minting: 0.0,
            slow_minting_ms: 0,
            error_after_minting: 0.0,
            bad_json: 0.0,
            html_ok: 0.0,
            no_session_token: 0.0,
            huge_body: 0.0,
            wrong_credentials: false,
            userinfo_missing: false,
            suspended_organizations: Vec::new(),
            reserved_claims: ReservedClaims::Ignored,
            list_failures: 0.0,
            list_lag_ms: 0,
            revoke_failures: 0.0,
            authenticate_failures: 0.0,
            member_failures: 0.0,
            userinfo_outage: 0.0,
            userinfo_latency_ms: 0,
            userinfo_person_limit: false,
            userinfo_per_second: None,
            wrong_identity: 0.0,
            wrong_identity_subjects: Vec::new(),
        }
    }
}

impl Faults {
    /// The faults of the demonstration: a few percent of everything that a retry mends.
    pub fn realistic(seed: u64) -> Self {
        Self {
            seed,
            latency_ms: 10,
            latency_jitter_ms: 20,
            error_500: 0.01,
            error_502: 0.005,
            error_503: 0.005,
            error_429: 0.02,
            retry_after: RetryAfter::Seconds(1),
            cut_before_minting: 0.005,
            cut_after_minting: 0.005,
            bad_json: 0.002,
            ..Self::default()
        }
    }

    /// Whether a fault with this share befalls the `call`-th call of an endpoint.
    pub(crate) fn befalls(&self, share: f64, fault: Fault, call: u64) -> bool {
        share > 0.0 && happens(share, draw(self.seed, fault as u64, call))
    }

    /// Milliseconds that this call is to take.
    pub(crate) fn latency_ms_of(&self, call: u64) -> u64 {
        if self.latency_jitter_ms == 0 {
            return self.latency_ms;
        }
        let drawn = draw(self.seed, Fault::Jitter as u64, call);
        self.latency_ms + crate::draw::below(self.latency_jitter_ms + 1, drawn)
    }
}

/// What is drawn: each fault has a salt of its own, so that faults are independent.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Fault {
    Jitter = 501,
    Error500,
    Error502,
    Error503,
    Error429,
    UnheardOf,
    CutBefore,
    CutAfter,
    CutInReply,
    SlowMinting,
    ErrorAfter,
    BadJson,
    HtmlOk,
    NoSessionToken,
    HugeBody,
    List,
    Revoke,
    Authenticate,
    Member,
    UserinfoOutage,
    WrongIdentity,
}
