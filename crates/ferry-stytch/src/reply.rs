//! Reading a reply: its status, and a bounded body.

use ferry_core::outcome::{ErrorType, Refusal, Unanswered};
use reqwest::Response;
use serde::Deserialize;

use crate::failure::Failure;
use crate::refusal;
use crate::retry_after::retry_after;
use crate::secret_buffer::SecretBuffer;

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

/// Why a body is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum BodyFault {
    TooLarge,
    TimedOut,
    Cut,
}

impl BodyFault {
    fn of_a_success(self) -> Unanswered {
        match self {
            Self::TooLarge | Self::Cut => Unanswered::Unreadable,
            Self::TimedOut => Unanswered::TimedOut,
        }
    }
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

async fn body(mut response: Response, longest_bytes: usize) -> Result<SecretBuffer, BodyFault> {
    let announced = response.content_length().unwrap_or_default();
    let announced = usize::try_from(announced).unwrap_or(usize::MAX);
    if announced > longest_bytes {
        return Err(BodyFault::TooLarge);
    }
    // The chunks are slices of hyper's read buffer and cannot be wiped; this copy is.
    let mut body = SecretBuffer::with_capacity(announced);
    while let Some(chunk) = response.chunk().await.map_err(|error| fault(&error))? {
        if body.len() + chunk.len() > longest_bytes {
            return Err(BodyFault::TooLarge);
        }
        body.push(&chunk);
    }
    Ok(body)
}

fn fault(error: &reqwest::Error) -> BodyFault {
    if error.is_timeout() {
        BodyFault::TimedOut
    } else {
        BodyFault::Cut
    }
}
