//! What others may rely on, over HTTP, as any client would see it.

mod admin;
mod audit;
mod b2b;
mod client;
mod consumer;
mod export;
mod faults;
mod members;
mod oidc;
mod schema;
mod start;
