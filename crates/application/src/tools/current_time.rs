//! The tool `current_time`.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use chrono_tz::TZ_VARIANTS;
use colloquy_domain::{ToolName, tool_name};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{ToolContext, ToolError, TypedTool};
use crate::ports::Clock;

/// The tool `current_time`: the time in any time zone.
pub struct CurrentTime {
    clock: Arc<dyn Clock>,
}

impl CurrentTime {
    /// Uses that clock.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock }
    }
}

/// Arguments of `current_time`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TimeQuery {
    /// A time zone of the IANA database, for example "Europe/Paris"; UTC unless given.
    #[serde(default)]
    time_zone: Option<String>,
}

#[async_trait]
impl TypedTool for CurrentTime {
    type Arguments = TimeQuery;

    fn name(&self) -> ToolName {
        tool_name!("current_time")
    }

    fn description(&self) -> String {
        "Tells the current date, day of the week and time in a time zone.".to_owned()
    }

    async fn call(&self, _context: &ToolContext, query: TimeQuery) -> Result<String, ToolError> {
        tell(
            self.clock.now(),
            query.time_zone.as_deref().unwrap_or("UTC"),
        )
    }
}

fn tell(now: DateTime<Utc>, time_zone: &str) -> Result<String, ToolError> {
    let mut zones = TZ_VARIANTS.iter();
    let zone = zones
        .find(|zone| zone.name().eq_ignore_ascii_case(time_zone))
        .ok_or_else(|| ToolError::new("No such time zone in the IANA database."))?;
    let local = now.with_timezone(zone);
    Ok(format!(
        "{} ({}, {})",
        local.format("%Y-%m-%dT%H:%M:%S%:z"),
        local.format("%A"),
        zone.name()
    ))
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::tell;

    #[test]
    fn the_time_is_told_with_its_offset_and_its_day() {
        let now = DateTime::from_timestamp(1_785_542_400, 0).unwrap();
        for (zone, expected) in [
            ("UTC", "2026-08-01T00:00:00+00:00 (Saturday, UTC)"),
            (
                "europe/paris",
                "2026-08-01T02:00:00+02:00 (Saturday, Europe/Paris)",
            ),
            (
                "America/New_York",
                "2026-07-31T20:00:00-04:00 (Friday, America/New_York)",
            ),
            (
                "Asia/Kathmandu",
                "2026-08-01T05:45:00+05:45 (Saturday, Asia/Kathmandu)",
            ),
        ] {
            assert_eq!(tell(now, zone).unwrap(), expected);
        }
    }

    #[test]
    fn an_unknown_zone_is_an_error_for_the_model() {
        let now = DateTime::UNIX_EPOCH;
        assert!(
            tell(now, "Mars/Base")
                .unwrap_err()
                .to_string()
                .contains("IANA")
        );
    }
}
