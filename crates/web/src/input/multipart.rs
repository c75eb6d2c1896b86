//! Parses multipart forms (RFC 7578, RFC 2046).
//!
//! `multer` rejects file names with control bytes, takes `name=` inside a file name for the field
//! name, and copies each file twice.

use std::iter;

use memchr::memmem;

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Part<'a> {
    pub(super) name: String,
    pub(super) content: &'a [u8],
}

const MAX_BOUNDARY: usize = 70;
pub(super) const MAX_HEAD: usize = 8 * 1024;

pub(super) fn boundary(parameters: &str) -> Option<String> {
    let boundary = parameter(parameters, "boundary")?;
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"'()+_,-./:=? ".contains(&b);
    let fits = (1..=MAX_BOUNDARY).contains(&boundary.len())
        && boundary.bytes().all(allowed)
        && !boundary.ends_with(' ');
    fits.then_some(boundary)
}

/// A form's parts; a final `None` if malformed or truncated. Skips preamble and epilogue.
pub(super) fn parts<'a>(body: &'a [u8], boundary: &str) -> impl Iterator<Item = Option<Part<'a>>> {
    let delimiter = format!("\r\n--{boundary}");
    let mut rest = first(body, &delimiter);
    let mut is_over = false;
    iter::from_fn(move || {
        if is_over {
            return None;
        }
        let step = rest.and_then(|rest| step(rest, &delimiter));
        match step {
            Some(Step::Part(part, behind)) => {
                rest = Some(behind);
                Some(Some(part))
            }
            Some(Step::End) => {
                is_over = true;
                None
            }
            None => {
                is_over = true;
                Some(None)
            }
        }
    })
}

enum Step<'a> {
    Part(Part<'a>, &'a [u8]),
    End,
}

/// The first delimiter needs no preceding line.
fn first<'a>(body: &'a [u8], delimiter: &str) -> Option<&'a [u8]> {
    body.strip_prefix(&delimiter.as_bytes()[2..])
        .or_else(|| Some(split(body, delimiter.as_bytes())?.1))
}

/// After a delimiter: the end marker, or a part up to the next delimiter.
fn step<'a>(rest: &'a [u8], delimiter: &str) -> Option<Step<'a>> {
    if rest.starts_with(b"--") {
        return Some(Step::End);
    }
    let padding = rest.iter().take_while(|byte| b" \t".contains(byte)).count();
    // From the line ending: a part may have no header.
    let (head, content) = split(&rest[padding..], b"\r\n\r\n")?;
    let name = name(head.strip_prefix(b"\r\n")?)?;
    let (content, behind) = split(content, delimiter.as_bytes())?;
    Some(Step::Part(Part { name, content }, behind))
}

fn split<'a>(bytes: &'a [u8], separator: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let at = memmem::find(bytes, separator)?;
    Some((&bytes[..at], &bytes[at + separator.len()..]))
}

/// `Content-Disposition` of a part.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Disposition {
    /// Field name.
    pub(super) name: String,
    /// Name of the file, if given. Bytes that are not UTF-8 are replaced.
    pub(super) file_name: Option<String>,
}

/// The disposition in a part's header; `None` if malformed.
pub(super) fn disposition(head: &[u8]) -> Option<Disposition> {
    if head.len() > MAX_HEAD {
        return None;
    }
    // File names may have any encoding.
    let head = String::from_utf8_lossy(head);
    let lines: Option<Vec<_>> = head.split("\r\n").map(|it| it.split_once(':')).collect();
    let (_, disposition) = lines?
        .into_iter()
        .find(|(name, _)| name.trim().eq_ignore_ascii_case("content-disposition"))?;
    let (kind, parameters) = disposition.split_once(';')?;
    if !kind.trim().eq_ignore_ascii_case("form-data") {
        return None;
    }
    let extended = parameter(parameters, "filename*").and_then(|value| extended(&value));
    Some(Disposition {
        name: parameter(parameters, "name")?,
        file_name: extended.or_else(|| parameter(parameters, "filename")),
    })
}

fn name(head: &[u8]) -> Option<String> {
    disposition(head).map(|disposition| disposition.name)
}

/// An extended value in UTF-8 (RFC 8187), which some clients send for names beyond ASCII.
fn extended(value: &str) -> Option<String> {
    let (charset, value) = value.split_once('\'')?;
    let (_language, encoded) = value.split_once('\'')?;
    if !charset.eq_ignore_ascii_case("utf-8") {
        return None;
    }
    let decoded = percent_encoding::percent_decode_str(encoded);
    decoded.decode_utf8().ok().map(Into::into)
}

/// The first parameter of that name, plain or quoted. In some encodings a backslash is the second
/// byte of a character, so a head that fails with escapes is reread without.
fn parameter(parameters: &str, wanted: &str) -> Option<String> {
    find(parameters, wanted, true).or_else(|| find(parameters, wanted, false))
}

fn find(mut parameters: &str, wanted: &str, has_escapes: bool) -> Option<String> {
    loop {
        let (name, rest) = parameters.split_once('=')?;
        let name = name.trim_matches([' ', '\t', ';']);
        let (value, behind) = value(rest.trim_start(), has_escapes)?;
        if name.eq_ignore_ascii_case(wanted) {
            return Some(value);
        }
        parameters = behind;
    }
}

