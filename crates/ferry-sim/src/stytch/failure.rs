//! Stytch's errors: one envelope, and the statuses that go with the types.
//!
//! Where Stytch publishes only the name of a type, the status here is the most likely one; a client
//! must decide by `error_type`.

use std::borrow::Cow;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::body::Bytes;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::population::code::{Kind, uuid};
use crate::reply;

/// An error reply.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    status: StatusCode,
    error_type: Cow<'static, str>,
    message: Cow<'static, str>,
    retry_after: Option<String>,
}

impl Failure {
    pub(crate) fn new(
        status: u16,
        error_type: impl Into<Cow<'static, str>>,
        message: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            status: StatusCode::from_u16(status).expect("statuses are written in this crate"),
            error_type: error_type.into(),
            message: message.into(),
            retry_after: None,
        }
    }

    pub(crate) fn bad_request(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(400, "bad_request", message)
    }

    pub(crate) fn unauthorized_credentials() -> Self {
        Self::new(401, "unauthorized_credentials", "Unauthorized credentials.")
    }

    pub(crate) fn organization_suspended() -> Self {
        Self::new(
            403,
            "organization_suspended",
            "The Organization is suspended.",
        )
    }

    pub(crate) fn organization_not_found() -> Self {
        Self::new(
            404,
            "organization_not_found",
            "Organization could not be found.",
        )
    }

    pub(crate) fn member_not_found() -> Self {
        Self::new(404, "member_not_found", "Member could not be found.")
    }

    pub(crate) fn user_not_found() -> Self {
        Self::new(404, "user_not_found", "User could not be found.")
    }

    pub(crate) fn session_not_found() -> Self {
        Self::new(404, "session_not_found", "Session could not be found.")
    }

    pub(crate) fn route_not_found() -> Self {
        Self::new(
            404,
            "route_not_found",
            "The requested route could not be found.",
        )
    }

    pub(crate) fn method_not_allowed() -> Self {
        Self::new(
            405,
            "method_not_allowed",
            "The requested method is not allowed for this route.",
        )
    }

    pub(crate) fn too_many_requests(error_type: &str, retry_after: Option<String>) -> Self {
        let message = "Too many requests have been made.";
        Self {
            retry_after,
            ..Self::new(429, error_type.to_owned(), message)
        }
    }

    pub(crate) fn internal_server_error() -> Self {
        Self::new(
            500,
            "internal_server_error",
            "Oops, something seems to have gone wrong, please reach out to support@stytch.com to \
             let us know what went wrong.",
        )
    }

    pub(crate) fn server_unavailable() -> Self {
        Self::new(
            503,
            "server_unavailable",
            "The server is unavailable. Please retry the request.",
        )
    }

    pub(crate) fn missing_userinfo() -> Self {
        Self::new(
            400,
            "migrate_from_external_missing_userinfo",
            "No external UserInfo endpoint is configured for this project.",
        )
    }

    pub(crate) fn unexpected_response() -> Self {
        Self::new(
            400,
            "migrate_from_external_unexpected_response",
            "The external UserInfo endpoint gave an unexpected response.",
        )
    }

    pub(crate) fn email_does_not_exist() -> Self {
        Self::new(
            404,
            "migrate_from_external_email_does_not_exist",
            "The email address from the external UserInfo endpoint does not exist.",
        )
    }

    pub(crate) fn invalid_email() -> Self {
        Self::new(400, "invalid_email", "Email format is invalid.")
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let status = self.status.as_u16();
        let error_type = &self.error_type;
        let body = json!({
            "status_code": status,
            "request_id": request_id(),
            "error_type": error_type,
            "error_message": self.message,
            "error_url": format!(
                "https://stytch.com/docs/api-reference/b2b/api/errors/{status}#{error_type}"
            ),
        });
        let mut response = reply::json(self.status, Bytes::from(body.to_string()));
        let header = self
            .retry_after
            .and_then(|value| HeaderValue::try_from(value).ok());
        if let Some(value) = header {
            response.headers_mut().insert(header::RETRY_AFTER, value);
        }
        reply::noted(response, self.error_type)
    }
}

/// An id as every reply of Stytch has one.
pub(crate) fn request_id() -> String {
    static REQUESTS: AtomicU64 = AtomicU64::new(0);
    let number = REQUESTS.fetch_add(1, Ordering::Relaxed);
    format!("request-id-test-{}", uuid(0, Kind::Request, number))
}
