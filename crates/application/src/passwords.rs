//! Password rules, and hashing with argon2id.

use std::fmt;
use std::sync::Arc;

use argon2::password_hash::phc::PasswordHash as PhcHash;
use argon2::password_hash::{Error as HashError, PasswordHasher as _, PasswordVerifier as _};
use argon2::{Algorithm, Argon2, Params, Version};
use colloquy_domain::Violation;
use tokio::sync::Semaphore;

use crate::opaque_string::prepare;
use crate::ports::{Level, PortError, Reading, Readings, SecretGenerator};

/// A plain password. Never printed, never stored.
#[derive(Clone)]
pub struct Password(String);

impl Password {
    /// Minimum length of a new password (NIST SP 800-63B).
    pub const MIN_CHARS: usize = 8;
    /// Maximum length of a new password; bounds the work.
    pub const MAX_CHARS: usize = 1024;

    /// Longer text is not prepared; no valid password is longer, however composed.
    const MAX_PREPARED_BYTES: usize = 16 * Self::MAX_CHARS;

    /// Prepares a new password (RFC 8265), so that it matches from any keyboard, and checks its
    /// length.
    ///
    /// # Errors
    /// `invalid_format` for control characters, `too_short`, `too_long`.
    pub fn parse(text: impl AsRef<str>) -> Result<Self, Violation> {
        let text = prepare(text.as_ref())?;
        match text.chars().count() {
            count if count < Self::MIN_CHARS => Err(Violation::new(
                "too_short",
                format!("must have at least {} characters", Self::MIN_CHARS),
            )),
            count if count > Self::MAX_CHARS => Err(Violation::new(
                "too_long",
                format!("must have at most {} characters", Self::MAX_CHARS),
            )),
            _ => Ok(Self(text)),
        }
    }

    /// A password to compare with a stored hash only.
    #[must_use]
    pub fn presented(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    pub(crate) fn prepared(&self) -> Option<Self> {
        let is_short = self.0.len() <= Self::MAX_PREPARED_BYTES;
        is_short.then(|| prepare(&self.0).ok()).flatten().map(Self)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Match {
    /// Wrong, or no password is set.
    No,
    Yes,
    /// Matches as typed, but was hashed before passwords were prepared.
    Unprepared,
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(..)")
    }
}

/// A hash in PHC format (`$argon2id$v=19$m=...`).
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(String);

impl PasswordHash {
    /// A hash from the store.
    #[must_use]
    pub fn from_stored(phc: impl Into<String>) -> Self {
        Self(phc.into())
    }

    /// The PHC string.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(..)")
    }
}

/// Hashes and checks passwords with argon2id at OWASP's first recommended cost: 19 MiB, 2 passes, 1
/// lane. Runs at most `slots` jobs at once, on blocking threads.
#[derive(Clone)]
pub(crate) struct PasswordHasher {
    slots: Arc<Semaphore>,
    waiting: Level,
    secrets: Arc<dyn SecretGenerator>,
}

const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;
const SALT_BYTES: usize = 16;

impl PasswordHasher {
    #[must_use]
    pub(crate) fn new(slots: usize, secrets: Arc<dyn SecretGenerator>) -> Self {
        Self {
            slots: Arc::new(Semaphore::new(slots.max(1))),
            waiting: Level::default(),
            secrets,
        }
    }

    /// Hashes a new password with a random salt.
    ///
    /// # Errors
    /// `Other` if the random source or the hash function fails.
    pub(crate) async fn hash(&self, password: Password) -> Result<PasswordHash, PortError> {
        let salt = random_salt(&*self.secrets)?;
        self.work(move || hash(&password.0, &salt)).await
    }

    /// Whether the password matches the hash, prepared or as typed. Without a hash it does the same
    /// work, so that timing does not reveal unknown accounts.
    ///
    /// # Errors
    /// `Other` if the stored hash is malformed.
    pub(crate) async fn verify(
        &self,
        password: Password,
        stored: Option<PasswordHash>,
    ) -> Result<Match, PortError> {
        let exists = stored.is_some();
        let stored = stored.unwrap_or_else(decoy);
        let found = self.work(move || compare(&password, &stored)).await?;
        Ok(if exists { found } else { Match::No })
    }

    async fn work<T: Send + 'static>(
        &self,
        job: impl FnOnce() -> Result<T, PortError> + Send + 'static,
    ) -> Result<T, PortError> {
        // The job holds the permit: a dropped caller must not admit another.
        let waiting = self.waiting.enter();
        let permit = Arc::clone(&self.slots)
            .acquire_owned()
            .await
            .map_err(PortError::other)?;
        drop(waiting);
        tokio::task::spawn_blocking(move || {
            let _permit = permit;
            job()
        })
        .await
        .map_err(PortError::other)?
    }
}

impl Readings for PasswordHasher {
    fn readings(&self) -> Vec<Reading> {
        vec![Reading::level(
            "colloquy_password_hashes_waiting",
            "Passwords waiting to be hashed or verified",
            self.waiting.get(),
        )]
    }
}

fn argon2() -> Result<Argon2<'static>, PortError> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(PortError::other)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

fn hash(password: &str, salt: &[u8; SALT_BYTES]) -> Result<PasswordHash, PortError> {
    let phc: PhcHash = argon2()?
        .hash_password_with_salt(password.as_bytes(), salt)
        .map_err(PortError::other)?;
    Ok(PasswordHash(phc.to_string()))
}

