//! Timing of rejected sign-ins.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use colloquy_tests::client::text;
use colloquy_tests::database::Backend;
use colloquy_tests::random::Random;
use colloquy_tests::server::{Colloquy, PASSWORD};
use serde_json::json;

const LOGINS: usize = 500;

/// Duration of a rejected sign-in per kind of account, and how well it distinguishes them (0.5: not
/// at all).
pub(crate) async fn login(backend: Backend) {
    let site = Colloquy::installed(backend).await;
    let site = site.env("COLLOQUY_SIGN_IN__FAILURES_PER_MINUTE", "0");
    let server = site.serve().await;
    server.user("known").await;
    let disabled = server.user("disabled").await;
    let account = disabled.get("/users/me").await.expect(200);
    let path = format!("/users/{}", text(&account["id"]));
    let change = json!({"is_active": false});
    server.admin().await.patch(&path, change).await.expect(200);
    let create = ["user", "create", "keyless@example.org", "--no-password"];
    let created = server.installation().run(&create).await;
    assert!(created.status.success(), "an account without a password");

    let kinds = [
        ("wrong", "known@example.org", "wrong password"),
        ("unknown", "unknown@example.org", PASSWORD),
        ("disabled", "disabled@example.org", PASSWORD),
        ("no password", "keyless@example.org", PASSWORD),
    ];
    let mut order: Vec<usize> = (0..kinds.len() * LOGINS).collect();
    Random::seeded(1).shuffle(&mut order);
    let guest = server.guest();
    let mut times: BTreeMap<&str, Vec<Duration>> = BTreeMap::new();
    for turn in order {
        let (kind, email, password) = kinds[turn % kinds.len()];
        let began = Instant::now();
        let refused = guest.log_in(email, password).await;
        times.entry(kind).or_default().push(began.elapsed());
        refused.problem(401, "invalid_credentials");
    }
    for (kind, times) in &mut times {
        times.sort();
        println!("{kind:12} median {:?}", times[times.len() / 2]);
    }
    let wrong = &times["wrong"];
    for (kind, times) in &times {
        println!("{kind:12} area under the curve {:.3}", area(wrong, times));
    }
}

/// Probability that a time of `one` is shorter than one of `other`.
fn area(one: &[Duration], other: &[Duration]) -> f64 {
    let wins = |a: &Duration| -> f64 {
        let shorter = other.partition_point(|b| b < a);
        let equal = other.partition_point(|b| b <= a) - shorter;
        (other.len() - shorter - equal) as f64 + equal as f64 / 2.0
    };
    one.iter().map(wins).sum::<f64>() / (one.len() * other.len()) as f64
}
