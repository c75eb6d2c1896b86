//! Architecture rules: crate dependencies, use of technologies, file lengths.
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a failure ends the test"
)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Component, Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// Allowed dependencies between crates. The server composes; the tests may use everything.
const EDGES: &[(&str, &[&str])] = &[
    ("colloquy-domain", &[]),
    ("colloquy-application", &["colloquy-domain"]),
    ("colloquy-migrations", &[]),
    (
        "colloquy-persistence",
        &[
            "colloquy-application",
            "colloquy-domain",
            "colloquy-migrations",
        ],
    ),
    ("colloquy-cache", ADAPTER),
    ("colloquy-blob", ADAPTER),
    ("colloquy-llm", ADAPTER),
    ("colloquy-matcher", ADAPTER),
    ("colloquy-web", ADAPTER),
    ("colloquy-http", INBOUND),
    (
        "colloquy-server",
        &[
            "colloquy-application",
            "colloquy-blob",
            "colloquy-cache",
            "colloquy-domain",
            "colloquy-http",
            "colloquy-llm",
            "colloquy-matcher",
            "colloquy-migrations",
            "colloquy-persistence",
            "colloquy-web",
        ],
    ),
];
const ADAPTER: &[&str] = &["colloquy-application", "colloquy-domain"];
/// Inbound adapters share `web` and do not depend on each other.
const INBOUND: &[&str] = &["colloquy-application", "colloquy-domain", "colloquy-web"];

/// Additional dependencies of tests.
const EDGES_OF_TESTS: &[&str] = &["colloquy-application", "colloquy-tests"];

/// Test tools and examples, which may use any dependency.
const TOOLS: &[&str] = &[
    "colloquy-bench",
    "colloquy-tests",
    "in-memory-server",
    "weather-assistant",
];

/// Dependency families and the crates that may use them.
const TECHNOLOGIES: &[(&str, &[&str])] = &[
    ("sea-orm", STORES),
    ("sea-query", STORES),
    ("sqlx", STORES),
    ("rusqlite", &[]),
    ("axum", WIRES),
    ("hyper", WIRES),
    ("tower", WIRES),
    ("utoipa", WIRES),
    ("moka", &["colloquy-cache"]),
    ("object_store", &["colloquy-blob"]),
    ("image", &["colloquy-blob"]),
    ("png", &["colloquy-blob"]),
    ("moxcms", &["colloquy-blob"]),
    ("candle", &["colloquy-llm"]),
    ("tokenizers", &["colloquy-llm"]),
    ("prometheus", &["colloquy-web"]),
    ("clap", &["colloquy-server"]),
    ("opentelemetry", &["colloquy-server"]),
    ("tracing-opentelemetry", &["colloquy-server"]),
];
const STORES: &[&str] = &["colloquy-migrations", "colloquy-persistence"];
const WIRES: &[&str] = &[
    "colloquy-console",
    "colloquy-http",
    "colloquy-openai",
    "colloquy-server",
    "colloquy-ui",
    "colloquy-web",
];

/// Banned from the domain: I/O and async. `serde_json` is allowed for output schemas.
const NOT_IN_DOMAIN: &[&str] = &["async-", "futures", "tokio", "tracing"];

/// Maximum length of a production file.
const MAX_LINES: usize = 400;

/// Maximum lines of a test file or contract suite. A suite is a list of independent cases, which
/// splitting would scatter.
const MAX_LINES_OF_TESTS: usize = 600;

struct Dependency {
    of: String,
    on: String,
    is_for_tests: bool,
}

impl std::fmt::Display for Dependency {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let kind = if self.is_for_tests { "tests of " } else { "" };
        write!(f, "{kind}{} -> {}", self.of, self.on)
    }
}

fn root() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().expect("the workspace").to_owned()
}

fn packages() -> Vec<Value> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--no-deps"])
        .current_dir(root())
        .output()
        .expect("cargo runs");
    assert!(output.status.success());
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    metadata["packages"].as_array().unwrap().clone()
}

fn name(value: &Value) -> String {
    value["name"].as_str().unwrap().to_owned()
}

/// Dependencies declared by every crate except the tools.
fn dependencies() -> Vec<Dependency> {
    let mut found = Vec::new();
    for package in packages() {
        let of = name(&package);
        if TOOLS.contains(&of.as_str()) {
            continue;
        }
        for dependency in package["dependencies"].as_array().unwrap() {
            found.push(Dependency {
                of: of.clone(),
                on: name(dependency),
                is_for_tests: dependency["kind"] == "dev",
            });
        }
    }
    assert!(found.len() > 20, "the workspace has dependencies");
    found
}

fn assert_none(forbidden: impl Iterator<Item = Dependency>) {
    let forbidden: Vec<String> = forbidden.map(|d| d.to_string()).collect();
    assert!(forbidden.is_empty(), "forbidden: {forbidden:#?}");
}

fn allowed(crate_name: &str) -> &'static [&'static str] {
    let mut edges = EDGES.iter();
    let edge = edges.find(|(name, _)| *name == crate_name);
    edge.unwrap_or_else(|| panic!("{crate_name} is missing from EDGES"))
        .1
}

