//! Threads: conversations of one user with assistants.

use chrono::{DateTime, Utc};

use crate::text::text_types;
use crate::{AssistantId, MessageContent, ThreadId, UserId};

/// A conversation of one user with assistants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Thread {
    /// ID.
    pub id: ThreadId,
    /// Display name.
    pub name: ThreadName,
    /// Whether the name is final: given by the owner or taken from the first message.
    pub is_named: bool,
    /// The owner; `None` once their account is deleted.
    pub owner_id: Option<UserId>,
    /// The default assistant; messages may name another.
    pub assistant_id: Option<AssistantId>,
    /// Creation time.
    pub created_at: DateTime<Utc>,
    /// Time of the last change or message.
    pub updated_at: DateTime<Utc>,
    /// Time of the newest message, or else of creation.
    pub last_message_at: DateTime<Utc>,
}

/// Maximum length of a name taken from a message.
const MAX_CHARS_FROM_MESSAGE: usize = 60;

text_types! {
    /// Display name of a thread.
    ThreadName: max 255, blank Refused;
}

impl ThreadName {
    /// Default name: the time as `YYYY-MM-DD HH:MM` (UTC).
    #[must_use]
    pub fn from_time(time: DateTime<Utc>) -> Self {
        Self::from_checked(time.format("%Y-%m-%d %H:%M").to_string())
    }

    /// A name from the first message: its first words, at most 60 characters.
    #[must_use]
    pub fn from_message(content: &MessageContent) -> Self {
        let mut name = String::new();
        let mut left = MAX_CHARS_FROM_MESSAGE;
        for word in content.as_str().split_whitespace() {
            let separator = if name.is_empty() { "" } else { " " };
            let needed = separator.len() + word.chars().count();
            if needed > left {
                if name.is_empty() {
                    name.extend(word.chars().take(left));
                }
                break;
            }
            left -= needed;
            name.push_str(separator);
            name.push_str(word);
        }
        Self::from_checked(name)
    }

    const fn from_checked(text: String) -> Self {
        Self(text)
    }
}

#[cfg(test)]
mod tests {
    use super::ThreadName;
    use crate::MessageContent;

    fn named_after(content: &str) -> String {
        let content = MessageContent::parse(content).unwrap();
        ThreadName::from_message(&content).into_string()
    }

    #[test]
    fn a_short_message_is_the_name_with_single_spaces() {
        assert_eq!(named_after("Plans"), "Plans");
        assert_eq!(
            named_after(" \n Plans \r\n\t for  June\n"),
            "Plans for June"
        );
        let longest = format!("{} {}", "x".repeat(29), "ж".repeat(30));
        assert_eq!(named_after(&longest), longest);
    }

    #[test]
    fn a_long_message_is_cut_before_a_word() {
        let long = format!("{} {}", "x".repeat(29), "ж".repeat(31));
        assert_eq!(named_after(&long), "x".repeat(29));
        let sentence = "one two three ".repeat(1_000);
        let name = named_after(&sentence);
        assert_eq!(name, sentence[..59]);
        assert!(sentence[59..].starts_with(" two"));
    }

    #[test]
    fn a_long_word_is_cut() {
        assert_eq!(named_after(&"𝄞".repeat(100_000)), "𝄞".repeat(60));
    }
}
