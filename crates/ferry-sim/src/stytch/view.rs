//! Members, users and sessions as replies show them.

mod member;
mod session;
mod user;

pub(crate) use member::{MemberView, WithOrganization};
pub(crate) use session::{MemberSessionView, UserSessionView, factors};
pub(crate) use user::{UserView, email_id, phone_id};