fn compare(password: &Password, stored: &PasswordHash) -> Result<Match, PortError> {
    let prepared = password.prepared();
    let prepared = prepared.as_ref().unwrap_or(password);
    let is_it = verify(&prepared.0, stored)?;
    let is_raw = prepared.0 != password.0 && verify(&password.0, stored)?;
    Ok(match (is_it, is_raw) {
        (true, _) => Match::Yes,
        (false, true) => Match::Unprepared,
        (false, false) => Match::No,
    })
}

fn verify(password: &str, stored: &PasswordHash) -> Result<bool, PortError> {
    let phc = PhcHash::new(stored.as_str()).map_err(PortError::other)?;
    match argon2()?.verify_password(password.as_bytes(), &phc) {
        Ok(()) => Ok(true),
        Err(HashError::PasswordInvalid) => Ok(false),
        Err(error) => Err(PortError::other(error)),
    }
}

/// A hash of a fixed value, at the real cost.
fn decoy() -> PasswordHash {
    let salt = "A".repeat(22);
    let output = "A".repeat(43);
    PasswordHash(format!(
        "$argon2id$v=19$m={MEMORY_KIB},t={PASSES},p={LANES}${salt}${output}"
    ))
}

fn random_salt(secrets: &dyn SecretGenerator) -> Result<[u8; SALT_BYTES], PortError> {
    let secret = secrets.secret().map_err(PortError::Other)?;
    let mut salt = [0; SALT_BYTES];
    salt.copy_from_slice(&secret[..SALT_BYTES]);
    Ok(salt)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{Match, Password, PasswordHash, PasswordHasher, decoy};
    use crate::ports::Readings as _;
    use crate::system::OsSecretGenerator;

    fn hasher() -> PasswordHasher {
        PasswordHasher::new(2, Arc::new(OsSecretGenerator))
    }

    async fn hash(text: &str) -> PasswordHash {
        let password = Password::parse(text).unwrap();
        hasher().hash(password).await.unwrap()
    }

    #[tokio::test]
    async fn a_password_opens_its_own_hash_and_no_other() {
        let long = "пароль с пробелами и 漢字 ".repeat(5);
        let stored = hash(&long).await;
        let check = |text: &str, stored| {
            let password = Password::presented(text);
            async move { hasher().verify(password, stored).await.unwrap() }
        };
        assert_eq!(check(&long, Some(stored.clone())).await, Match::Yes);
        assert_eq!(check(long.trim_end(), Some(stored)).await, Match::No);
        assert_eq!(check(&long, None).await, Match::No);
    }

    #[tokio::test]
    async fn a_password_is_the_same_however_it_is_typed() {
        let (composed, decomposed) = ("Schlo\u{df} Zo\u{eb}", "Schlo\u{df}\u{a0}Zoe\u{308}");
        for (set, typed) in [(composed, decomposed), (decomposed, composed)] {
            let stored = hash(set).await;
            for text in [set, typed] {
                let password = Password::presented(text);
                let answer = hasher().verify(password, Some(stored.clone())).await;
                assert_eq!(answer.unwrap(), Match::Yes);
            }
        }
    }

    #[tokio::test]
    async fn a_hash_of_a_password_that_was_not_prepared_is_known_as_such() {
        for (text, expected) in [
            ("Zoe\u{308} Zoe\u{308}", Match::Unprepared),
            ("Zo\u{eb} Zo\u{eb}", Match::No),
            ("tab\tin the middle", Match::Yes),
        ] {
            let old = match expected {
                Match::No => "Zoe\u{308} Zoe\u{308}",
                _ => text,
            };
            let stored = super::hash(old, &[7; 16]).unwrap();
            let password = Password::presented(text);
            let answer = hasher().verify(password, Some(stored)).await;
            assert_eq!(answer.unwrap(), expected, "{text:?}");
        }
    }

    #[tokio::test]
    async fn a_hash_has_the_required_cost_and_a_salt_of_its_own() {
        let (one, other) = (hash("same password").await, hash("same password").await);
        assert!(one.as_str().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        assert_ne!(one, other);
        assert_eq!(decoy().as_str().len(), one.as_str().len());
    }

    #[tokio::test]
    async fn those_in_the_queue_are_counted() {
        let hasher = hasher();
        let waiting = || hasher.readings()[0].value;
        let sign_in = || hasher.verify(Password::presented("wrong"), None);
        let look = async { waiting() };
        let (.., seen) = tokio::join!(biased; sign_in(), sign_in(), sign_in(), look);
        assert_eq!((seen, waiting()), (1, 0), "there are two slots");
    }

    #[test]
    fn the_length_of_a_password_is_judged_when_it_is_prepared() {
        let decomposed = |count| "e\u{301}".repeat(count);
        assert_eq!(
            Password::parse(decomposed(7)).unwrap_err().code,
            "too_short"
        );
        assert!(Password::parse(decomposed(1024)).is_ok());
        let control = Password::parse("12345678\n").unwrap_err();
        assert_eq!(control.code, "invalid_format");
        assert_eq!(Password::parse("1234567").unwrap_err().code, "too_short");
        assert!(Password::parse(" ".repeat(8)).is_ok());
        assert!(Password::parse("é".repeat(1024)).is_ok());
        assert_eq!(
            Password::parse("x".repeat(1025)).unwrap_err().code,
            "too_long"
        );
    }

    #[test]
    fn passwords_and_hashes_do_not_print() {
        let password = Password::presented("hunter2hunter2");
        assert_eq!(
            format!("{password:?} {:?}", decoy()),
            "Password(..) PasswordHash(..)"
        );
    }
}