#[test]
fn every_crate_has_its_place() {
    let members: BTreeSet<String> = packages().iter().map(name).collect();
    let mut expected: BTreeSet<String> = EDGES.iter().map(|(n, _)| (*n).to_owned()).collect();
    expected.extend(TOOLS.iter().map(|&name| name.to_owned()));
    assert_eq!(members, expected);
}

#[test]
fn dependencies_point_inwards() {
    let is_internal = |dependency: &Dependency| dependency.on.starts_with("colloquy");
    let is_forbidden = |dependency: &Dependency| {
        let on = dependency.on.as_str();
        let of_tests = dependency.is_for_tests && EDGES_OF_TESTS.contains(&on);
        !of_tests && !allowed(&dependency.of).contains(&on)
    };
    assert_none(
        dependencies()
            .into_iter()
            .filter(is_internal)
            .filter(is_forbidden),
    );
}

#[test]
fn a_technology_stays_in_its_crate() {
    let is_forbidden = |dependency: &Dependency| {
        let mut technologies = TECHNOLOGIES.iter();
        !dependency.is_for_tests
            && technologies.any(|(family, homes)| {
                dependency.on.starts_with(family) && !homes.contains(&dependency.of.as_str())
            })
    };
    assert_none(dependencies().into_iter().filter(is_forbidden));
}

#[test]
fn the_domain_does_no_io() {
    let is_forbidden = |dependency: &Dependency| {
        let mut families = NOT_IN_DOMAIN.iter();
        dependency.of == "colloquy-domain"
            && !dependency.is_for_tests
            && families.any(|family| dependency.on.starts_with(family))
    };
    assert_none(dependencies().into_iter().filter(is_forbidden));
    let domain = sources(&root().join("crates/domain/src"));
    assert!(!domain.is_empty());
    for file in domain {
        let text = fs::read_to_string(&file).expect("a source file");
        for word in ["async fn", ".await", "std::fs", "std::net", "std::env"] {
            assert!(!text.contains(word), "{word} in {}", file.display());
        }
    }
}

#[test]
fn files_stay_short() {
    let files = ["crates", "migrations", "tests"].map(|home| sources(&root().join(home)));
    let files: Vec<PathBuf> = files.into_iter().flatten().collect();
    assert!(files.len() > 50, "the crates have sources");
    let limit = |file: &Path| {
        if is_for_tests(file) {
            MAX_LINES_OF_TESTS
        } else {
            MAX_LINES
        }
    };
    let long: Vec<String> = files
        .iter()
        .map(|file| (file, lines(file)))
        .filter(|(file, lines)| *lines > limit(file))
        .map(|(file, lines)| format!("{}: {lines} lines", file.display()))
        .collect();
    assert!(long.is_empty(), "{long:#?}");
}

#[test]
fn every_source_file_says_what_it_contains() {
    let files = ["crates", "migrations", "tests"].map(|home| sources(&root().join(home)));
    let silent: Vec<PathBuf> = files
        .into_iter()
        .flatten()
        .filter(|file| {
            let text = fs::read_to_string(file).expect("a source file");
            !text.starts_with("//!")
        })
        .collect();
    assert!(silent.is_empty(), "without `//!`: {silent:#?}");
}

fn lines(file: &Path) -> usize {
    let text = fs::read_to_string(file).expect("a source file");
    text.lines().count()
}

fn is_for_tests(file: &Path) -> bool {
    let inside = file.strip_prefix(root()).expect("a file of the workspace");
    let mut parts = inside.components().map(Component::as_os_str);
    parts.any(|part| part == "testing" || part == "tests" || part == "tests.rs")
}

fn sources(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}

/// Whether the script accepts the file's exceptions on that day.
fn admits(deny_toml: &Path, today: &str) -> bool {
    let mut script = Command::new(root().join("scripts/advisories.sh"));
    script.arg("dates").env("DENY_TOML", deny_toml);
    let output = script.env("TODAY", today).output().unwrap();
    output.status.success()
}

#[test]
fn exceptions_from_advisories_end_on_their_day() {
    let place = std::env::temp_dir().join(format!("advisories-{}.toml", std::process::id()));
    let dated = r#"    { id = "RUSTSEC-2024-0436", reason = "until 2027-05-31: unmaintained" },"#;
    for (line, last) in [
        (dated, Some("2027-05-31")),
        (r#"    "RUSTSEC-2024-0436","#, None),
        (
            r#"    { id = "RUSTSEC-2024-0436", reason = "later" },"#,
            None,
        ),
        (r#"    { id = "RUSTSEC-2024-0436" },"#, None),
        (
            r##"    # { id = "RUSTSEC-2024-0436" },"##,
            Some("9999-12-31"),
        ),
    ] {
        fs::write(&place, format!("[advisories]\nignore = [\n{line}\n]\n")).unwrap();
        for today in ["2026-11-26", "2027-05-31", "2027-06-01"] {
            let expected = last.is_some_and(|last| today <= last);
            assert_eq!(admits(&place, today), expected, "{line} on {today}");
        }
    }
    fs::remove_file(&place).unwrap();
    let exceptions = root().join("deny.toml");
    assert!(admits(&exceptions, "2026-11-26"));
    assert!(!admits(&exceptions, "2999-01-01"));
}
