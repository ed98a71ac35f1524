//! Faults that befall a migrate call after the session was minted: the caller cannot know.

use axum::body::Bytes;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde_json::{Map, Value};

use crate::faults::{Fault, Faults};
use crate::reply;
use crate::stytch::Failure;

/// The reply to a call that minted a session.
pub(super) fn befall(faults: &Faults, call: u64, minted: Bytes) -> Response {
    let befalls = |share, fault| faults.befalls(share, fault, call);
    if befalls(faults.cut_after_minting, Fault::CutAfter) {
        reply::cut("cut_after_minting")
    } else if befalls(faults.cut_in_reply, Fault::CutInReply) {
        reply::noted(reply::cut_in_middle(&minted), "cut_in_reply")
    } else if befalls(faults.error_after_minting, Fault::ErrorAfter) {
        reply::noted(
            Failure::internal_server_error().into_response(),
            "error_after_minting",
        )
    } else if befalls(faults.bad_json, Fault::BadJson) {
        let half = minted.slice(..minted.len() / 2);
        reply::noted(reply::json(StatusCode::OK, half), "bad_json")
    } else if befalls(faults.html_ok, Fault::HtmlOk) {
        reply::noted(reply::html(StatusCode::OK, "Welcome"), "html_ok")
    } else if befalls(faults.no_session_token, Fault::NoSessionToken) {
        let body = changed(&minted, |body| {
            body.remove("session_token");
        });
        reply::noted(reply::json(StatusCode::OK, body), "no_session_token")
    } else if befalls(faults.huge_body, Fault::HugeBody) {
        let body = changed(&minted, |body| {
            body.insert(
                "padding".to_owned(),
                Value::String("x".repeat(HUGE_BODY_BYTES)),
            );
        });
        reply::noted(reply::json(StatusCode::OK, body), "huge_body")
    } else {
        reply::json(StatusCode::OK, minted)
    }
}

fn changed(minted: &Bytes, change: impl FnOnce(&mut Map<String, Value>)) -> Bytes {
    let mut body = serde_json::from_slice(minted).expect("the simulator writes JSON objects");
    change(&mut body);
    Bytes::from(Value::Object(body).to_string())
}

/// Far more than any reply of Stytch: a client must stop reading.
const HUGE_BODY_BYTES: usize = 10 * 1024 * 1024;
