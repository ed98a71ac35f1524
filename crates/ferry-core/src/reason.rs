//! Why a session was skipped, why it is dead, why a run is paused; and what the operator can do.

use serde::{Deserialize, Serialize};
use strum::{Display, EnumString, IntoStaticStr, VariantArray};

/// Why a session is not carried although nothing is broken.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Display,
    EnumString,
    IntoStaticStr,
    VariantArray,
    Serialize,
    Deserialize,
)]
#[strum(serialize_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub enum SkipReason {
    /// The access token is over, so the legacy provider no longer vouches for it.
    Expired,
    /// The legacy session itself is over (idle or absolute end).
    SessionOver,
    /// The access token's audience does not include the UserInfo endpoint.
    WrongAudience,
    /// The access token lacks the scopes `openid` and `email`.
    MissingScope,
    /// The run was cancelled by the operator.
    Cancelled,
    /// Revoked by the operator; never carried again.
    Revoked,
    /// Gone from the operator's session store.
    Gone,
}

/// Why a session is a dead letter.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Display,
    EnumString,
    IntoStaticStr,
    VariantArray,
    Serialize,
    Deserialize,
)]
#[strum(serialize_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub enum DeadReason {
    /// No member of the organization has the email that UserInfo gave.
    MemberMissing,
    /// The member exists but may not sign in (no active, verified email; locked or deleted).
    MemberNotActive,
    /// Stytch does not know the organization in the row.
    OrganizationMissing,
    /// The legacy provider refused the token.
    TokenRefused,
    /// The legacy provider's UserInfo answered, but without an email.
    EmailMissing,
    /// Stytch answered for another person than the row names. What it minted was revoked.
    IdentityMismatch,
    /// Stytch refused a value of the row.
    InvalidRow,
    /// UserInfo gave no usable answer in all attempts.
    UserinfoUnusable,
    /// Stytch refused for a reason that this version of Ferry does not know.
    Refused,
    /// All attempts failed in passing ways.
    AttemptsExhausted,
    /// Too many attempts ended without a known outcome (cut replies or crashes).
    OutcomeUnknown,
    /// The ledger's copy of the token does not open.
    SealBroken,
}

/// Why a run is paused.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    Display,
    EnumString,
    IntoStaticStr,
    VariantArray,
    Serialize,
    Deserialize,
)]
#[strum(serialize_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub enum PauseCause {
    /// Asked for by the operator.
    Operator,
    /// Stytch refuses the project id or the secret.
    Credentials,
    /// The project has no UserInfo URL.
    UserinfoUrlMissing,
    /// The endpoint is not enabled for the project.
    EndpointNotEnabled,
    /// An organization is suspended.
    OrganizationSuspended,
    /// Stytch was called by plain HTTP.
    HttpsRequired,
    /// The base URL does not answer as Stytch.
    WrongEndpoint,
    /// Stytch asks to wait longer than Ferry is willing to on its own.
    LongWait,
    /// One session-level failure in a burst over many users.
    FailureBurst,
}

impl SkipReason {
    /// What the operator can do about it.
    pub fn remedy(self) -> &'static str {
        match self {
            Self::Expired => "run sooner after the export, or export fresh tokens",
            Self::SessionOver => "nothing: the user's legacy session had ended",
            Self::WrongAudience => {
                "have the application ask for the audience https://<tenant>/userinfo"
            }
            Self::MissingScope => "have the application ask for the scopes `openid email`",
            Self::Cancelled => "nothing: the run was cancelled",
            Self::Revoked => "nothing: the session was revoked and is never carried again",
            Self::Gone => "nothing: the user has left",
        }
    }
}

impl DeadReason {
    /// What the operator can do about it.
    pub fn remedy(self) -> &'static str {
        match self {
            Self::MemberMissing => {
                "create the member in its organization at Stytch, then `ferry dead replay`"
            }
            Self::MemberNotActive => "activate or unlock the member at Stytch, or verify its email",
            Self::OrganizationMissing => {
                "create the organization at Stytch, or mend the export's organization column"
            }
            Self::TokenRefused => "export the session again with a fresh token",
            Self::EmailMissing => "have the application ask for the scope `email`",
            Self::IdentityMismatch => {
                "compare the row's organization, email and ids with the legacy provider: the token belongs to another person"
            }
            Self::InvalidRow => "mend the row in the source, then export it again",
            Self::UserinfoUnusable => {
                "see the legacy provider's log for UserInfo errors; export a fresh token"
            }
            Self::Refused => "look the error type up at stytch.com/docs, mend, export again",
            Self::AttemptsExhausted => "wait until Stytch is healthy, then `ferry dead replay`",
            Self::OutcomeUnknown => {
                "look for crashes or cut connections in the log, then `ferry dead replay`"
            }
            Self::SealBroken => {
                "the key ring or the ledger was changed: restore them, export again"
            }
        }
    }

    /// A replay with the same token can succeed once the cause is mended, so the sealed token is
    /// kept until it expires.
    pub fn is_mendable(self) -> bool {
        !matches!(
            self,
            Self::TokenRefused | Self::IdentityMismatch | Self::SealBroken
        )
    }
}

impl PauseCause {
    /// What the operator can do about it.
    pub fn remedy(self) -> &'static str {
        match self {
            Self::Operator => "resume it when ready",
            Self::Credentials => {
                "set FERRY_STYTCH__PROJECT_ID and FERRY_STYTCH__SECRET to a pair of the same environment"
            }
            Self::UserinfoUrlMissing => {
                "set the UserInfo URL in the Stytch Dashboard under Migrations"
            }
            Self::EndpointNotEnabled => "ask Stytch to enable session migration for the project",
            Self::OrganizationSuspended => {
                "lift the organization's suspension at Stytch, or leave its rows out"
            }
            Self::HttpsRequired => "give stytch.base_url with https://",
            Self::WrongEndpoint => "mend stytch.base_url: what answers there is not Stytch",
            Self::LongWait => "Stytch asked for a long wait: run again later, at a lower rate",
            Self::FailureBurst => {
                "look at the failures in the report: a column is likely mapped wrongly; mend and run again"
            }
        }
    }
}
