//! What an error of the HTTP stack says about the request: was it sent?

use std::error::Error;

use ferry_core::outcome::Unanswered;

/// A call that has no reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// No connection could be made: nothing was sent.
    NotSent {
        /// The HTTP stack's reason (DNS, TCP, TLS), without the URL.
        cause: String,
    },
    /// The request was sent and has no usable answer.
    Unanswered(Unanswered),
}

impl Fault {
    /// Reads an error that came before the head of a reply.
    ///
    /// Facts (reqwest 0.13.5, hyper-util 0.1.21, hyper 1.12.0, read in their sources):
    ///
    /// - An error while connecting (DNS, TCP, TLS, the connect timeout) is `is_connect`.
    /// - hyper gives a request back if it has not begun to write it: its connection ended while the
    ///   request stood in the queue. The error is `is_canceled`, or `is_closed` if the connection was
    ///   gone before it became ready. On a reused connection the pool then takes another one by itself
    ///   (nothing was written, so this is no second call); on a fresh one the error comes here.
    /// - Once writing has begun, a connection that ends is "incomplete message" or an I/O error, also
    ///   if the server had closed it while idle and the request crossed its FIN: the request may have
    ///   been read, so it counts as sent.
    pub fn of(error: reqwest::Error) -> Self {
        // A URL may hold an email.
        let error = error.without_url();
        if error.is_builder() || error.is_connect() || was_never_written(&error) {
            return Self::NotSent {
                cause: chain(&error),
            };
        }
        Self::Unanswered(if error.is_timeout() {
            Unanswered::TimedOut
        } else if is_not_http(&error) {
            Unanswered::Unreadable
        } else {
            Unanswered::Cut
        })
    }
}

/// An error and what it came from, in one line. The messages of the HTTP stack hold no header and
/// no body; the caller has taken the URL out.
pub(crate) fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    for cause in causes(error).skip(1) {
        text.push_str(": ");
        text.push_str(&cause.to_string());
    }
    text
}

fn was_never_written(error: &reqwest::Error) -> bool {
    hyper_error(error).is_some_and(|error| error.is_canceled() || error.is_closed())
}

fn is_not_http(error: &reqwest::Error) -> bool {
    hyper_error(error).is_some_and(hyper::Error::is_parse)
}

fn hyper_error(error: &reqwest::Error) -> Option<&hyper::Error> {
    causes(error).find_map(|cause| cause.downcast_ref())
}

fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}
