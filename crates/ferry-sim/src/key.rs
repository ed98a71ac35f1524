//! The key that signs Stytch's session JWTs.
//!
//! It is in this repository for everybody to read: it is worth nothing, and nothing but a
//! simulator's reply may ever be believed because of it.

use std::sync::OnceLock;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::rand::SystemRandom;
use ring::rsa::PublicKeyComponents;
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaKeyPair};
use serde::Serialize;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

const PRIVATE_KEY: &[u8] = include_bytes!("key/public-worthless-rsa2048.pk8.der");
const CERTIFICATE: &[u8] = include_bytes!("key/public-worthless-certificate.der");

/// Signs and verifies RS256.
#[derive(Debug)]
pub(crate) struct Key {
    pair: RsaKeyPair,
    random: SystemRandom,
    header: String,
    first: OnceLock<String>,
}

impl Key {
    pub(crate) fn new() -> Self {
        let pair = RsaKeyPair::from_pkcs8(PRIVATE_KEY).expect("the embedded key is a PKCS#8 key");
        let header = json!({ "alg": "RS256", "kid": KEY_ID, "typ": "JWT" }).to_string();
        Self {
            pair,
            random: SystemRandom::new(),
            header: URL_SAFE_NO_PAD.encode(header),
            first: OnceLock::new(),
        }
    }

    /// A JWT with these claims. Costs about a millisecond.
    pub(crate) fn sign(&self, claims: &Value) -> String {
        let signed = format!(
            "{}.{}",
            self.header,
            URL_SAFE_NO_PAD.encode(claims.to_string())
        );
        let mut signature = vec![0; self.pair.public().modulus_len()];
        self.pair
            .sign(
                &RSA_PKCS1_SHA256,
                &self.random,
                signed.as_bytes(),
                &mut signature,
            )
            .expect("the buffer has the length of the modulus");
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    /// The first JWT that was asked for in this way, signed once.
    pub(crate) fn once(&self, claims: impl FnOnce() -> Value) -> String {
        self.first.get_or_init(|| self.sign(&claims())).clone()
    }

    /// The claims of a JWT that this key signed, whether or not it has expired.
    pub(crate) fn verify(&self, token: &str) -> Option<Value> {
        let (signed, signature) = token.rsplit_once('.')?;
        let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
        let public = ring::signature::UnparsedPublicKey::new(
            &RSA_PKCS1_2048_8192_SHA256,
            self.pair.public().as_ref(),
        );
        public.verify(signed.as_bytes(), &signature).ok()?;
        let claims = URL_SAFE_NO_PAD.decode(signed.split_once('.')?.1).ok()?;
        serde_json::from_slice(&claims).ok()
    }

    /// The public half, as a JSON Web Key.
    pub(crate) fn jwk(&self) -> Jwk {
        let public: PublicKeyComponents<Vec<u8>> = self.pair.public().into();
        Jwk {
            kty: "RSA",
            r#use: "sig",
            key_ops: ["verify"],
            alg: "RS256",
            kid: KEY_ID,
            x5c: [STANDARD.encode(CERTIFICATE)],
            x5t_s256: URL_SAFE_NO_PAD.encode(Sha256::digest(CERTIFICATE)),
            n: URL_SAFE_NO_PAD.encode(public.n),
            e: URL_SAFE_NO_PAD.encode(public.e),
        }
    }
}

/// A JSON Web Key with every field that Stytch's key set has.
#[derive(Debug, Serialize)]
pub(crate) struct Jwk {
    kty: &'static str,
    r#use: &'static str,
    key_ops: [&'static str; 1],
    alg: &'static str,
    kid: &'static str,
    x5c: [String; 1],
    #[serde(rename = "x5tS256")]
    x5t_s256: String,
    n: String,
    e: String,
}

const KEY_ID: &str = "jwk-test-ferry-sim-public-worthless-key";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_key_signed_it_verifies_and_nothing_else() {
        let key = Key::new();
        let claims = json!({ "sub": "member-test-1" });
        let token = key.sign(&claims);
        assert_eq!(key.verify(&token), Some(claims));
        assert_eq!(key.verify(&token[1..]), None);
        assert_eq!(key.verify("not a token"), None);
    }
}
