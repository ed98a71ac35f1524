//! Replies, faithful and otherwise.

use std::borrow::Cow;
use std::io;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;

use crate::stytch::request_id;

/// What the audit notes about a reply.
#[derive(Debug, Clone)]
pub(crate) struct Outcome(pub(crate) Cow<'static, str>);

/// The connection is to be cut instead of sending this reply.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cut;

/// Stytch's frame around every reply.
#[derive(Serialize)]
struct Framed<T> {
    status_code: u16,
    request_id: String,
    #[serde(flatten)]
    body: T,
}

/// 200 with Stytch's frame.
pub(crate) fn ok(body: impl Serialize) -> Response {
    json(StatusCode::OK, framed(body))
}

/// The body of a 200 with Stytch's frame.
pub(crate) fn framed(body: impl Serialize) -> Bytes {
    Bytes::from(to_json(&Framed {
        status_code: 200,
        request_id: request_id(),
        body,
    }))
}

/// JSON without a frame.
pub(crate) fn plain(status: StatusCode, body: &impl Serialize) -> Response {
    json(status, Bytes::from(to_json(body)))
}

/// A body of JSON that is already written.
pub(crate) fn json(status: StatusCode, body: Bytes) -> Response {
    (status, [(header::CONTENT_TYPE, JSON)], body).into_response()
}

/// A page as proxies show it.
pub(crate) fn html(status: StatusCode, title: &str) -> Response {
    let page = format!(
        "<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n<center><h1>{title}</h1></center>\r\n\
         <hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
    );
    (
        status,
        [(header::CONTENT_TYPE, HeaderValue::from_static("text/html"))],
        page,
    )
        .into_response()
}

/// No reply at all: the connection is cut.
pub(crate) fn cut(outcome: &'static str) -> Response {
    let mut response = noted(Response::new(Body::empty()), outcome);
    response.extensions_mut().insert(Cut);
    response
}

/// A reply that announces its whole length and ends in its middle.
pub(crate) fn cut_in_middle(body: &Bytes) -> Response {
    let half = body.slice(..body.len() / 2);
    let length = HeaderValue::from(body.len());
    let stream = futures::stream::unfold(Some(half), |half| async move {
        let Some(half) = half else {
            // Time for the first half to leave, which an error at once would hold back.
            tokio::time::sleep(Duration::from_millis(20)).await;
            return Some((Err(io::Error::from(io::ErrorKind::ConnectionReset)), None));
        };
        Some((Ok(half), None))
    });
    let mut response = json(StatusCode::OK, Bytes::new());
    *response.body_mut() = Body::from_stream(stream);
    response
        .headers_mut()
        .insert(header::CONTENT_LENGTH, length);
    response
}

/// The reply, with what the audit is to note about it.
pub(crate) fn noted(mut response: Response, outcome: impl Into<Cow<'static, str>>) -> Response {
    response.extensions_mut().insert(Outcome(outcome.into()));
    response
}

fn to_json(body: &impl Serialize) -> Vec<u8> {
    let mut json = Vec::with_capacity(3 * 1024);
    serde_json::to_writer(&mut json, body).expect("replies have text keys, and memory takes them");
    json
}

const JSON: HeaderValue = HeaderValue::from_static("application/json");
