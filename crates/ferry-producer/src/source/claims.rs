//! Columns that travel as custom claims.

use super::layout::Layout;
use super::value::{Flaw, Record, Value};

/// Builds the custom claims of a row, as the text of a JSON object.
pub(super) struct Claims {
    claims: Vec<Claim>,
    json: Vec<u8>,
}

struct Claim {
    /// The name as JSON, with its colon.
    key: String,
    slot: usize,
}

/// Most bytes of JSON for one session. Stytch takes 4 KiB, of which Ferry's own claim needs less
/// than 100 bytes, and how Stytch counts is not said: half a KiB to be safe.
const MAX_CLAIMS_BYTES: usize = 3584;

const TOO_LARGE: &str = "the custom claims are larger than 3.5 KiB, and Stytch takes 4 KiB: map fewer or shorter columns";

impl Claims {
    pub(super) fn new(layout: &Layout) -> Self {
        let claim = |(name, slot): &(String, usize)| Claim {
            key: format!("{}:", serde_json::Value::from(name.as_str())),
            slot: *slot,
        };
        Self {
            claims: layout.claims().iter().map(claim).collect(),
            json: Vec::new(),
        }
    }

    /// The claims of `record`; `None` if it gives none. The fault names the slot.
    pub(super) fn of(
        &mut self,
        record: &impl Record,
    ) -> Result<Option<String>, (usize, &'static str)> {
        self.json.clear();
        for claim in &self.claims {
            let at_slot = |flaw: Flaw| (claim.slot, flaw.reason());
            let Some(value) = record.value(claim.slot).map_err(at_slot)? else {
                continue;
            };
            self.json
                .push(if self.json.is_empty() { b'{' } else { b',' });
            self.json.extend_from_slice(claim.key.as_bytes());
            match value {
                Value::Json(raw) => self.json.extend_from_slice(raw.as_bytes()),
                Value::Text(text) if text.contains('\0') => return Err(at_slot(Flaw::Nul)),
                // Before it is written, so that the buffer stays small.
                Value::Text(text) if text.len() > MAX_CLAIMS_BYTES => {
                    return Err((claim.slot, TOO_LARGE));
                }
                Value::Text(text) => serde_json::to_writer(&mut self.json, &text)
                    .expect("writing text to memory does not fail"),
            }
            if self.json.len() >= MAX_CLAIMS_BYTES {
                return Err((claim.slot, TOO_LARGE));
            }
        }
        if self.json.is_empty() {
            return Ok(None);
        }
        self.json.push(b'}');
        let json = std::str::from_utf8(&self.json).expect("keys and values were text");
        Ok(Some(json.to_owned()))
    }
}
