//! Names that nobody else has.

use std::fmt::Write;
use std::fs::File;
use std::io::{self, Read};

/// 32 hexadecimal digits, from the system; also good as a password.
pub(crate) fn random_name() -> io::Result<String> {
    let mut bytes = [0; 16];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes.iter().fold(String::new(), |mut name, byte| {
        // Writing to a string does not fail.
        let _ = write!(name, "{byte:02x}");
        name
    }))
}
