//! The result table.

use std::fmt;
use std::time::Duration;

use crate::load::Load;

/// A row; inapplicable fields are empty.
#[derive(Default)]
pub(crate) struct Line {
    pub(crate) name: String,
    pub(crate) load: Load,
    pub(crate) memory: Option<u64>,
    /// Ratio to the same bytes from memory.
    pub(crate) of_memory: Option<Ratio>,
    /// Ratio to the bare database.
    pub(crate) of_database: Option<Ratio>,
    /// Target, in words.
    pub(crate) target: String,
    pub(crate) is_met: Option<bool>,
}

impl Line {
    pub(crate) fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            ..Self::default()
        }
    }

    /// Sets the target and whether it is met.
    pub(crate) fn target(self, target: String, is_met: bool) -> Self {
        Self {
            target,
            is_met: Some(is_met),
            ..self
        }
    }
}

/// Ratio of two sides, with its spread over the rounds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ratio {
    pub(crate) whole: f64,
    lowest: f64,
    highest: f64,
}

impl Ratio {
    /// Compares rates round by round.
    pub(crate) fn of(rates: &[f64], others: &[f64]) -> Self {
        let rounds = || rates.iter().zip(others).map(|(one, other)| one / other);
        Self {
            whole: rates.iter().sum::<f64>() / others.iter().sum::<f64>(),
            lowest: rounds().fold(f64::INFINITY, f64::min),
            highest: rounds().fold(0.0, f64::max),
        }
    }
}

impl fmt::Display for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            whole,
            lowest,
            highest,
        } = self;
        write!(f, "{whole:.2} ({lowest:.2}-{highest:.2})")
    }
}

/// In milliseconds.
pub(crate) fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}

pub(crate) fn print(lines: &[Line]) {
    let head = [
        "",
        "req/s",
        "p50 ms",
        "p99 ms",
        "errors",
        "MiB",
        "of memory",
        "of database",
        "target",
        "",
    ];
    let head = head.map(str::to_owned);
    let rows: Vec<[String; 10]> = std::iter::once(head)
        .chain(lines.iter().map(cells))
        .collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let widths: Vec<usize> = (0..10).map(|column| width(column).unwrap_or(0)).collect();
    for (number, row) in rows.iter().enumerate() {
        let cells = row.iter().zip(&widths).enumerate();
        let cells: Vec<String> = cells
            .map(|(column, (cell, width))| match column {
                1..=5 => format!("{cell:>width$}"),
                _ => format!("{cell:width$}"),
            })
            .collect();
        println!("| {} |", cells.join(" | "));
        if number == 0 {
            let rules: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
            println!("|-{}-|", rules.join("-|-"));
        }
    }
}

fn cells(line: &Line) -> [String; 10] {
    let load = &line.load;
    let shown = |number: f64, text: String| if number == 0.0 { String::new() } else { text };
    let time = |time| {
        let time = milliseconds(time);
        shown(time, format!("{time:.2}"))
    };
    let rate = load.requests_per_second;
    let ratio = |ratio: Option<Ratio>| ratio.map_or_else(String::new, |it| it.to_string());
    let memory = line
        .memory
        .map(|kib| format!("{:.1}", kib as f64 / 1_024.0));
    let verdict = match line.is_met {
        Some(true) => "PASS",
        Some(false) => "MISS",
        None => "",
    };
    [
        line.name.clone(),
        shown(rate, format!("{rate:.0}")),
        time(load.p50),
        time(load.p99),
        shown(rate, load.errors.to_string()),
        memory.unwrap_or_default(),
        ratio(line.of_memory),
        ratio(line.of_database),
        line.target.clone(),
        verdict.to_owned(),
    ]
}
