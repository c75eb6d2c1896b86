//! How to run this program again from the user's shell.

use std::ffi::OsString;
use std::path::{Component, Path, PathBuf};

use crate::config::SameData;
use crate::terminal::visible;

/// A shell command for the same data.
pub(crate) fn command_line(same_data: &SameData, arguments: &[&str]) -> String {
    let directory = std::env::current_dir().unwrap_or_default();
    let mut words = vec![program(std::env::args_os().next(), &directory)];
    words.extend(arguments.iter().map(|&word| word.to_owned()));
    words.extend(same_data.flags.iter().cloned());
    let line: Vec<String> = words.iter().map(|word| quoted(word)).collect();
    visible(&line.join(" "))
}

/// How a shell in `directory` finds the program started as `called`.
fn program(called: Option<OsString>, directory: &Path) -> String {
    let called = called.map_or_else(|| PathBuf::from("colloquy"), PathBuf::from);
    let mut components = called.components();
    let is_bare_name = matches!(
        (components.next(), components.next()),
        (Some(Component::Normal(_)), None)
    );
    if is_bare_name {
        return called.display().to_string();
    }
    match called.strip_prefix(directory).unwrap_or(&called) {
        path if path.is_absolute() || path.starts_with(".") || path.starts_with("..") => {
            path.display().to_string()
        }
        path => format!("./{}", path.display()),
    }
}

fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@%+=,".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{program, quoted};

    #[test]
    fn the_program_is_named_as_a_shell_finds_it() {
        let called = |name: &str| program(Some(name.into()), Path::new("/home/ada/colloquy"));
        assert_eq!(called("colloquy"), "colloquy");
        assert_eq!(called("target/debug/colloquy"), "./target/debug/colloquy");
        assert_eq!(called("./colloquy"), "./colloquy");
        assert_eq!(called("../bin/colloquy"), "../bin/colloquy");
        assert_eq!(
            called("/home/ada/colloquy/target/debug/colloquy"),
            "./target/debug/colloquy"
        );
        assert_eq!(called("/usr/bin/colloquy"), "/usr/bin/colloquy");
        assert_eq!(program(None, Path::new("/")), "colloquy");
    }

    #[test]
    fn a_word_is_quoted_where_a_shell_would_split_or_expand_it() {
        assert_eq!(quoted("./target/debug/colloquy"), "./target/debug/colloquy");
        assert_eq!(quoted("my data"), "'my data'");
        assert_eq!(quoted("it's $HOME"), r"'it'\''s $HOME'");
        assert_eq!(quoted(""), "''");
    }
}
