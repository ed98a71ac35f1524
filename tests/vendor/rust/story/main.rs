//! The vendor's Rust SDK against the simulator of Stytch.
//!
//! Reads the story from standard input as JSON: where the simulator is, who may call it, whose
//! legacy sessions there are. No token is printed: the SDK's replies are never shown as a whole.

mod b2b;
mod consumer;
mod errors;
mod story;
