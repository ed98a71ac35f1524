//! Stytch's HTTP API, as far as Ferry calls it
