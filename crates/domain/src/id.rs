//! ID newtypes, one per kind of record, so that a run ID cannot pass for a thread ID.

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
            /// Wraps a UUID that the caller knows to identify such a record.
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

            /// Parses the hyphenated or simple form of a UUID.
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                uuid::Uuid::try_parse(text)
                    .map(Self)
                    .map_err(|_| $crate::Violation::new("invalid_format", "must be a UUID"))
            }
        }
    )+};
}

id_types! {
    /// ID of a [`User`](crate::User).
    UserId;
    /// ID of an [`AccessToken`](crate::AccessToken).
    TokenId;
    /// ID of an [`Assistant`](crate::Assistant).
    AssistantId;
    /// ID of an [`AvatarImage`](crate::AvatarImage).
    AvatarId;
    /// ID of a [`Thread`](crate::Thread).
    ThreadId;
    /// ID of a [`Message`](crate::Message).
    MessageId;
    /// ID of a [`Run`](crate::Run).
    RunId;
}
