//! Port: sign-in attempts.

use std::fmt;
use std::net::IpAddr;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use colloquy_domain::Email;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::PortError;
use crate::sign_in_limits::{Admission, SignInLimits};

/// Stores sign-in attempts for rate limits, and the places from which accounts have signed in.
/// Hashes only.
#[async_trait]
pub trait SignInRepository: Send + Sync {
    /// Judges the attempt by [`SignInLimits::judge`] and stores it as undecided if admitted.
    /// Serialises concurrent attempts for the same account or place, also across instances.
    async fn begin(
        &self,
        attempt: &SignInAttempt,
        limits: SignInLimits,
    ) -> Result<Admission, PortError>;

    /// Marks the attempt as a wrong password. Does nothing if it is no longer stored.
    async fn refuse(&self, attempt: &SignInAttempt) -> Result<(), PortError>;

    /// Marks the attempt as successful: it no longer counts, and the account knows its place.
    async fn succeed(&self, attempt: &SignInAttempt) -> Result<(), PortError>;

    /// Withdraws an undecided attempt, which then does not count. Does nothing if it is no longer
    /// stored.
    async fn withdraw(&self, attempt: &SignInAttempt) -> Result<(), PortError>;

    /// Removes outdated attempts and places, at most 10,000 attempts. Returns the number.
    async fn remove_outdated(&self, now: DateTime<Utc>) -> Result<u64, PortError>;
}

/// A sign-in attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignInAttempt {
    /// Its ID.
    pub id: Uuid,
    /// The account's key, whether or not the account exists.
    pub account: AccountKey,
    /// The client's key.
    pub place: PlaceKey,
    /// When.
    pub at: DateTime<Utc>,
}

/// An earlier attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastAttempt {
    /// The account's key.
    pub account: AccountKey,
    /// The client's key.
    pub place: PlaceKey,
    /// When.
    pub at: DateTime<Utc>,
    /// Whether the password was wrong; otherwise undecided.
    pub is_refused: bool,
}

/// SHA-256 of the entered email's comparison key, without surrounding spaces.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountKey(pub [u8; 32]);

/// SHA-256 of a network address.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PlaceKey(pub [u8; 32]);

impl AccountKey {
    /// The key of the text, which need not be an email.
    #[must_use]
    pub fn of(email: &str) -> Self {
        Self(Sha256::digest(Email::key_of(Email::trimmed(email))).into())
    }
}

impl PlaceKey {
    /// The key of an IPv4 address or of an IPv6 /64 network, which usually belongs to one client.
    #[must_use]
    pub fn of(address: IpAddr) -> Self {
        let hash = match address.to_canonical() {
            IpAddr::V4(address) => Sha256::digest(address.octets()),
            IpAddr::V6(address) => Sha256::digest(&address.octets()[..8]),
        };
        Self(hash.into())
    }
}

impl fmt::Debug for AccountKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AccountKey(..)")
    }
}

impl fmt::Debug for PlaceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PlaceKey(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::{AccountKey, PlaceKey};

    fn place(address: &str) -> PlaceKey {
        PlaceKey::of(address.parse().unwrap())
    }

    #[test]
    fn an_ipv6_network_is_one_place_and_an_ipv4_address_another() {
        assert_eq!(place("2001:db8:1:2::1"), place("2001:db8:1:2:ffff::9"));
        assert_ne!(place("2001:db8:1:2::1"), place("2001:db8:1:3::1"));
        assert_ne!(place("192.0.2.1"), place("192.0.2.2"));
        assert_eq!(place("::ffff:192.0.2.1"), place("192.0.2.1"));
    }

    #[test]
    fn an_account_is_the_same_in_every_case_and_with_spaces_around_it() {
        assert_eq!(
            AccountKey::of("Ünal@Example.org"),
            AccountKey::of("üNAL@exAMPLE.org")
        );
        assert_eq!(AccountKey::of("u\u{308}"), AccountKey::of("Ü"));
        assert_eq!(AccountKey::of("ada"), AccountKey::of(" ada\n"));
        assert_ne!(AccountKey::of("ada"), AccountKey::of("a da"));
    }
}
