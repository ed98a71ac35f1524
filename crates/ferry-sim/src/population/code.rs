//! Ids and tokens that carry a number and a check, so that the simulator recognises each of ten
//! million without keeping one.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

use crate::draw::{draw, mix};

/// What a code stands for. Codes of different kinds never pass for each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Organization = 1,
    Member,
    User,
    MemberSession,
    Session,
    Request,
    Email,
    Phone,
    LegacySession,
    Subject,
    OpaqueToken,
    JwtToken,
    RefreshToken,
    SessionToken,
}

/// Bytes of a seal: a check of 16, then two numbers hidden by it.
pub(crate) const SEAL_BYTES: usize = 32;

/// The bits of an id in which its number is hidden.
const NUMBER_BITS: u64 = (1 << 62) - 1;

/// A UUID of version 4 that carries `number`, at most 62 bits of it.
pub(crate) fn uuid(seed: u64, kind: Kind, number: u64) -> String {
    let high = uuid_check(seed, kind, number);
    let low = ((number ^ mix(high)) & NUMBER_BITS) | (0b10 << 62);
    format!(
        "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
        high >> 32,
        (high >> 16) & 0xFFFF,
        high & 0xFFFF,
        low >> 48,
        low & 0xFFFF_FFFF_FFFF
    )
}

/// The number that [`uuid`] put there, if this is one of ours.
pub(crate) fn number_of_uuid(seed: u64, kind: Kind, text: &str) -> Option<u64> {
    let groups: Vec<u64> = text
        .split('-')
        .map(|group| u64::from_str_radix(group, 16).ok())
        .collect::<Option<_>>()?;
    let [first, second, third, fourth, fifth] = groups[..] else {
        return None;
    };
    let high = (first.checked_shl(32)? | (second << 16)) | third;
    let low = (fourth << 48) | fifth;
    let number = (low ^ mix(high)) & NUMBER_BITS;
    (uuid(seed, kind, number) == text).then_some(number)
}

fn uuid_check(seed: u64, kind: Kind, number: u64) -> u64 {
    (draw(seed, kind as u64, number) & !0xF000) | 0x4000
}

/// A seal over two numbers and some data.
pub(crate) fn seal(seed: u64, kind: Kind, numbers: [u64; 2], data: &[u8]) -> [u8; SEAL_BYTES] {
    let check = check(seed, kind, numbers, data);
    let mask = mask(&check);
    let mut sealed = [0; SEAL_BYTES];
    sealed[..16].copy_from_slice(&check);
    sealed[16..24].copy_from_slice(&(numbers[0] ^ mask).to_be_bytes());
    sealed[24..].copy_from_slice(&(numbers[1] ^ mix(mask)).to_be_bytes());
    sealed
}

/// The numbers of a seal, if it is one of ours and over this data.
pub(crate) fn open(
    seed: u64,
    kind: Kind,
    sealed: &[u8; SEAL_BYTES],
    data: &[u8],
) -> Option<[u64; 2]> {
    let (seal_check, hidden) = sealed.split_first_chunk::<16>()?;
    let (first, second) = hidden.split_first_chunk::<8>()?;
    let mask = mask(seal_check);
    let second = second.first_chunk::<8>()?;
    let numbers = [
        u64::from_be_bytes(*first) ^ mask,
        u64::from_be_bytes(*second) ^ mix(mask),
    ];
    (check(seed, kind, numbers, data) == *seal_check).then_some(numbers)
}

/// An opaque token: a seal in 43 URL-safe characters.
pub(crate) fn opaque(seed: u64, kind: Kind, numbers: [u64; 2]) -> String {
    URL_SAFE_NO_PAD.encode(seal(seed, kind, numbers, &[]))
}

/// The numbers of an opaque token, if it is one of ours.
pub(crate) fn numbers_of_opaque(seed: u64, kind: Kind, token: &str) -> Option<[u64; 2]> {
    let mut sealed = [0; SEAL_BYTES];
    let written = URL_SAFE_NO_PAD.decode_slice(token, &mut sealed).ok()?;
    if written == SEAL_BYTES {
        open(seed, kind, &sealed, &[])
    } else {
        None
    }
}

fn check(seed: u64, kind: Kind, numbers: [u64; 2], data: &[u8]) -> [u8; 16] {
    let digest = Sha256::new()
        .chain_update(seed.to_be_bytes())
        .chain_update((kind as u64).to_be_bytes())
        .chain_update(numbers[0].to_be_bytes())
        .chain_update(numbers[1].to_be_bytes())
        .chain_update(data)
        .finalize();
    let mut check = [0; 16];
    check.copy_from_slice(&digest[..16]);
    check
}

fn mask(check: &[u8; 16]) -> u64 {
    mix(u64::from_be_bytes([
        check[0], check[1], check[2], check[3], check[4], check[5], check[6], check[7],
    ]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uuid_gives_its_number_back() {
        for number in [0, 1, 9_999_999, 1 << 60] {
            let id = uuid(7, Kind::Member, number);
            assert_eq!(id.len(), 36);
            assert_eq!(number_of_uuid(7, Kind::Member, &id), Some(number));
        }
    }

    #[test]
    fn a_uuid_of_another_kind_or_seed_or_hand_is_not_ours() {
        let id = uuid(7, Kind::Member, 5);
        assert_eq!(number_of_uuid(7, Kind::User, &id), None);
        assert_eq!(number_of_uuid(8, Kind::Member, &id), None);
        assert_eq!(
            number_of_uuid(7, Kind::Member, "c0ffee00-0000-4000-8000-000000000000"),
            None
        );
        assert_eq!(
            number_of_uuid(7, Kind::Member, "ffffffffffffffff-0-0-0-0"),
            None
        );
        assert_eq!(number_of_uuid(7, Kind::Member, ""), None);
    }

    #[test]
    fn an_opaque_token_gives_its_numbers_back_and_a_changed_one_nothing() {
        let token = opaque(7, Kind::OpaqueToken, [12, 1_900_000_000]);
        assert_eq!(
            numbers_of_opaque(7, Kind::OpaqueToken, &token),
            Some([12, 1_900_000_000])
        );
        let changed = format!("A{}", &token[1..]);
        assert_eq!(numbers_of_opaque(7, Kind::OpaqueToken, &changed), None);
    }
}
