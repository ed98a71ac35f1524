//! From the bytes on disk to the bytes of the export: counted, unpacked, and stopped if they are
//! too many.

use std::error::Error;
use std::fmt;
use std::io::{self, ErrorKind, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use flate2::read::MultiGzDecoder;

use super::error::SourceError;

/// How the export is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Compression {
    None,
    Gzip,
    Zstd,
}

/// An export of tokens, which are random, packs at about 2:1, and at most at 20:1 with much
/// padding. A bomb needs to be let unpack this far before it is told from a very small export …
const BOMB_BYTES: u64 = 64 * 1024 * 1024;
/// … and is then far above this ratio (gzip's highest is 1032:1).
const BOMB_RATIO: u64 = 200;

/// zstd's window is held in memory; 2^26 bytes are 64 MiB. Its levels up to 19 need 8 MiB.
const ZSTD_WINDOW_LOG: u32 = 26;

/// Reads the bytes as they lie on disk, and counts them.
pub(super) struct Counted<R> {
    inner: R,
    read: Arc<AtomicU64>,
}

struct Guarded<R> {
    unpacked: R,
    packed_bytes: Arc<AtomicU64>,
    unpacked_bytes: u64,
}

/// The system's own fault, told from those of unpacking.
#[derive(Debug)]
struct DiskFault(io::Error);

#[derive(Debug)]
struct BombFault;

/// Where reading an export stopped, for the error.
pub(super) struct Place<'a> {
    pub(super) export: &'a str,
    pub(super) compression: Compression,
    /// The last whole record.
    pub(super) after: u64,
}

impl Compression {
    pub(super) fn of(first_bytes: &[u8]) -> Self {
        match first_bytes {
            [0x1f, 0x8b, ..] => Self::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Self::Zstd,
            _ => Self::None,
        }
    }

    /// The bytes of the export. `packed` must count into `packed_bytes`.
    pub(super) fn unpack<R: Read + Send + 'static>(
        self,
        packed: Counted<R>,
    ) -> io::Result<Box<dyn Read + Send>> {
        let packed_bytes = Arc::clone(&packed.read);
        Ok(match self {
            Self::None => Box::new(packed),
            Self::Gzip => Box::new(Guarded::new(MultiGzDecoder::new(packed), packed_bytes)),
            Self::Zstd => {
                let mut unpacked = zstd::stream::read::Decoder::new(packed)?;
                unpacked.window_log_max(ZSTD_WINDOW_LOG)?;
                Box::new(Guarded::new(unpacked, packed_bytes))
            }
        })
    }
}

/// The name of a container that Ferry does not open.
pub(super) fn foreign_container(first_bytes: &[u8]) -> Option<&'static str> {
    const TAR_MAGIC_AT: usize = 257;
    if first_bytes.get(TAR_MAGIC_AT..TAR_MAGIC_AT + 5) == Some(b"ustar") {
        return Some("a tar archive");
    }
    match first_bytes {
        [b'P', b'K', 3 | 5, 4 | 6, ..] => Some("a zip archive or an Excel workbook"),
        [b'B', b'Z', b'h', b'1'..=b'9', 0x31, 0x41, 0x59, ..] => Some("compressed by bzip2"),
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Some("compressed by xz"),
        [b'7', b'z', 0xbc, 0xaf, 0x27, 0x1c, ..] => Some("a 7z archive"),
        [0x04, 0x22, 0x4d, 0x18, ..] => Some("compressed by lz4"),
        _ => None,
    }
}

/// As [`foreign_container`], once unpacked: nor is a container in a container opened.
pub(super) fn inner_container(first_bytes: &[u8]) -> Option<&'static str> {
    match Compression::of(first_bytes) {
        Compression::None => foreign_container(first_bytes),
        Compression::Gzip | Compression::Zstd => Some("compressed twice"),
    }
}

impl<R> Counted<R> {
    pub(super) fn new(inner: R, read: Arc<AtomicU64>) -> Self {
        Self { inner, read }
    }
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.inner.read(buffer) {
                Ok(bytes) => {
                    self.read.fetch_add(bytes as u64, Ordering::Relaxed);
                    return Ok(bytes);
                }
                Err(fault) if fault.kind() == ErrorKind::Interrupted => {}
                Err(fault) => return Err(io::Error::new(fault.kind(), DiskFault(fault))),
            }
        }
    }
}

impl<R> Guarded<R> {
    fn new(unpacked: R, packed_bytes: Arc<AtomicU64>) -> Self {
        Self {
            unpacked,
            packed_bytes,
            unpacked_bytes: 0,
        }
    }
}

impl<R: Read> Read for Guarded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let bytes = self.unpacked.read(buffer)?;
        self.unpacked_bytes += bytes as u64;
        let packed_bytes = self.packed_bytes.load(Ordering::Relaxed);
        let is_bomb = self.unpacked_bytes > BOMB_BYTES
            && self.unpacked_bytes > packed_bytes.saturating_mul(BOMB_RATIO);
        if is_bomb {
            Err(io::Error::other(BombFault))
        } else {
            Ok(bytes)
        }
    }
}

impl Place<'_> {
    /// What a fault of reading means, and what to do.
    pub(super) fn explain(&self, fault: io::Error) -> SourceError {
        let export = self.export.to_owned();
        let after = self.after;
        let inner = fault.get_ref();
        if inner.is_some_and(<dyn Error + Send + Sync>::is::<BombFault>) {
            return SourceError::Bomb { export, after };
        }
        if self.compression == Compression::None
            || inner.is_some_and(<dyn Error + Send + Sync>::is::<DiskFault>)
        {
            return SourceError::Read {
                export,
                after,
                source: fault,
            };
        }
        match fault.kind() {
            ErrorKind::UnexpectedEof => SourceError::Cut { export, after },
            // zstd names this one fault by its text alone.
            _ if fault.to_string().contains("too much memory") => SourceError::Window { export },
            _ => SourceError::Corrupt { export, after },
        }
    }
}

impl fmt::Display for DiskFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Error for DiskFault {}

impl fmt::Display for BombFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("unpacks to far too much")
    }
}

impl Error for BombFault {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compression_is_told_by_the_first_bytes() {
        assert_eq!(Compression::of(b"\x1f\x8b\x08"), Compression::Gzip);
        assert_eq!(Compression::of(b"\x28\xb5\x2f\xfd\x04"), Compression::Zstd);
        assert_eq!(Compression::of(b"\x50\x2a\x4d\x18"), Compression::Zstd);
        assert_eq!(Compression::of(b"access_token,"), Compression::None);
        assert_eq!(Compression::of(b""), Compression::None);
    }

    #[test]
    fn containers_that_are_not_opened_are_named() {
        for first_bytes in [
            b"PK\x03\x04\x14\0\0\0".as_slice(),
            b"PK\x05\x06\0\0\0\0",
            b"BZh91AY&SY",
            b"\xfd7zXZ\0",
            b"7z\xbc\xaf\x27\x1c",
            b"\x04\x22\x4d\x18",
        ] {
            assert!(foreign_container(first_bytes).is_some(), "{first_bytes:?}");
        }
        assert_eq!(foreign_container(b"BZh9,PK"), None);
    }

    #[test]
    fn an_interrupted_read_is_done_again() {
        struct Interrupted(bool);
        impl Read for Interrupted {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                if std::mem::replace(&mut self.0, true) {
                    buffer[0] = b'x';
                    return Ok(1);
                }
                Err(ErrorKind::Interrupted.into())
            }
        }
        let mut counted = Counted::new(Interrupted(false), Arc::default());
        assert_eq!(counted.read(&mut [0]).expect("read again"), 1);
    }
}
