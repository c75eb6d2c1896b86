//! Load on one URL by `oha`, over keep-alive connections.

use std::time::Duration;

use serde_json::Value;
use tokio::process::Command;

/// Saturates two cores.
const CONNECTIONS: usize = 32;
/// `oha`'s error for requests cut off at the end.
const CUT: &str = "aborted due to deadline";

#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) url: String,
    pub(crate) headers: Vec<(String, String)>,
    /// Others are errors.
    pub(crate) status: u16,
}

#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Load {
    pub(crate) requests_per_second: f64,
    pub(crate) p50: Duration,
    pub(crate) p99: Duration,
    pub(crate) errors: u64,
}

impl Target {
    pub(crate) async fn drive(&self, time: Duration) -> Load {
        let mut command = Command::new(std::env::var_os("OHA").unwrap_or_else(|| "oha".into()));
        command.args(["--no-tui", "--output-format", "json"]);
        command.args(["--wait-ongoing-requests-after-deadline", "--redirect", "0"]);
        command.args(["-c", &CONNECTIONS.to_string()]);
        command.args(["-z", &format!("{}ms", time.as_millis())]);
        for (name, value) in &self.headers {
            command.args(["-H", &format!("{name}: {value}")]);
        }
        let output = command.arg(&self.url).kill_on_drop(true).output();
        let output = output.await.expect("oha runs; OHA says where it is");
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "oha: {complaint}");
        self.read(&serde_json::from_slice(&output.stdout).expect("JSON of oha"))
    }

    fn read(&self, report: &Value) -> Load {
        let number = |value: &Value| value.as_f64().unwrap_or_default();
        let time =
            |name: &str| Duration::from_secs_f64(number(&report["latencyPercentiles"][name]));
        let expected = self.status.to_string();
        let errors = [
            (&report["statusCodeDistribution"], expected.as_str()),
            (&report["errorDistribution"], CUT),
        ];
        let errors = errors.map(|(counts, expected)| all_but(counts, expected));
        Load {
            requests_per_second: number(&report["summary"]["requestsPerSec"]),
            p50: time("p50"),
            p99: time("p99"),
            errors: errors.iter().sum(),
        }
    }
}

fn all_but(counts: &Value, expected: &str) -> u64 {
    let counts = counts.as_object().into_iter().flatten();
    let others = counts.filter(|(name, _)| *name != expected);
    others.filter_map(|(_, count)| count.as_u64()).sum()
}

impl Load {
    /// Combines equal slices: mean rates, summed errors.
    pub(crate) fn of(turns: &[Self]) -> Self {
        let count = turns.len() as u32;
        Self {
            requests_per_second: turns.iter().map(|it| it.requests_per_second).sum::<f64>()
                / f64::from(count),
            p50: turns.iter().map(|it| it.p50).sum::<Duration>() / count,
            p99: turns.iter().map(|it| it.p99).sum::<Duration>() / count,
            errors: turns.iter().map(|it| it.errors).sum(),
        }
    }
}
