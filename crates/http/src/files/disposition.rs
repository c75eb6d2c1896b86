//! `Content-Disposition` of downloads (RFC 6266).

use std::fmt::Write as _;

use axum::http::HeaderValue;
use colloquy_domain::FileName;

/// Tells the client to save the file under its name. Clients that know no other encoding get the
/// name in ASCII, with `_` for the rest.
pub(super) fn attachment(name: &FileName) -> HeaderValue {
    let name = name.as_str();
    let is_plain = |c: char| c == ' ' || (c.is_ascii_graphic() && !"\"\\%".contains(c));
    let plain: String = name
        .chars()
        .map(|c| if is_plain(c) { c } else { '_' })
        .collect();
    let mut value = format!("attachment; filename=\"{plain}\"");
    if plain != name {
        value.push_str("; filename*=UTF-8''");
        name.bytes().for_each(|byte| push_encoded(&mut value, byte));
    }
    let value = HeaderValue::try_from(value);
    value.unwrap_or_else(|_| HeaderValue::from_static("attachment"))
}

/// As RFC 8187 wants it.
fn push_encoded(value: &mut String, byte: u8) {
    if byte.is_ascii_alphanumeric() || b"!#$&+-.^_`|~".contains(&byte) {
        value.push(char::from(byte));
    } else {
        // Writing to a string does not fail.
        let _ = write!(value, "%{byte:02X}");
    }
}

#[cfg(test)]
mod tests {
    use colloquy_domain::FileName;

    use super::attachment;

    #[test]
    fn every_name_is_said_in_ascii() {
        for (name, expected) in [
            ("notes 1.txt", "attachment; filename=\"notes 1.txt\""),
            (
                "a\"b;c='%41.txt",
                "attachment; filename=\"a_b;c='_41.txt\"; \
                 filename*=UTF-8''a%22b%3Bc%3D%27%2541.txt",
            ),
            (
                "é€",
                "attachment; filename=\"__\"; filename*=UTF-8''%C3%A9%E2%82%AC",
            ),
        ] {
            let value = attachment(&FileName::parse(name).unwrap());
            assert_eq!(value.to_str().unwrap(), expected);
        }
    }
}
