//! A growing buffer that leaves nothing behind.

use std::io;
use std::ops::Deref;

use zeroize::Zeroizing;

/// Bytes among which is a secret: wiped when dropped, and when they move to a larger allocation
/// (a plain `Vec` would leave the old one as it was).
#[derive(Default)]
pub struct SecretBuffer(Zeroizing<Vec<u8>>);

impl SecretBuffer {
    /// With room for so many bytes.
    pub fn with_capacity(bytes: usize) -> Self {
        Self(Zeroizing::new(Vec::with_capacity(bytes)))
    }

    /// Appends them.
    pub fn push(&mut self, bytes: &[u8]) {
        let needed = self.0.len() + bytes.len();
        if needed > self.0.capacity() {
            let mut larger = Self::with_capacity(needed.max(2 * self.0.capacity()));
            larger.0.extend_from_slice(&self.0);
            *self = larger;
        }
        self.0.extend_from_slice(bytes);
    }
}

impl Deref for SecretBuffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl AsRef<[u8]> for SecretBuffer {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl io::Write for SecretBuffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.push(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_pushed_in_pieces_is_whole() {
        let mut buffer = SecretBuffer::default();
        for piece in ["a", "", "bcd", &"e".repeat(1000)] {
            buffer.push(piece.as_bytes());
        }
        assert_eq!(&buffer[..4], b"abcd");
        assert_eq!(buffer.len(), 1004);
    }
}
