//! Passwords given or generated on the command line.

use std::io::{self, BufRead, Read as _};

use colloquy_application::passwords::Password;
use colloquy_application::ports::{PortError, SecretGenerator};

use crate::fatal_error::FatalError;

pub(crate) struct ChosenPassword {
    pub(crate) password: Password,
    /// Shown once, if generated.
    pub(crate) generated: Option<String>,
}

/// 32 characters that are not mistaken for one another.
const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
/// Five bits each: 100 bits.
const CHARACTERS: usize = 20;
const GROUP: usize = 5;
/// Four bytes per character and the line end.
const MAX_LINE: u64 = 4 * Password::MAX_CHARS as u64 + 2;

impl ChosenPassword {
    pub(crate) fn generate(secrets: &dyn SecretGenerator) -> Result<Self, FatalError> {
        let random = secrets.secret().map_err(PortError::Other)?;
        let characters: Vec<char> = random
            .iter()
            .take(CHARACTERS)
            .map(|byte| char::from(ALPHABET[usize::from(byte % 32)]))
            .collect();
        let groups: Vec<String> = characters
            .chunks(GROUP)
            .map(|group| group.iter().collect())
            .collect();
        let text = groups.join("-");
        Ok(Self {
            password: parse(text.clone())?,
            generated: Some(text),
        })
    }

    /// The first line.
    pub(crate) fn from_stdin() -> Result<Self, FatalError> {
        Ok(parse(first_line(&mut io::stdin().lock())?)?.into())
    }
}

impl From<Password> for ChosenPassword {
    fn from(password: Password) -> Self {
        let generated = None;
        Self {
            password,
            generated,
        }
    }
}

fn parse(text: String) -> Result<Password, FatalError> {
    Password::parse(text)
        .map_err(|violation| FatalError::Refused(format!("the password {}", violation.message)))
}

fn first_line(input: &mut dyn BufRead) -> io::Result<String> {
    let mut line = String::new();
    input.take(MAX_LINE).read_line(&mut line)?;
    let line = line.strip_suffix('\n').unwrap_or(&line);
    Ok(line.strip_suffix('\r').unwrap_or(line).to_owned())
}

#[cfg(test)]
mod tests {
    use colloquy_application::system::OsSecretGenerator;

    use super::{ChosenPassword, first_line};

    #[test]
    fn a_generated_password_can_be_read_out_and_is_never_the_same() {
        let generate = || ChosenPassword::generate(&OsSecretGenerator).unwrap();
        let (one, other) = (generate().generated.unwrap(), generate().generated.unwrap());
        assert_eq!(one.len(), 23);
        assert!(one.split('-').all(|group| group.len() == 5), "{one}");
        assert_ne!(one, other);
    }

    #[test]
    fn a_password_is_a_whole_line_without_its_end() {
        let line = |text: &str| first_line(&mut text.as_bytes()).unwrap();
        assert_eq!(line(" pass word \r\nnext"), " pass word ");
        assert_eq!(line("password"), "password");
        assert_eq!(line(""), "");
    }
}
