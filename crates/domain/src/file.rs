//! Files that users upload.

use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};
use unicode_normalization::{UnicodeNormalization as _, is_nfc};

use crate::named::named;
use crate::{ContentHash, FileId, UserId, Violation};

/// An uploaded file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// ID.
    pub id: FileId,
    /// Who uploaded it; `None` if it is the service's own.
    pub owner_id: Option<UserId>,
    /// Display name.
    pub name: FileName,
    /// What it is for.
    pub purpose: FilePurpose,
    /// Its size.
    pub bytes: u64,
    /// SHA-256 of its bytes.
    pub sha256: ContentHash,
    /// Time of the upload.
    pub created_at: DateTime<Utc>,
    /// When it is deleted, if ever.
    pub expires_at: Option<DateTime<Utc>>,
}

named! {
    /// What a file is for.
    FilePurpose {
        /// Material for assistants.
        Assistants = "assistants",
        /// Whatever a user needs.
        UserData = "user_data",
        /// Pictures that models look at.
        Vision = "vision",
    }
}

/// Display name of a file: 1 to 255 characters in Unicode's form NFC, without control characters
/// and without a path. Only shown, never part of a path or key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileName(String);

impl FileName {
    /// Maximum length in characters.
    pub const MAX_CHARS: usize = 255;

    /// Validates the name and normalizes it to NFC.
    ///
    /// # Errors
    /// `blank`, `too_long`, `invalid_format`.
    pub fn parse(text: impl Into<String>) -> Result<Self, Violation> {
        let name = text.into();
        check_length(&name)?;
        // Composing some characters takes more of them.
        let name: String = if is_nfc(&name) {
            name
        } else {
            name.nfc().collect()
        };
        check_length(&name)?;
        if name.trim().is_empty() {
            return Err(Violation::new("blank", "must not be blank"));
        }
        if name.chars().any(is_control) {
            let message = "must not contain control characters";
            return Err(Violation::new("invalid_format", message));
        }
        let is_padding = |c: char| c == '.' || c.is_whitespace();
        if name.contains(['/', '\\']) || name.chars().all(is_padding) {
            let message = "must be a name without a path";
            return Err(Violation::new("invalid_format", message));
        }
        Ok(Self(name))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name, owned.
    #[must_use]
    pub fn into_string(self) -> String {
        self.0
    }
}

fn check_length(name: &str) -> Result<(), Violation> {
    const MAX: usize = FileName::MAX_CHARS;
    if name.len() > MAX && name.chars().count() > MAX {
        let message = format!("must have at most {MAX} characters");
        return Err(Violation::new("too_long", message));
    }
    Ok(())
}

/// Line separators, and marks that reverse the direction of what follows, could pass `exe.txt` off
/// as another name.
fn is_control(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
        )
}

impl fmt::Display for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How long after its upload a file is deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileLifetime(u32);

impl FileLifetime {
    /// A year.
    pub const MAX_SECONDS: u32 = 365 * 24 * 60 * 60;

    /// Accepts 1 to [`MAX_SECONDS`](Self::MAX_SECONDS).
    ///
    /// # Errors
    /// `out_of_range`.
    pub fn new(seconds: u32) -> Result<Self, Violation> {
        if (1..=Self::MAX_SECONDS).contains(&seconds) {
            return Ok(Self(seconds));
        }
        let message = format!("must be from 1 to {}", Self::MAX_SECONDS);
        Err(Violation::new("out_of_range", message))
    }

    /// When a file of this lifetime is deleted that was uploaded at that time.
    #[must_use]
    pub fn after(self, time: DateTime<Utc>) -> DateTime<Utc> {
        time + TimeDelta::seconds(self.0.into())
    }
}

#[cfg(test)]
mod tests {
    use super::{FileLifetime, FileName};

    #[test]
    fn a_name_is_kept_in_its_composed_form() {
        for (given, kept) in [
            ("notes.txt", "notes.txt"),
            ("cafe\u{301}.pdf", "caf\u{e9}.pdf"),
            ("日本語 (1).docx", "日本語 (1).docx"),
            (".env", ".env"),
            (" a", " a"),
        ] {
            assert_eq!(FileName::parse(given).unwrap().as_str(), kept);
        }
        assert!(FileName::parse("é".repeat(FileName::MAX_CHARS)).is_ok());
    }

    #[test]
    fn a_name_with_a_path_or_control_characters_is_refused() {
        for (name, code) in [
            ("", "blank"),
            ("  \u{3000}", "blank"),
            ("a/b", "invalid_format"),
            ("C:\\a.txt", "invalid_format"),
            ("..", "invalid_format"),
            (". .", "invalid_format"),
            ("a\0", "invalid_format"),
            ("a\nb", "invalid_format"),
            ("a\u{85}b", "invalid_format"),
            ("a\u{2028}b", "invalid_format"),
            ("gpj.\u{202e}exe", "invalid_format"),
        ] {
            assert_eq!(FileName::parse(name).unwrap_err().code, code, "{name:?}");
        }
        // The last one is composed of more characters than it has here.
        for (long, times) in [("x", 256), ("\u{1f600}", 256), ("\u{958}", 255)] {
            let name = FileName::parse(long.repeat(times));
            assert_eq!(name.unwrap_err().code, "too_long");
        }
    }

    #[test]
    fn a_lifetime_is_from_a_second_to_a_year() {
        assert!(FileLifetime::new(1).is_ok());
        assert!(FileLifetime::new(31_536_000).is_ok());
        for seconds in [0, 31_536_001, u32::MAX] {
            assert!(FileLifetime::new(seconds).is_err());
        }
    }
}
