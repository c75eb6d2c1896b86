//! A strict parser of Prometheus's text format.

use std::collections::{BTreeMap, BTreeSet};

use colloquy_tests::server::Colloquy;

pub(super) struct Figures {
    pub(super) text: String,
    pub(super) families: BTreeMap<String, Family>,
    samples: BTreeMap<Series, f64>,
}

/// Metadata of a metric.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Family {
    pub(super) kind: String,
    pub(super) help: String,
    pub(super) labels: BTreeSet<String>,
}

type Series = (String, BTreeMap<String, String>);

impl Figures {
    pub(super) async fn of(server: &Colloquy) -> Self {
        let answer = server.watcher().root().get("/metrics").await;
        assert_eq!(answer.status, 200);
        let kind = answer.header("content-type");
        assert_eq!(kind, Some("text/plain; version=0.0.4; charset=utf-8"));
        Self::read(answer.text())
    }

    fn read(text: String) -> Self {
        let mut figures = Self {
            text: String::new(),
            families: BTreeMap::new(),
            samples: BTreeMap::new(),
        };
        let mut current = String::new();
        for line in text.lines() {
            if let Some(help) = line.strip_prefix("# HELP ") {
                let (name, help) = help.split_once(' ').unwrap();
                let family = Family {
                    kind: String::new(),
                    help: help.trim_end_matches('.').to_owned(),
                    labels: BTreeSet::new(),
                };
                let before = figures.families.insert(name.to_owned(), family);
                assert!(before.is_none(), "described twice: {name}");
                name.clone_into(&mut current);
            } else if let Some(kind) = line.strip_prefix("# TYPE ") {
                let kind = found(kind.strip_prefix(&current), line).trim_start();
                assert!(["counter", "gauge", "histogram"].contains(&kind), "{line}");
                kind.clone_into(&mut figures.families.get_mut(&current).unwrap().kind);
            } else {
                figures.take(&current, line);
            }
        }
        Self { text, ..figures }
    }

    fn take(&mut self, family: &str, line: &str) {
        let (series, value) = found(line.rsplit_once(' '), line);
        let (name, labels) = match series.split_once('{') {
            None => (series, BTreeMap::new()),
            Some((name, labels)) => (name, parse(found(labels.strip_suffix('}'), line))),
        };
        let described = found(self.families.get_mut(family), line);
        let suffix = found(name.strip_prefix(family), line);
        match described.kind.as_str() {
            "histogram" => assert!(["_sum", "_count", "_bucket"].contains(&suffix), "{line}"),
            "counter" => assert!(suffix.is_empty() && name.ends_with("_total"), "{line}"),
            _ => assert_eq!(suffix, "", "{line}"),
        }
        let names = labels.keys().filter(|name| *name != "le").cloned();
        described.labels.extend(names);
        let value = found(value.parse().ok(), line);
        let before = self.samples.insert((name.to_owned(), labels), value);
        assert!(before.is_none(), "twice: {line}");
    }

    /// The sample with exactly these labels; 0 if absent.
    pub(super) fn get(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let labels = labels.iter();
        let labels = labels.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let series = (name.to_owned(), labels.collect());
        self.samples.get(&series).copied().unwrap_or_default()
    }

    pub(super) fn sum(&self, name: &str) -> f64 {
        let samples = self.samples.iter().filter(|((found, _), _)| found == name);
        samples.map(|(_, value)| value).sum()
    }

    pub(super) fn len(&self) -> usize {
        self.samples.len()
    }
}

/// Parses `a="b",c="d"`; values contain no quotes.
fn parse(labels: &str) -> BTreeMap<String, String> {
    let labels = labels.split_inclusive("\",").map(|label| {
        let (name, value) = found(label.trim_end_matches(',').split_once("=\""), label);
        let value = found(value.strip_suffix('"'), label);
        (name.to_owned(), value.to_owned())
    });
    labels.collect()
}

/// Unwraps a required part of the line.
#[track_caller]
fn found<T>(part: Option<T>, line: &str) -> T {
    part.unwrap_or_else(|| panic!("not in the format: {line}"))
}
