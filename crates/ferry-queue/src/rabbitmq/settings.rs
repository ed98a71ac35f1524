//! How to reach the broker, and how to use it.

use std::time::Duration;

use crate::AmqpUrl;

/// How to reach the broker, and how to use it.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where it is, and as whom.
    pub url: AmqpUrl,
    /// What the names of the exchange and the queues begin with. Two crossings on one virtual
    /// host need two.
    pub prefix: String,
    /// CA certificates in PEM form that are trusted besides the system's, for `amqps`.
    pub ca_certificates: Option<String>,
    /// Messages that are published and not yet confirmed. Measured: beyond 1,000 nothing is
    /// gained; 1 is thirteen times slower.
    pub window: usize,
    /// How long a confirm may take. It comes after a write to disk, on a cluster to most of them.
    pub confirm_timeout: Duration,
}

impl Settings {
    /// The defaults for this broker.
    pub fn new(url: AmqpUrl) -> Self {
        Self {
            url,
            prefix: "ferry".to_owned(),
            ca_certificates: None,
            window: 512,
            confirm_timeout: Duration::from_secs(30),
        }
    }
}
