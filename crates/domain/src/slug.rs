//! Slugs: readable names of assistants in URLs.

use std::fmt;

use crate::Violation;

/// Unique name of an assistant in URLs: `^[a-zA-Z0-9_-]{1,64}$`, but never a UUID, since URLs
/// accept both.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slug(String);

impl Slug {
    /// Maximum length in characters.
    pub const MAX_CHARS: usize = 64;

    /// Checks the pattern.
    ///
    /// # Errors
    /// `invalid_format`.
    pub fn parse(text: impl Into<String>) -> Result<Self, Violation> {
        let text = text.into();
        let well_formed = (1..=Self::MAX_CHARS).contains(&text.len())
            && text
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
        if !well_formed {
            return Err(Violation::new(
                "invalid_format",
                "must be 1 to 64 letters, digits, hyphens or underscores (ASCII)",
            ));
        }
        if uuid::Uuid::try_parse(&text).is_ok() {
            return Err(Violation::new(
                "invalid_format",
                "must not be a UUID, which would be taken for an ID",
            ));
        }
        Ok(Self(text))
    }

    /// Derives a slug from a display name: ASCII transliteration, lower case, hyphens for the rest.
    /// Attempts after the first append `-2`, `-3`, ...; the caller retries until one is free.
    #[must_use]
    pub fn derive(name: &str, attempt: u32) -> Self {
        let mut base = String::with_capacity(Self::MAX_CHARS);
        for c in any_ascii::any_ascii(name).chars() {
            if c.is_ascii_alphanumeric() {
                base.push(c.to_ascii_lowercase());
            } else if !base.is_empty() && !base.ends_with('-') {
                base.push('-');
            }
        }
        let suffix = if attempt > 1 {
            format!("-{attempt}")
        } else {
            String::new()
        };
        base.truncate(Self::MAX_CHARS - suffix.len());
        let base = base.trim_end_matches('-');
        let base = if base.is_empty() { "assistant" } else { base };
        let slug = format!("{base}{suffix}");
        if uuid::Uuid::try_parse(&slug).is_ok() {
            return Self(format!("assistant-{slug}"));
        }
        Self(slug)
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Slug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::Slug;

    #[test]
    fn a_slug_is_derived_from_the_name() {
        for (name, slug) in [
            ("Travel Guide", "travel-guide"),
            ("  Ünïcode -- & more! ", "unicode-more"),
            ("!!!", "assistant"),
            (
                "0190a1b2c3d47000800000000000000f",
                "assistant-0190a1b2c3d47000800000000000000f",
            ),
        ] {
            assert_eq!(Slug::derive(name, 1).as_str(), slug);
        }
    }

    #[test]
    fn every_derived_slug_is_a_slug() {
        for name in [
            "",
            "北京",
            &"x".repeat(300),
            &"é ".repeat(100),
            &format!("{} b", "a".repeat(63)),
        ] {
            for attempt in [1, 2, 10, 1000] {
                let derived = Slug::derive(name, attempt);
                assert_eq!(Slug::parse(derived.as_str()).as_ref(), Ok(&derived));
                assert!(attempt == 1 || derived.as_str().ends_with(&format!("-{attempt}")));
            }
        }
    }

    #[test]
    fn a_slug_that_reads_as_a_uuid_is_refused() {
        for text in [
            "0190a1b2-c3d4-7000-8000-00000000000f",
            "0190a1b2c3d47000800000000000000f",
        ] {
            assert!(Slug::parse(text).unwrap_err().message.contains("UUID"));
        }
        for text in ["", "a b", "ä", &"a".repeat(65)] {
            assert!(Slug::parse(text).is_err());
        }
    }
}