fn value(text: &str, has_escapes: bool) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find(';').unwrap_or(text.len());
        return Some((text[..end].trim_end().to_owned(), &text[end..]));
    };
    let mut value = String::new();
    let mut characters = quoted.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((value, &quoted[at + 1..])),
            // Browsers send file paths unescaped, so only these count.
            '\\' if has_escapes && quoted[at + 1..].starts_with(['"', '\\']) => {
                value.extend(characters.next().map(|(_, escaped)| escaped));
            }
            other => value.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::{Disposition, Part, boundary, disposition, parts};

    fn all<'a>(body: &'a str, boundary: &str) -> Vec<Option<(String, &'a [u8])>> {
        let parts = parts(body.as_bytes(), boundary);
        let pair = |Part { name, content }| (name, content);
        parts.map(|part| part.map(pair)).collect()
    }

    fn part<'a>(name: &str, content: &'a str) -> Option<(String, &'a [u8])> {
        Some((name.to_owned(), content.as_bytes()))
    }

    #[test]
    fn a_form_has_parts() {
        let body = "before\r\n--b  \r\nContent-Disposition: form-data; name=\"one\"\r\n\r\n\
                    1\r\n--c\r\n--\r\n--b\r\ncontent-type: x\r\n\
                    CONTENT-DISPOSITION: Form-Data; filename=\"a;name=\\\"q\\\".png\"; name=two\r\n\
                    \r\n\r\n--b--\r\nbehind";
        assert_eq!(
            all(body, "b"),
            [part("one", "1\r\n--c\r\n--"), part("two", "")]
        );
        assert!(all("--b--", "b").is_empty());
    }

    #[test]
    fn the_name_of_a_file_is_in_any_encoding() {
        for name in [
            &b"caf\xe9.png"[..],
            b"\xff\xfe\0",
            b"\x8e\xca\x90\x5e.png",
            b"\xf0\x9f",
        ] {
            let head = b"--b\r\nContent-Disposition: form-data; name=file; filename=\"";
            let body = [&head[..], name, b"\"\r\n\r\n\xff\r\n--b--"].concat();
            let found: Vec<_> = parts(&body, "b").collect();
            let expected = Part {
                name: "file".to_owned(),
                content: b"\xff",
            };
            assert_eq!(found, [Some(expected)]);
        }
    }

    #[test]
    fn the_name_of_a_file_may_end_in_a_byte_that_looks_like_an_escape() {
        // Katakana "so" in Shift-JIS.
        let head = b"--b\r\nContent-Disposition: form-data; filename=\"\x83\x5c\"; name=\"file\"";
        let body = [&head[..], b"\r\n\r\n1\r\n--b--"].concat();
        let found: Vec<_> = parts(&body, "b").collect();
        let expected = Part {
            name: "file".to_owned(),
            content: b"1",
        };
        assert_eq!(found, [Some(expected)]);
    }

    #[test]
    fn a_file_has_the_name_that_its_part_gives_it() {
        for (parameters, expected) in [
            ("name=file", None),
            ("name=file; filename=a.txt", Some("a.txt")),
            ("name=file; filename=\"a;b=\\\"c.txt\"", Some("a;b=\"c.txt")),
            ("filename=\"\"; name=file", Some("")),
            (
                "name=file; filename=\"x\"; filename*=UTF-8''%e2%82%ac%20a.txt",
                Some("\u{20ac} a.txt"),
            ),
            ("name=file; filename*=utf-8'en'b; filename=x", Some("b")),
            ("name=file; filename*=latin1''%e9; filename=x", Some("x")),
            ("name=file; filename*=utf-8''%ff; filename=x", Some("x")),
            ("name=file; filename*=b", None),
        ] {
            let head = format!("Content-Disposition: form-data; {parameters}");
            let expected = Disposition {
                name: "file".to_owned(),
                file_name: expected.map(str::to_owned),
            };
            assert_eq!(disposition(head.as_bytes()), Some(expected), "{parameters}");
        }
    }

    #[test]
    fn a_form_that_is_not_whole_is_found_out_at_its_end() {
        let whole = "--b\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n--b--";
        assert_eq!(all(whole, "b"), [part("a", "1")]);
        for length in 0..whole.len() - 2 {
            let found = all(&whole[..length], "b");
            assert_eq!(found.last(), Some(&None), "{length}");
        }
        for odd in [
            "",
            "--b",
            "--bb--",
            "nonsense",
            "--b\r\n\r\n1\r\n--b--",
            "--b\r\n\r\n--b\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n--b--",
            "--b\r\nx\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n--b--",
            "--b\r\nContent-Disposition: form-data\r\n\r\n1\r\n--b--",
            "--b\r\nContent-Disposition: attachment; name=a\r\n\r\n1\r\n--b--",
            "--b\r\nContent-Disposition: form-data; name=\"a\r\n\r\n1\r\n--b--",
            "--b\nContent-Disposition: form-data; name=a\n\n1\n--b--",
        ] {
            assert_eq!(all(odd, "b"), [None], "{odd}");
        }
    }

    #[test]
    fn a_boundary_is_short_and_plain() {
        for (parameters, expected) in [
            (" boundary=abc", Some("abc")),
            ("charset=utf-8; Boundary=\"a b\"", Some("a b")),
            ("boundary=abc; charset=x", Some("abc")),
            ("", None),
            ("boundary", None),
            ("boundary=", None),
            ("boundary=\"\"", None),
            ("boundary=\"a", None),
            ("boundary=a\u{e4}", None),
            ("boundary=\"a\\\"b\"", None),
        ] {
            assert_eq!(boundary(parameters).as_deref(), expected, "{parameters}");
        }
        let of = |length: usize| boundary(&format!("boundary={}", "x".repeat(length)));
        assert!(of(70).is_some());
        assert!(of(71).is_none());
    }
}
