//! Renders `docs/configuration.md` from the table of settings; a test keeps it up to date.

use std::fmt::Write as _;

use super::setting::{PROVIDER_FIELDS, PROVIDER_KEY_VARIABLES, SETTINGS, Setting};

const HEAD: &str = "\
# Configuration

Every setting is a flag of `colloquy serve`, an environment variable, or a key of `colloquy.toml`
in the working directory (another file with `--config` or `COLLOQUY_CONFIG`). The last of
default, file, environment and flag wins. An invalid or unknown setting ends the program with one line
that names it. `colloquy config` prints the settings in effect, with secrets masked.

Durations are written `250ms`, `10s` or `5m`, sizes `512KiB`, `2MiB` or a number of bytes, lists
comma-separated (arrays in the file).

| variable, flag, key | default | |
| --- | --- | --- |
";

const PROVIDERS: &str = "
## Model providers

Models are named `provider::model`. The settings of the provider `<name>` (lower case) are keys
below `providers.<name>`, variables that begin with `COLLOQUY_PROVIDERS__<NAME>__`, and values of the
flag `--provider <name>.<field>=<value>`. Flags are visible to other processes: do not pass keys in them.

| key | variable |
| --- | --- |
";

const KEYS: &str = "
Providers that need only a key also take it from its usual variable:
";

fn reference() -> String {
    let mut text = HEAD.to_owned();
    for setting in SETTINGS {
        row(&mut text, setting);
    }
    text.push_str(PROVIDERS);
    for (field, _) in PROVIDER_FIELDS {
        let variable = field.to_ascii_uppercase();
        let _ = writeln!(
            text,
            "| `providers.<name>.{field}` | `COLLOQUY_PROVIDERS__<NAME>__{variable}` |"
        );
    }
    text.push_str(KEYS);
    let variables = PROVIDER_KEY_VARIABLES.iter();
    let variables: Vec<String> = variables.map(|(name, _)| format!("`{name}`")).collect();
    let _ = writeln!(text, "{}.", variables.join(", "));
    text
}

fn row(text: &mut String, setting: &Setting) {
    let (variable, flag, key) = (setting.variable(), setting.flag(), setting.key);
    let default = match setting.default {
        None | Some("") => String::new(),
        Some(default) => format!("`{default}`"),
    };
    let help = setting.help;
    let _ = writeln!(
        text,
        "| `{variable}`<br>`--{flag}`<br>`{key}` | {default} | {help} |"
    );
}

#[test]
fn the_reference_lists_every_setting_as_it_is() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/configuration.md");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(path, reference()).unwrap();
    }
    let written = std::fs::read_to_string(path).unwrap();
    assert_eq!(
        written,
        reference(),
        "run with UPDATE_DOCS=1 to regenerate docs/configuration.md"
    );
}
