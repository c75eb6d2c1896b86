//! Email addresses and their uniqueness keys.

use std::fmt;

use unicode_normalization::UnicodeNormalization as _;

use crate::Violation;

/// An email address as entered. Addresses that differ only in case, Unicode composition or width
/// are equal: compare by [`Email::key`].
#[derive(Debug, Clone)]
pub struct Email {
    written: String,
    key: String,
}

impl Email {
    /// Maximum length in characters (RFC 5321, 4.5.3.1.3, without the angle brackets).
    pub const MAX_CHARS: usize = 254;

    /// Requires `local@domain` without white space, control or invisible characters; trims those that
    /// surround it. Does not check deliverability.
    ///
    /// # Errors
    /// `invalid_format` or `too_long`.
    pub fn parse(text: impl Into<String>) -> Result<Self, Violation> {
        let written = Self::trimmed(&text.into()).to_owned();
        if written.contains(is_invisible) {
            return Err(bad_format());
        }
        Self::stored(written)
    }

    /// A stored address: earlier versions accepted invisible characters.
    ///
    /// # Errors
    /// Like [`Email::parse`].
    pub fn stored(written: String) -> Result<Self, Violation> {
        if written.chars().count() > Self::MAX_CHARS {
            return Err(Violation::new(
                "too_long",
                format!("must have at most {} characters", Self::MAX_CHARS),
            ));
        }
        if !has_address_shape(&written) {
            return Err(bad_format());
        }
        let key = Self::key_of(&written);
        Ok(Self { written, key })
    }

    /// The address as entered.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.written
    }

    /// The uniqueness key; see [`Email::key_of`].
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The text without surrounding spaces and invisible characters, as pasting may add.
    #[must_use]
    pub fn trimmed(text: &str) -> &str {
        text.trim_matches(|c: char| c.is_whitespace() || is_invisible(c))
    }

    /// The key of earlier versions: the address in lower case. Accounts keep it if their new key
    /// was taken during the migration.
    #[must_use]
    pub fn former_key(&self) -> String {
        self.written.to_lowercase()
    }

    /// The key of any text, prepared like `UsernameCaseMapped` (RFC 8265): folds width, case
    /// (including final sigma) and composition. Nothing else: `ß` differs from `ss`, and an `xn--`
    /// domain from its Unicode form.
    #[must_use]
    pub fn key_of(text: &str) -> String {
        let usual_width = text.chars().flat_map(|c| {
            let is_form = matches!(c, '\u{FF01}'..='\u{FFEF}');
            let (form, other) = (is_form.then_some(c), (!is_form).then_some(c));
            form.into_iter().nfkd().chain(other)
        });
        let folded = usual_width.flat_map(char::to_lowercase);
        folded
            .map(|c| if c == 'ς' { 'σ' } else { c })
            .nfc()
            .collect()
    }
}

fn bad_format() -> Violation {
    Violation::new(
        "invalid_format",
        "must be an email address such as name@example.org",
    )
}

fn has_address_shape(text: &str) -> bool {
    let forbidden = |c: char| c.is_whitespace() || c.is_control();
    match text.rsplit_once('@') {
        Some((local, domain)) => {
            !local.is_empty() && !domain.is_empty() && !text.contains(forbidden)
        }
        None => false,
    }
}

/// Invisible formatting characters, which would make two addresses look the same.
const fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{AD}'
            | '\u{34F}'
            | '\u{61C}'
            | '\u{180B}'..='\u{180E}'
            | '\u{200B}'..='\u{200F}'
            | '\u{202A}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}'
            | '\u{FE00}'..='\u{FE0F}'
            | '\u{FEFF}'
    )
}

impl PartialEq for Email {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

impl Eq for Email {}

impl fmt::Display for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

#[cfg(test)]
mod tests {
    use super::Email;

    #[test]
    fn addresses_that_differ_in_case_are_equal() {
        let one = Email::parse("Ada@Example.org").unwrap();
        let other = Email::parse("ada@example.ORG").unwrap();
        assert_eq!(one, other);
        assert_eq!(one.as_str(), "Ada@Example.org");
    }

    #[test]
    fn spaces_around_an_address_are_left_out() {
        let email = Email::parse(" ada@example.org\n").unwrap();
        assert_eq!(email.as_str(), "ada@example.org");
        assert_eq!(email.key(), "ada@example.org");
    }

    #[test]
    fn invisible_characters_are_trimmed_and_refused_within() {
        let pasted = Email::parse("\u{FEFF}ada@example.org\u{200B}").unwrap();
        assert_eq!(pasted.key(), "ada@example.org");
        for text in [
            "a\u{200B}da@example.org",
            "ada@exa\u{AD}mple.org",
            "ada@\u{202E}org",
        ] {
            assert_eq!(Email::parse(text).unwrap_err().code, "invalid_format");
        }
    }

    #[test]
    fn addresses_are_equal_however_they_were_typed() {
        for (one, other) in [
            ("zoë@example.org", "zoe\u{308}@example.org"),
            ("ZOE\u{308}@EXAMPLE.ORG", "zoë@example.org"),
            ("ΟΔΟΣ@example.org", "οδος@example.org"),
            ("οδοσ@example.org", "οδος@example.org"),
            ("ａｄａ@example.org", "ada@example.org"),
            ("ｶﾞ@example.org", "ガ@example.org"),
            ("x\u{323}\u{307}@example.org", "x\u{307}\u{323}@example.org"),
            ("İ@example.org", "i\u{307}@example.org"),
        ] {
            let (one, other) = (Email::parse(one).unwrap(), Email::parse(other).unwrap());
            assert_eq!(one, other);
        }
        for (one, other) in [
            ("strasse@example.org", "straße@example.org"),
            ("zoe@example.org", "zoë@example.org"),
            ("a@bücher.example", "a@xn--bcher-kva.example"),
            ("ﬁ@example.org", "fi@example.org"),
        ] {
            let (one, other) = (Email::parse(one).unwrap(), Email::parse(other).unwrap());
            assert_ne!(one, other);
        }
    }

    #[test]
    fn the_key_of_a_key_is_the_key() {
        for text in [
            "İstanbul",
            "ΟΔΟΣ",
            "ｶﾞ",
            "e\u{301}\u{323}",
            "ß",
            "Ǆ",
            "\u{345}Α",
        ] {
            let key = Email::key_of(text);
            assert_eq!(Email::key_of(&key), key, "{text}");
        }
    }

    #[test]
    fn what_has_not_the_shape_of_an_address_is_refused() {
        for text in [
            "",
            "ada",
            "@example.org",
            "ada@",
            "a da@example.org",
            "ada@exa\nmple.org",
            "a\0@b",
        ] {
            assert_eq!(
                Email::parse(text).unwrap_err().code,
                "invalid_format",
                "{text:?}"
            );
        }
        let long = format!("{}@example.org", "a".repeat(250));
        assert_eq!(Email::parse(long).unwrap_err().code, "too_long");
    }
}
