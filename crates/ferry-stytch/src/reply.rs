//! Reading a reply: its status, and a bounded body.

use ferry_core::outcome::{ErrorType, Refusal, Unanswered};
use ferry_http::{BodyFault, SecretBuffer, body, retry_after};
use reqwest::Response;
use serde::Deserialize;

use crate::failure::Failure;
use crate::refusal;

/// The body of a success, or what the reply means.
///
/// A success is 200 or 201, as in Stytch's Go SDK; another 2xx is not the API's.
pub(crate) async fn read(
    response: Response,
    longest_bytes: usize,
) -> Result<SecretBuffer, Failure> {
    match response.status().as_u16() {
        200 | 201 => body(response, longest_bytes)
            .await
            .map_err(|fault| Failure::Unanswered(fault.of_a_success())),
        202..=299 => Err(Failure::Unanswered(Unanswered::Unreadable)),
        status => Err(refused(status, response, longest_bytes).await),
    }
}

/// Reads a success's body as `T`. What is wrong with it is not told: the parser's message may
/// quote it.
pub(crate) fn parse<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Failure> {
    serde_json::from_slice(body).map_err(|_| Failure::Unanswered(Unanswered::Unreadable))
}

async fn refused(status: u16, response: Response, longest_bytes: usize) -> Failure {
    let retry_after = retry_after(response.headers());
    let (error_type, request_id) = match body(response, longest_bytes).await {
        Ok(body) => refusal::names(&body),
        Err(BodyFault::TimedOut) if !tells_enough(status) => {
            return Failure::Unanswered(Unanswered::TimedOut);
        }
        Err(BodyFault::Cut) if !tells_enough(status) => {
            return Failure::Unanswered(Unanswered::Cut);
        }
        Err(_) => (None::<ErrorType>, None),
    };
    Failure::Refused(Refusal {
        status,
        error_type,
        request_id,
        retry_after,
    })
}

/// Whether the status alone, its body lost on the way, is enough to judge by. A 400 without its
/// `error_type` would bury a session, a 401 or a 404 would halt a run, for a cut connection.
fn tells_enough(status: u16) -> bool {
    matches!(status, 300..=399 | 408 | 429 | 499 | 500..)
}
