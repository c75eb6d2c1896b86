use std::fmt;
use std::net::IpAddr;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use colloquy_domain::Email;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::PortError;
use crate::sign_in_limits::{Admission, SignInLimits};

/// Keeps the attempts to sign in that count against a limit, and the places from which people
/// have signed in. Nothing is kept in the clear.
#[async_trait]
pub trait SignInRepository: Send + Sync {
    /// Judges the attempt as [`SignInLimits::judge`] says, and keeps it as undecided if it is
    /// admitted. Of attempts at once that share their account or their place each is judged with
    /// those before it in view, on whichever instance.
    async fn begin(
        &self,
        attempt: &SignInAttempt,
        limits: SignInLimits,
    ) -> Result<Admission, PortError>;

    /// The attempt was decided: the password was wrong. It counts from then on. One that is not
    /// kept any more is passed over.
    async fn refuse(&self, attempt: &SignInAttempt) -> Result<(), PortError>;

    /// The attempt was decided: the password was right. It counts no more, and its place is known
    /// to its account, last at the time of the attempt.
    async fn succeed(&self, attempt: &SignInAttempt) -> Result<(), PortError>;

    /// The attempt was given up before it was decided: it counts as if it had never begun. One
    /// that is not kept any more is passed over.
    async fn withdraw(&self, attempt: &SignInAttempt) -> Result<(), PortError>;

    /// Removes what no judgement has a use for at `now`, but at most 10,000 attempts; how much.
    async fn remove_outdated(&self, now: DateTime<Utc>) -> Result<u64, PortError>;
}

/// Somebody tries to sign in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignInAttempt {
    /// Names the attempt.
    pub id: Uuid,
    /// To which account, whether or not there is one.
    pub account: AccountKey,
    /// From where.
    pub place: PlaceKey,
    /// When.
    pub at: DateTime<Utc>,
}

/// An attempt of the past, as far as it matters to the next one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastAttempt {
    /// To which account.
    pub account: AccountKey,
    /// From where.
    pub place: PlaceKey,
    /// When.
    pub at: DateTime<Utc>,
    /// Whether the password was wrong; otherwise that is not known yet.
    pub is_refused: bool,
}

/// SHA-256 of the key of what somebody gave as their email, without the spaces around it; what is
/// kept in its place.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountKey(pub [u8; 32]);

/// SHA-256 of a network address; what is kept in its place.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PlaceKey(pub [u8; 32]);

impl AccountKey {
    /// The key of that text, be it an email or not.
    #[must_use]
    pub fn of(email: &str) -> Self {
        Self(Sha256::digest(Email::key_of(email.trim())).into())
    }
}

impl PlaceKey {
    /// The key of an IPv4 address, or of the /64 network of an IPv6 address: whoever has one of
    /// its addresses usually has all of them.
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
