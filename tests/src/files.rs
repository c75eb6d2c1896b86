//! File listings.

use std::path::Path;

/// All files below the folder as sorted relative paths; empty without the folder.
///
/// # Panics
/// If a folder cannot be read.
#[must_use]
pub fn below(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return found,
        Err(error) => panic!("{}: {error}", folder.display()),
    };
    for entry in entries {
        let entry = entry.expect("an entry");
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.path().is_dir() {
            let inside = below(&entry.path());
            found.extend(inside.iter().map(|path| format!("{name}/{path}")));
        } else {
            found.push(name);
        }
    }
    found.sort();
    found
}
