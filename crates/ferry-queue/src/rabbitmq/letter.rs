//! What a message looks like on the wire: ids, and nothing else.
//!
//! lapin logs a message that comes back with its whole body, at WARN; there is nothing in it to
//! hide. The body of a message that is not ours is another matter: it is never logged.

use ferry_core::id::{RunId, SessionId};
use lapin::BasicProperties;
use lapin::types::{AMQPValue, FieldTable, ShortString};
use serde::{Deserialize, Serialize};

use crate::rabbitmq::topology::{DEAD, VERSION, WORK};
use crate::{Cause, DeadLetter, Foreign, Message};

/// The property `type` of all that Ferry publishes.
const KIND: &str = "ferry.session";
/// The header of a dead letter that tells why.
const CAUSE: &str = "ferry-cause";
/// AMQP's code for "keep it on disk".
const PERSISTENT: u8 = 2;

/// Something to publish.
#[derive(Debug)]
pub(super) struct Letter {
    /// Which queue it is for.
    pub(super) key: &'static str,
    /// What is told if it comes back.
    pub(super) message: Option<Message>,
    /// Tells it from others under way.
    pub(super) message_id: ShortString,
    pub(super) properties: BasicProperties,
    pub(super) body: Vec<u8>,
}

#[derive(Serialize, Deserialize)]
struct Body {
    #[serde(rename = "v")]
    version: u32,
    run: i64,
    session: i64,
}

#[derive(Deserialize)]
struct AnyVersion {
    #[serde(rename = "v")]
    version: u32,
}

impl Letter {
    /// "This session is due."
    pub(super) fn due(message: Message) -> Self {
        Self::of(message, WORK, FieldTable::default())
    }

    /// A dead letter for the mirror.
    pub(super) fn dead(letter: DeadLetter) -> Self {
        let headers = because(letter.cause);
        match letter.message {
            Some(message) => Self::of(message, DEAD, headers),
            None => Self::foreign(headers, Vec::new(), "unknown".into()),
        }
    }

    /// A message that nobody can use, as it came.
    pub(super) fn poison(delivery: lapin::message::Delivery, cause: Cause) -> Self {
        // Unique among those under way; its own id, if it has one, may not be.
        let message_id = format!("poison.{}", delivery.delivery_tag);
        let mut letter = Self::foreign(because(cause), delivery.data, message_id.into());
        if let Some(kind) = delivery.properties.kind() {
            letter.properties = letter.properties.with_type(kind.clone());
        }
        if let Some(content_type) = delivery.properties.content_type() {
            letter.properties = letter.properties.with_content_type(content_type.clone());
        }
        letter
    }

    fn of(message: Message, key: &'static str, headers: FieldTable) -> Self {
        let body = Body {
            version: VERSION,
            run: message.run.0,
            session: message.session.0,
        };
        let message_id: ShortString = format!("{}.{}", message.run, message.session).into();
        Self {
            key,
            message: Some(message),
            properties: properties(message_id.clone(), headers)
                .with_type(KIND.into())
                .with_content_type("application/json".into()),
            message_id,
            body: serde_json::to_vec(&body).expect("three numbers"),
        }
    }

    fn foreign(headers: FieldTable, body: Vec<u8>, message_id: ShortString) -> Self {
        Self {
            key: DEAD,
            message: None,
            properties: properties(message_id.clone(), headers),
            message_id,
            body,
        }
    }
}

fn properties(message_id: ShortString, headers: FieldTable) -> BasicProperties {
    BasicProperties::default()
        .with_delivery_mode(PERSISTENT)
        .with_message_id(message_id)
        .with_headers(headers)
}

fn because(cause: Cause) -> FieldTable {
    let mut headers = FieldTable::default();
    let text = AMQPValue::LongString(cause.to_string().into());
    headers.insert(CAUSE.into(), text);
    headers
}

/// Reads a message, or tells why nobody can.
pub(super) fn read(properties: &BasicProperties, body: &[u8]) -> Result<Message, Cause> {
    if properties.kind().as_ref().map(ShortString::as_str) != Some(KIND) {
        return Err(Cause::NotOurs);
    }
    let any: AnyVersion = serde_json::from_slice(body).map_err(|_| Cause::Unreadable)?;
    if any.version != VERSION {
        return Err(Cause::UnknownVersion);
    }
    let body: Body = serde_json::from_slice(body).map_err(|_| Cause::Unreadable)?;
    Ok(Message {
        run: RunId(body.run),
        session: SessionId(body.session),
    })
}

/// Reads a dead letter. Without a cause of ours the broker has put it there.
pub(super) fn read_dead(properties: &BasicProperties, body: &[u8]) -> DeadLetter {
    let headers = properties.headers().as_ref();
    let cause = headers.and_then(|headers| match headers.inner().get(CAUSE)? {
        AMQPValue::LongString(text) => Cause::parse(&text.to_string()),
        AMQPValue::ShortString(text) => Cause::parse(text.as_str()),
        _ => None,
    });
    DeadLetter {
        message: read(properties, body).ok(),
        cause: cause.unwrap_or(Cause::Broker),
    }
}

/// A letter that is not ours, as it came.
pub(super) fn read_foreign(properties: &BasicProperties, body: &[u8]) -> Foreign {
    let text = |text: &Option<ShortString>| text.as_ref().map(|text| text.as_str().to_owned());
    Foreign {
        body: body.to_vec().into(),
        kind: text(properties.kind()),
        content_type: text(properties.content_type()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ferry_core::reason::DeadReason;

    const ALICE: Message = Message {
        run: RunId(1),
        session: SessionId(42),
    };

    #[test]
    fn a_message_reads_back_what_it_was_written_from() {
        let letter = Letter::due(ALICE);
        assert_eq!(letter.body, br#"{"v":1,"run":1,"session":42}"#);
        assert_eq!(read(&letter.properties, &letter.body), Ok(ALICE));
    }

    #[test]
    fn a_dead_letter_reads_back_what_it_was_written_from() {
        let letter = DeadLetter {
            message: Some(ALICE),
            cause: Cause::Session(DeadReason::MemberMissing),
        };
        let written = Letter::dead(letter);
        assert_eq!(read_dead(&written.properties, &written.body), letter);
    }

    #[test]
    fn what_cannot_be_used_has_its_cause() {
        let ours = Letter::due(ALICE).properties;
        let nobodys = BasicProperties::default();
        let good = Letter::due(ALICE).body;
        assert_eq!(read(&nobodys, &good), Err(Cause::NotOurs));
        assert_eq!(read(&ours, b"\xff\x00"), Err(Cause::Unreadable));
        assert_eq!(read(&ours, b""), Err(Cause::Unreadable));
        assert_eq!(read(&ours, br#"{"v":1,"run":1}"#), Err(Cause::Unreadable));
        assert_eq!(
            read(&ours, br#"{"v":2,"what":"ever"}"#),
            Err(Cause::UnknownVersion)
        );
    }
}
