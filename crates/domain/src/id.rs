//! Identifiers: one newtype per kind of record, so that a run's id never passes for a thread's.

/// Declares the newtype of one kind of record over a UUID (version 7 where Colloquy makes it, so
/// that ids sort by the time of their making).
macro_rules! id_types {
    ($($(#[$doc:meta])* $name:ident;)+) => {$(
        $(#[$doc])*
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash,
            serde::Serialize, serde::Deserialize,
        )]
        #[serde(transparent)]
        pub struct $name(uuid::Uuid);

        impl $name {
            /// Wraps a UUID that the caller knows to name such a record.
            #[must_use]
            pub const fn from_uuid(uuid: uuid::Uuid) -> Self {
                Self(uuid)
            }

            /// The bare UUID, for storage.
            #[must_use]
            pub const fn as_uuid(self) -> uuid::Uuid {
                self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::Violation;

            /// Reads the hyphenated or simple form of a UUID.
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                uuid::Uuid::try_parse(text)
                    .map(Self)
                    .map_err(|_| $crate::Violation::new("invalid_format", "must be a UUID"))
            }
        }
    )+};
}

id_types! {
    /// Names a [`User`](crate::User).
    UserId;
    /// Names an [`AccessToken`](crate::AccessToken).
    TokenId;
    /// Names an [`Assistant`](crate::Assistant).
    AssistantId;
    /// Names an [`AvatarImage`](crate::AvatarImage).
    AvatarId;
    /// Names a [`Thread`](crate::Thread).
    ThreadId;
    /// Names a [`Message`](crate::Message).
    MessageId;
    /// Names a [`Run`](crate::Run).
    RunId;
}
