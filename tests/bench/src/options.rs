//! Command-line options of the bench.

use std::time::Duration;

use colloquy_tests::database::Backend;
use colloquy_tests::measure::streams::Watch;

pub(crate) struct Options {
    /// Includes ten times the data.
    pub(crate) is_full: bool,
    /// A missed target fails the bench.
    pub(crate) is_strict: bool,
    pub(crate) backends: Vec<Backend>,
    pub(crate) has_reads: bool,
    pub(crate) has_posts: bool,
    pub(crate) has_streams: bool,
    /// Duration of one side's turn.
    pub(crate) slice: Duration,
    /// Turns per side.
    pub(crate) rounds: usize,
    pub(crate) watch: Watch,
}

impl Options {
    /// Parses `short` or `full`, `strict`, `sqlite`, `postgres`, `reads`, `posts`, `streams`.
    /// Defaults to all available databases and parts.
    pub(crate) fn read(arguments: &[String]) -> Self {
        let has = |name: &str| arguments.iter().any(|argument| argument == name);
        let parts = ["reads", "posts", "streams"];
        let [has_reads, has_posts, has_streams] =
            parts.map(|part| has(part) || !parts.iter().any(|part| has(part)));
        let known = ["short", "full", "strict", "sqlite", "postgres"];
        let known = [&known[..], &parts].concat();
        let unknown = arguments.iter().find(|it| !known.contains(&it.as_str()));
        assert!(unknown.is_none(), "{unknown:?} is none of {known:?}");
        let both = !has("sqlite") && !has("postgres");
        let mut backends = Vec::new();
        if both || has("sqlite") {
            backends.push(Backend::Sqlite);
        }
        if (both || has("postgres")) && Backend::Postgres.is_at_hand() {
            backends.push(Backend::Postgres);
        }
        let is_full = has("full");
        let seconds = |short, full| Duration::from_secs(if is_full { full } else { short });
        Self {
            is_full,
            is_strict: has("strict"),
            backends,
            has_reads,
            has_posts,
            has_streams,
            slice: seconds(1, 4),
            rounds: if is_full { 4 } else { 2 },
            watch: Watch {
                opening: seconds(8, 15),
                watched: seconds(6, 15),
            },
        }
    }
}
