//! Faults that befall a migrate call before anything is minted.

use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};

use crate::faults::{Fault, Faults};
use crate::gate::too_many_requests;
use crate::reply;
use crate::stytch::Failure;
use crate::world::World;

/// The reply, if a fault gives it.
pub(super) fn befall(world: &World, faults: &Faults, call: u64) -> Option<Response> {
    let befalls = |share, fault| faults.befalls(share, fault, call);
    if befalls(faults.cut_before_minting, Fault::CutBefore) {
        return Some(reply::cut("cut_before_minting"));
    }
    if befalls(faults.error_502, Fault::Error502) {
        let page = reply::html(StatusCode::BAD_GATEWAY, "502 Bad Gateway");
        return Some(reply::noted(page, "bad_gateway"));
    }
    let failure = if befalls(faults.error_429, Fault::Error429) {
        too_many_requests(world, faults, &faults.error_429_type)
    } else if befalls(faults.error_500, Fault::Error500) {
        Failure::internal_server_error()
    } else if befalls(faults.error_503, Fault::Error503) {
        Failure::server_unavailable()
    } else if befalls(faults.unheard_of, Fault::UnheardOf) {
        Failure::new(
            400,
            faults.unheard_of_type.clone(),
            "Something that is in no documentation.",
        )
    } else if faults.userinfo_missing {
        Failure::missing_userinfo()
    } else {
        return None;
    };
    Some(failure.into_response())
}
