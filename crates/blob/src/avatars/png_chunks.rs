//! Removes PNG chunks that make the decoder reject the file.

use std::borrow::Cow;

const SIGNATURE_BYTES: usize = 8;
/// Length, type and checksum.
const CHUNK_OVERHEAD: usize = 12;

/// Drops invalid `cICP` chunks, which are ancillary.
pub(super) fn without_invalid_cicp(file: &[u8]) -> Cow<'_, [u8]> {
    let mut kept = Vec::new();
    let (mut copied_to, mut offset) = (0, SIGNATURE_BYTES);
    while let Some((kind, data)) = chunk(file, offset) {
        let end = offset + CHUNK_OVERHEAD + data.len();
        match kind {
            b"IDAT" => break,
            b"cICP" if is_invalid_cicp(data) => {
                kept.extend_from_slice(&file[copied_to..offset]);
                copied_to = end;
            }
            _ => {}
        }
        offset = end;
    }
    if copied_to == 0 {
        return Cow::Borrowed(file);
    }
    kept.extend_from_slice(&file[copied_to..]);
    Cow::Owned(kept)
}

fn chunk(file: &[u8], offset: usize) -> Option<(&[u8; 4], &[u8])> {
    let (length, rest) = file.get(offset..)?.split_first_chunk()?;
    let (kind, rest) = rest.split_first_chunk()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    let data = rest.get(..length)?;
    rest[length..].first_chunk::<4>()?;
    Some((kind, data))
}

/// Only the RGB matrix, 0, and a full-range flag of 0 or 1 are allowed.
fn is_invalid_cicp(data: &[u8]) -> bool {
    !matches!(data, [_primaries, _transfer, 0, 0 | 1])
}
