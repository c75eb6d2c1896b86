//! ID newtypes, one per kind of record, so that they cannot be confused.

/// Declares an ID newtype over a UUID. Generated IDs are version 7 and sort by creation time.
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
            /// Wraps a UUID known to identify such a record.
            #[must_use]
            pub const fn from_uuid(uuid: uuid::Uuid) -> Self {
                Self(uuid)
            }

            /// The UUID, for storage.
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

            /// Parses a UUID, hyphenated or not.
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                uuid::Uuid::try_parse(text)
                    .map(Self)
                    .map_err(|_| $crate::Violation::new("invalid_format", "must be a UUID"))
            }
        }
    )+};
}

id_types! {
    /// Identifies a [`User`](crate::User).
    UserId;
    /// Identifies an [`AccessToken`](crate::AccessToken).
    TokenId;
    /// Identifies an [`Assistant`](crate::Assistant).
    AssistantId;
    /// Identifies an [`AvatarImage`](crate::AvatarImage).
    AvatarId;
    /// Identifies a [`Thread`](crate::Thread).
    ThreadId;
    /// Identifies a [`Message`](crate::Message).
    MessageId;
    /// Identifies a [`Run`](crate::Run).
    RunId;
    /// ID of a [`File`](crate::File).
    FileId;
}
