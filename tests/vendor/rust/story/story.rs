//! What the tests are told, and the clients that they use.

use std::io;
use std::sync::LazyLock;

use serde::Deserialize;
use serde_json::{Value, json};
use stytch::client::Vertical;
use stytch::consumer::sessions::{
    AuthenticationFactor, AuthenticationFactorDeliveryMethod, AuthenticationFactorType,
};

/// Where the simulator is, and who is known there.
#[derive(Deserialize)]
pub(crate) struct Story {
    pub(crate) base_url: String,
    /// A simulator that tells every migrate call to wait.
    pub(crate) limited_base_url: String,
    pub(crate) project_id: String,
    pub(crate) secret: String,
    /// A member with a legacy session.
    pub(crate) alice: Alice,
    /// Somebody with a legacy session whom Stytch does not know.
    pub(crate) ursula: Ursula,
    /// Alice's, which UserInfo refuses.
    pub(crate) expired_session_token: String,
}

#[derive(Deserialize)]
pub(crate) struct Alice {
    pub(crate) session_token: String,
    pub(crate) email: String,
    pub(crate) organization_id: String,
    pub(crate) organization_slug: String,
    pub(crate) organization_external_id: String,
}

#[derive(Deserialize)]
pub(crate) struct Ursula {
    pub(crate) session_token: String,
    pub(crate) organization_id: String,
}

/// The story, read when it is first asked for.
pub(crate) static STORY: LazyLock<Story> = LazyLock::new(|| {
    serde_json::from_reader(io::stdin()).expect("the story is on standard input, as JSON")
});

/// The SDK's B2B client, with the right credentials.
pub(crate) fn b2b() -> stytch::b2b::client::Client {
    b2b_at(&STORY.base_url, &STORY.secret)
}

pub(crate) fn b2b_at(base_url: &str, secret: &str) -> stytch::b2b::client::Client {
    let http = http(base_url, secret, Vertical::B2B);
    stytch::b2b::client::Client::new_with_http_client(http.clone(), http)
}

/// The SDK's Consumer client.
pub(crate) fn consumer() -> stytch::consumer::client::Client {
    let http = http(&STORY.base_url, &STORY.secret, Vertical::Consumer);
    stytch::consumer::client::Client::new_with_http_client(http.clone(), http)
}

fn http(base_url: &str, secret: &str, vertical: Vertical) -> stytch::client::Client {
    let base_url = base_url.parse().expect("a URL");
    stytch::client::Client::new_with_base_url(&STORY.project_id, secret, base_url, vertical)
        .expect("the credentials fit in a header")
}

/// The claims of every migrated session. The SDK verifies no JWT without a `scope`.
pub(crate) fn claims() -> Value {
    json!({ "ferry_attempt": "attempt-1", "scope": "ferry:migrate" })
}

/// The one factor that Stytch documents for imported sessions.
pub(crate) fn is_imported(factors: &[AuthenticationFactor]) -> bool {
    matches!(
        factors,
        [AuthenticationFactor {
            type_: AuthenticationFactorType::Imported,
            delivery_method: AuthenticationFactorDeliveryMethod::ImportedAuth0,
            ..
        }]
    )
}
