//! Why a call came to nothing.

use std::fmt;

use ferry_core::failure::judge;
use ferry_core::outcome::{CallOutcome, NotSent, Refusal, Unanswered};
use ferry_http::Fault;

/// Why a call came to nothing. Its text tells what to do, and never repeats a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// Stytch, or something in front of it, answered with an error status.
    Refused(Refusal),
    /// No connection could be made: nothing was sent.
    NotSent {
        /// The HTTP stack's reason (DNS, TCP, TLS), without the URL.
        cause: String,
    },
    /// The request was sent and has no usable answer.
    Unanswered(Unanswered),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refusal) => show_refusal(refusal, f),
            Self::NotSent { cause } => write!(
                f,
                "no connection to Stytch ({cause}): check stytch.base_url, DNS, the firewall and the machine's root certificates"
            ),
            Self::Unanswered(unanswered) => f.write_str(match unanswered {
                Unanswered::TimedOut => {
                    "Stytch did not answer in time: try again, or raise the call timeout"
                }
                Unanswered::Cut => "the connection ended before Stytch's reply did: try again",
                Unanswered::Unreadable => {
                    "what answered is not Stytch's API: check stytch.base_url and what stands between"
                }
                Unanswered::Abandoned => "the call was abandoned: try again",
            }),
        }
    }
}

impl std::error::Error for Failure {}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::NotSent { cause } => Self::NotSent { cause },
            Fault::Unanswered(unanswered) => Self::Unanswered(unanswered),
        }
    }
}

impl From<Failure> for CallOutcome {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Refused(refusal) => Self::Refused(refusal),
            Failure::NotSent { .. } => Self::NotSent(NotSent::Unreachable),
            Failure::Unanswered(unanswered) => Self::Unanswered(unanswered),
        }
    }
}

/// A refusal that Ferry itself gives, in Stytch's words, for what cannot be sent.
pub(crate) fn refused_here(status: u16, error_type: &str) -> Failure {
    Failure::Refused(Refusal {
        status,
        error_type: Some(ferry_core::outcome::ErrorType::sanitized(error_type)),
        request_id: None,
        retry_after: None,
    })
}

fn show_refusal(refusal: &Refusal, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(f, "Stytch answered {}", refusal.status)?;
    if let Some(error_type) = &refusal.error_type {
        write!(f, " {}", error_type.as_str())?;
    }
    if let Some(request_id) = &refusal.request_id {
        write!(f, " ({request_id})")?;
    }
    write!(f, ": {}", judge(refusal).remedy())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_names_status_type_and_remedy() {
        let failure = refused_here(401, "unauthorized_credentials");
        assert_eq!(
            failure.to_string(),
            "Stytch answered 401 unauthorized_credentials: set FERRY_STYTCH__PROJECT_ID and FERRY_STYTCH__SECRET to a pair of the same environment"
        );
        let failure = Failure::Refused(Refusal {
            status: 503,
            error_type: None,
            request_id: Some("request-id-test-1".into()),
            retry_after: None,
        });
        assert_eq!(
            failure.to_string(),
            "Stytch answered 503 (request-id-test-1): wait; see status.stytch.com if it lasts"
        );
    }
}
