//! The broker's URL, which may hold a password.

use std::fmt;

use lapin::uri::AMQPUri;
use url::Url;

use crate::QueueError;

/// `amqp://user:password@host:5672/vhost`, or `amqps://`. Shown without user and password.
#[derive(Clone)]
pub struct AmqpUrl {
    uri: AMQPUri,
}

/// Heartbeats are asked for at this interval, in seconds: a frozen broker is seen after two.
const HEARTBEAT_SECONDS: u16 = 10;

impl AmqpUrl {
    /// Reads a URL. Without a virtual host it means `/`, without a user `guest`.
    pub fn parse(text: &str) -> Result<Self, QueueError> {
        let refuse = |why| QueueError::Url { why };
        let url = Url::parse(text).map_err(|_| refuse("not a URL"))?;
        if !matches!(url.scheme(), "amqp" | "amqps") {
            return Err(refuse("its scheme is neither amqp nor amqps"));
        }
        let host = url.host_str().filter(|host| !host.is_empty());
        let host = host.ok_or(refuse("it has no host"))?;
        let mut uri: AMQPUri = text
            .parse()
            .map_err(|_| refuse("its parts cannot be read; percent-encode special characters"))?;
        // The parser takes an IPv6 address for no host, and with it "localhost".
        host.trim_matches(['[', ']'])
            .clone_into(&mut uri.authority.host);
        if uri.vhost.is_empty() {
            "/".clone_into(&mut uri.vhost);
        }
        uri.query.heartbeat = Some(HEARTBEAT_SECONDS);
        Ok(Self { uri })
    }

    /// For lapin. Never to be shown: its `Debug` tells the password.
    pub(crate) fn uri(&self) -> AMQPUri {
        self.uri.clone()
    }
}

impl fmt::Display for AmqpUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let AMQPUri {
            scheme,
            authority,
            vhost,
            ..
        } = &self.uri;
        let (host, port) = (&authority.host, authority.port);
        let (open, close) = if host.contains(':') {
            ("[", "]")
        } else {
            ("", "")
        };
        write!(
            f,
            "{scheme}://{open}{host}{close}:{port} (virtual host {vhost})"
        )
    }
}

impl fmt::Debug for AmqpUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        AmqpUrl::parse(text).expect("a good URL").to_string()
    }

    #[test]
    fn user_and_password_are_not_shown() {
        let url = AmqpUrl::parse("amqps://alice:hunter2@rabbit.example/crossing?heartbeat=3");
        let text = format!("{url:?} {:#?} {}", url, url.as_ref().expect("a good URL"));
        assert!(text.contains("rabbit.example:5671 (virtual host crossing)"));
        assert!(
            !text.contains("alice") && !text.contains("hunter2"),
            "{text}"
        );
    }

    #[test]
    fn a_bad_url_is_refused_without_showing_it() {
        for bad in [
            "alice:hunter2@rabbit.example",
            "https://alice:hunter2@rabbit.example",
            "amqp://alice:hunter2@",
            "amqp://alice:hunter2%FF@rabbit.example",
            "amqp:hunter2",
        ] {
            let error = AmqpUrl::parse(bad).expect_err(bad);
            let text = format!("{error} {error:?}");
            assert!(!text.contains("hunter2"), "{text}");
        }
    }

    #[test]
    fn what_is_left_out_has_the_usual_meaning() {
        assert_eq!(
            shown("amqp://rabbit"),
            "amqp://rabbit:5672 (virtual host /)"
        );
        assert_eq!(
            shown("amqp://rabbit/"),
            "amqp://rabbit:5672 (virtual host /)"
        );
        assert_eq!(
            shown("amqp://[::1]:99/a%2Fb"),
            "amqp://[::1]:99 (virtual host a/b)"
        );
    }
}
