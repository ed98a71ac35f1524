//! Legacy access and refresh tokens: made from a session's number, recognised without a table.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::code::{Kind, SEAL_BYTES, numbers_of_opaque, opaque, open, seal};
use super::{Person, Population};
use crate::draw::{draw, happens, mix};

/// What an access token says, once it is known to be ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Recognised {
    /// The number of the legacy session.
    pub(crate) session: u64,
    /// When the token expires, in seconds since 1970.
    pub(crate) expires_at: u64,
}

impl Population {
    /// The access token of a session as the provider at `issuer` would issue it.
    ///
    /// A JWT of 900 to 1000 characters in the form of Auth0's (or, for the opaque share, 43
    /// characters). Its signature is as long as that of RS256 but is no signature: making one costs
    /// a millisecond, and only the provider itself, which is this simulator, has to check it.
    pub fn access_token(&self, session: u64, issuer: &str, expires_at: u64) -> String {
        let mut token = String::new();
        let person = self.person(self.session(session).person);
        self.write_access_token(&mut token, (session, &person), issuer, expires_at);
        token
    }

    /// The refresh token of a session in the given generation; the first is 0.
    pub fn refresh_token(&self, session: u64, generation: u64) -> String {
        format!(
            "v1.{}",
            opaque(self.seed, Kind::RefreshToken, [session, generation])
        )
    }

    pub(crate) fn write_access_token(
        &self,
        token: &mut String,
        (session, person): (u64, &Person),
        issuer: &str,
        expires_at: u64,
    ) {
        if happens(self.opaque, draw(self.seed, OPAQUE, session)) {
            token.push_str(&opaque(self.seed, Kind::OpaqueToken, [session, expires_at]));
            return;
        }
        let start = token.len();
        URL_SAFE_NO_PAD.encode_string(HEADER, token);
        token.push('.');
        let mut claims = String::with_capacity(512);
        self.write_claims(&mut claims, (session, person), issuer, expires_at);
        URL_SAFE_NO_PAD.encode_string(&claims, token);
        let signed = &token.as_bytes()[start..];
        let sealed = seal(self.seed, Kind::JwtToken, [session, expires_at], signed);
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature(&sealed), token);
    }

    /// The claims of Auth0's access tokens for an API and for UserInfo.
    fn write_claims(
        &self,
        claims: &mut String,
        (session, person): (u64, &Person),
        issuer: &str,
        expires_at: u64,
    ) {
        let issued_at = expires_at.saturating_sub(ISSUED_BEFORE_SECONDS);
        let id = draw(self.seed, TOKEN_ID, session);
        write!(
            claims,
            r#"{{"iss":"{issuer}","sub":"{}","aud":["https://api.ferry.example","{issuer}/userinfo"],"iat":{issued_at},"exp":{expires_at},"scope":"openid profile email","azp":"fErryS1mLegacyAppC1ientIdentif1er","sid":"{id:016x}{:016x}","jti":"{:016x}","https://ferry.example/organization":"org_{}"}}"#,
            person.subject,
            mix(id),
            mix(id ^ expires_at),
            person.organization,
        )
        .expect("writing to a string does not fail");
    }

    /// The session and the expiry of an access token, if it is one of this population's.
    pub(crate) fn recognise(&self, token: &str) -> Option<Recognised> {
        let [session, expires_at] = match token.rsplit_once('.') {
            Some((signed, signature)) => self.open_jwt(signed, signature)?,
            None => numbers_of_opaque(self.seed, Kind::OpaqueToken, token)?,
        };
        (session < self.sessions).then_some(Recognised {
            session,
            expires_at,
        })
    }

    /// The session and the generation of a refresh token, if it is one of this population's.
    pub(crate) fn recognise_refresh_token(&self, token: &str) -> Option<[u64; 2]> {
        let opaque = token.strip_prefix("v1.")?;
        numbers_of_opaque(self.seed, Kind::RefreshToken, opaque)
            .filter(|[session, _]| *session < self.sessions)
    }

    fn open_jwt(&self, signed: &str, encoded: &str) -> Option<[u64; 2]> {
        let mut decoded = [0; SIGNATURE_BYTES];
        let written = URL_SAFE_NO_PAD.decode_slice(encoded, &mut decoded).ok()?;
        let sealed = decoded.first_chunk::<SEAL_BYTES>()?;
        if written != SIGNATURE_BYTES || signature(sealed) != decoded {
            return None;
        }
        open(self.seed, Kind::JwtToken, sealed, signed.as_bytes())
    }
}

/// A seal, drawn out to the length of a signature.
fn signature(sealed: &[u8; SEAL_BYTES]) -> [u8; SIGNATURE_BYTES] {
    let mut bytes = [0; SIGNATURE_BYTES];
    bytes[..SEAL_BYTES].copy_from_slice(sealed);
    let mut state = sealed
        .iter()
        .fold(0, |state, byte| mix(state ^ u64::from(*byte)));
    for chunk in bytes[SEAL_BYTES..].chunks_exact_mut(8) {
        state = mix(state);
        chunk.copy_from_slice(&state.to_be_bytes());
    }
    bytes
}

const HEADER: &str = r#"{"alg":"RS256","typ":"JWT","kid":"ferry-sim-legacy-key1"}"#;

/// A signature of RS256 with a key of 2048 bits.
const SIGNATURE_BYTES: usize = 256;

/// Auth0's default life of a token for UserInfo (code flow) is a day.
const ISSUED_BEFORE_SECONDS: u64 = 86_400;

const OPAQUE: u64 = 301;
const TOKEN_ID: u64 = 302;

#[cfg(test)]
mod tests {
    use super::*;

    const ISSUER: &str = "http://127.0.0.1:8080/oidc";
    const EXPIRES_AT: u64 = 1_800_000_000;

    #[test]
    fn a_token_is_recognised_and_a_changed_one_is_not() {
        let population = Population {
            opaque: 0.5,
            ..Population::new(100, 5)
        };
        for session in 0..100 {
            let token = population.access_token(session, ISSUER, EXPIRES_AT);
            let known = Recognised {
                session,
                expires_at: EXPIRES_AT,
            };
            assert_eq!(population.recognise(&token), Some(known));
            for place in [0, token.len() / 2, token.len() - 4] {
                let mut changed = token.clone().into_bytes();
                changed[place] = if changed[place] == b'A' { b'B' } else { b'A' };
                let changed = String::from_utf8(changed).expect("ASCII stays ASCII");
                assert_eq!(population.recognise(&changed), None, "changed at {place}");
            }
        }
    }

    #[test]
    fn a_jwt_is_as_long_as_those_of_auth0() {
        let token = Population::new(10, 5).access_token(3, ISSUER, EXPIRES_AT);
        assert!((900..=1000).contains(&token.len()), "{}", token.len());
    }

    #[test]
    fn the_claims_of_a_jwt_are_json() {
        let token = Population::new(10, 5).access_token(3, ISSUER, EXPIRES_AT);
        let claims = token.split('.').nth(1).expect("a JWT has three parts");
        let claims = URL_SAFE_NO_PAD.decode(claims).expect("base64");
        let claims: serde_json::Value = serde_json::from_slice(&claims).expect("JSON");
        assert_eq!(claims["iss"], ISSUER);
        assert_eq!(claims["aud"][1], format!("{ISSUER}/userinfo"));
        assert_eq!(claims["exp"], EXPIRES_AT);
    }

    #[test]
    fn a_refresh_token_gives_session_and_generation_back() {
        let population = Population::new(10, 5);
        let token = population.refresh_token(4, 2);
        assert_eq!(population.recognise_refresh_token(&token), Some([4, 2]));
    }
}
