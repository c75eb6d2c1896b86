//! RFC 8265's `OpaqueString` profile for passwords: they match however a keyboard composes
//! characters or spaces.
//!
//! Deviates from the profile: accepts unassigned and invisible characters, such as those within an
//! emoji, so that a newer keyboard locks nobody out.

use colloquy_domain::Violation;
use unicode_normalization::UnicodeNormalization as _;

/// Normalises to NFC, with plain spaces.
///
/// # Errors
/// `invalid_format` for control characters and line separators.
pub(crate) fn prepare(text: &str) -> Result<String, Violation> {
    if text.chars().any(is_refused) {
        return Err(Violation::new(
            "invalid_format",
            "must not contain control characters",
        ));
    }
    let spaced = text.chars().map(|c| if is_space(c) { ' ' } else { c });
    Ok(spaced.nfc().collect())
}

const fn is_refused(c: char) -> bool {
    matches!(c, '\0'..='\u{1F}' | '\u{7F}'..='\u{9F}' | '\u{2028}' | '\u{2029}')
}

/// Unicode category `Zs` except the plain space.
const fn is_space(c: char) -> bool {
    matches!(
        c,
        '\u{A0}' | '\u{1680}' | '\u{2000}'..='\u{200A}' | '\u{202F}' | '\u{205F}' | '\u{3000}'
    )
}

#[cfg(test)]
mod tests {
    use super::prepare;

    #[test]
    fn composition_and_kinds_of_space_do_not_matter_and_all_else_does() {
        for (typed, prepared) in [
            ("Jack of *all* trades", "Jack of *all* trades"),
            ("foo\u{1680}bar\u{a0}\u{3000}", "foo bar  "),
            ("e\u{301}", "é"),
            ("\u{1112}\u{1161}\u{11ab}", "한"),
            ("o\u{302}\u{323}", "ộ"),
            ("\u{212b}", "å".to_uppercase().as_str()),
            ("ＡＢＣ", "ＡＢＣ"),
            ("ﬁ ß ς Σ", "ﬁ ß ς Σ"),
            ("👩\u{200d}🚀❤\u{fe0f}", "👩\u{200d}🚀❤\u{fe0f}"),
            ("", ""),
        ] {
            assert_eq!(prepare(typed).as_deref(), Ok(prepared));
        }
    }

    #[test]
    fn what_was_prepared_stays_as_it_is() {
        for text in [
            "e\u{301}\u{323} \u{2003}",
            "\u{2126}\u{fb31}",
            "\u{1100}\u{1161}",
        ] {
            let prepared = prepare(text).unwrap();
            assert_eq!(prepare(&prepared), Ok(prepared));
        }
    }

    #[test]
    fn control_characters_are_refused() {
        for text in ["a\0", "\ttab", "line\n", "\u{7f}", "\u{85}", "\u{2028}"] {
            assert_eq!(
                prepare(text).unwrap_err().code,
                "invalid_format",
                "{text:?}"
            );
        }
    }
}
