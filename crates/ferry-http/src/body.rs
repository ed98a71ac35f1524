//! A bounded body.

use ferry_core::outcome::Unanswered;
use reqwest::Response;

use crate::SecretBuffer;

/// Why a body is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyFault {
    /// It is longer than allowed.
    TooLarge,
    /// It was not whole in time.
    TimedOut,
    /// The connection ended before it did.
    Cut,
}

impl BodyFault {
    /// What a reply with a success status comes to without its body.
    pub fn of_a_success(self) -> Unanswered {
        match self {
            Self::TooLarge | Self::Cut => Unanswered::Unreadable,
            Self::TimedOut => Unanswered::TimedOut,
        }
    }
}

/// Reads a body of at most `longest_bytes`. Dropping the future drops the connection.
pub async fn body(mut response: Response, longest_bytes: usize) -> Result<SecretBuffer, BodyFault> {
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
