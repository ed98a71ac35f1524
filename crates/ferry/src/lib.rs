//! Carries live login sessions from a legacy identity provider to Stytch
