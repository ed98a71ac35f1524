//! What kind of token a token is, by its looks.

use base64::Engine as _;
use serde::Deserialize;

use super::jwt::BASE64;

/// What kind of token a token is, by its looks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenForm {
    /// Nothing can be read from it.
    Opaque,
    /// A JWT, signed by this algorithm (the header's `alg`), if it names one that is a name: at most
    /// 16 letters and digits.
    Jwt(Option<String>),
    /// An encrypted JWT: an access token for an API, that no UserInfo endpoint takes.
    Encrypted,
}

#[derive(Deserialize)]
struct Header {
    alg: Option<String>,
}

impl TokenForm {
    /// The form of this token.
    pub fn of(token: &str) -> Self {
        let Some((header, _)) = token.split_once('.') else {
            return Self::Opaque;
        };
        match (header_of(header), token.split('.').count()) {
            (Some(_), 5) => Self::Encrypted,
            (Some(Header { alg }), 3) => Self::Jwt(alg.filter(|alg| is_name(alg))),
            _ => Self::Opaque,
        }
    }
}

fn header_of(encoded: &str) -> Option<Header> {
    serde_json::from_slice(&BASE64.decode(encoded).ok()?).ok()
}

fn is_name(alg: &str) -> bool {
    (1..=16).contains(&alg.len()) && alg.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_tells_the_algorithm() {
        let rs256 = "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.e30.c2ln";
        assert_eq!(
            TokenForm::of(rs256),
            TokenForm::Jwt(Some("RS256".to_owned()))
        );
        let encrypted = "eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIn0..aXY.dGV4dA.dGFn";
        assert_eq!(TokenForm::of(encrypted), TokenForm::Encrypted);
        for opaque in [
            "",
            "mZAYn5aLEqKUlZ",
            "a.b.c",
            "e30.e30",
            "v4.public.e30.Zm9v",
        ] {
            assert_eq!(TokenForm::of(opaque), TokenForm::Opaque, "{opaque}");
        }
    }
}
