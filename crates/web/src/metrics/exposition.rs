//! Prometheus text exposition. The library writes `OpenMetrics`; every collector reads the text
//! format, which uses full names in counter descriptions and has no end marker.

use std::collections::{BTreeMap, HashSet};
use std::fmt::{self, Write as _};

use colloquy_application::ports::{Reading, ReadingKind};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;

/// Media type of the text format.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

pub(super) fn write(registry: &Registry, readings: Vec<Reading>) -> Result<String, fmt::Error> {
    let mut read = Registry::default();
    read.register_collector(Box::new(Read::from(readings)));
    let mut text = String::new();
    text::encode_registry(&mut text, registry)?;
    text::encode_registry(&mut text, &read)?;
    with_whole_names(&text)
}

/// By name: each is described once.
#[derive(Debug)]
struct Read(BTreeMap<&'static str, Vec<Reading>>);

impl From<Vec<Reading>> for Read {
    fn from(readings: Vec<Reading>) -> Self {
        let mut by_name: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for reading in readings {
            by_name.entry(reading.name).or_default().push(reading);
        }
        Self(by_name)
    }
}

impl Collector for Read {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        for (name, readings) in &self.0 {
            let Some(Reading { help, kind, .. }) = readings.first() else {
                continue;
            };
            let (help, kind) = (format!("{help}."), metric_type(*kind));
            let mut metric = encoder.encode_descriptor(name, &help, None, kind)?;
            for reading in readings {
                let labels = reading.labels.as_slice();
                if labels.is_empty() {
                    write_value(reading, &mut metric)?;
                } else {
                    write_value(reading, &mut metric.encode_family(&labels)?)?;
                }
            }
        }
        Ok(())
    }
}

const fn metric_type(kind: ReadingKind) -> MetricType {
    match kind {
        ReadingKind::Level => MetricType::Gauge,
        ReadingKind::Count => MetricType::Counter,
    }
}

fn write_value(reading: &Reading, metric: &mut MetricEncoder<'_>) -> Result<(), fmt::Error> {
    match reading.kind {
        ReadingKind::Level => metric.encode_gauge(&as_float(reading.value)),
        ReadingKind::Count => metric.encode_counter::<NoLabelSet, _, u64>(&reading.value, None),
    }
}

/// All numbers in this format are floats.
#[expect(
    clippy::cast_precision_loss,
    reason = "no digits beyond 2^53 are needed"
)]
const fn as_float(value: u64) -> f64 {
    value as f64
}

fn with_whole_names(text: &str) -> Result<String, fmt::Error> {
    let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    let counters: HashSet<&str> = types
        .filter_map(|line| line.strip_suffix(" counter"))
        .collect();
    let mut whole = String::with_capacity(text.len());
    for line in text.lines() {
        let mut words = line.splitn(4, ' ');
        match (words.next(), words.next(), words.next(), words.next()) {
            (Some("#"), Some(keyword), Some(name), Some(rest)) if counters.contains(name) => {
                writeln!(whole, "# {keyword} {name}_total {rest}")?;
            }
            _ => writeln!(whole, "{line}")?,
        }
    }
    Ok(whole)
}

#[cfg(test)]
mod tests {
    use colloquy_application::ports::Reading;
    use prometheus_client::metrics::counter::Counter;
    use prometheus_client::registry::Registry;

    use super::write;

    #[test]
    fn a_counter_is_described_by_its_whole_name_and_every_name_once() {
        let mut registry = Registry::with_prefix("a");
        registry.register("b", "Counted", Counter::<u64>::default());
        let level = |label| Reading::level("l", "Stands", 7).with("x", label);
        let count = Reading::count("c", "Read", 9);
        let text = write(&registry, vec![level("one"), count, level("other")]).unwrap();
        let expected = [
            "# HELP a_b_total Counted.",
            "# TYPE a_b_total counter",
            "a_b_total 0",
            "# HELP c_total Read.",
            "# TYPE c_total counter",
            "c_total 9",
            "# HELP l Stands.",
            "# TYPE l gauge",
            "l{x=\"one\"} 7.0",
            "l{x=\"other\"} 7.0",
        ];
        assert_eq!(text.lines().collect::<Vec<_>>(), expected);
    }
}
