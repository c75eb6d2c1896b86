//! Limits on failed sign-ins.

use colloquy_tests::client::{Client, Response};
use colloquy_tests::database::Backend;
use colloquy_tests::server::{ADMIN_EMAIL, Colloquy, PASSWORD};
use colloquy_tests::{on_both_backends, on_postgres};
use futures_util::future::join_all;
use hyper::Method;

on_both_backends![
    an_attack_from_one_address_is_stopped_and_the_owner_is_not,
    an_attack_from_many_addresses_does_not_stop_the_owner_where_they_have_been,
    a_forged_header_changes_nothing,
    stopped_sign_ins_cannot_be_told_apart,
    right_passwords_are_never_too_many,
    the_limit_is_a_setting,
];
on_postgres![three_instances_count_as_one];

/// All local clients are trusted proxies.
const PROXIES: (&str, &str) = ("COLLOQUY_HTTP__TRUSTED_PROXIES", "127.0.0.0/8, ::1");
const LIMIT: &str = "COLLOQUY_SIGN_IN__FAILURES_PER_MINUTE";
const HOME: &str = "198.51.100.1";

async fn behind_a_proxy(backend: Backend) -> Colloquy {
    let site = Colloquy::installed(backend).await;
    site.env(PROXIES.0, PROXIES.1).serve().await
}

/// Signs in from that forwarded address.
async fn log_in(guest: &Client, from: &str, email: &str, password: &str) -> Response {
    let fields = [("username", email), ("password", password)];
    let request = guest.request(Method::POST, "/auth/login").form(&fields);
    request.header("x-forwarded-for", from).send().await
}

/// Counts responses to a wrong password; the others must be rate-limited.
fn looked_at(answers: Vec<Response>) -> usize {
    let mut count = 0;
    for answer in answers {
        if answer.status == 401 {
            answer.problem(401, "invalid_credentials");
            count += 1;
            continue;
        }
        let seconds = answer.header("retry-after").map(str::parse::<u64>);
        let seconds = seconds.unwrap().unwrap();
        assert!((1..=60).contains(&seconds), "{seconds}");
        answer.problem(429, "rate_limit_exceeded");
    }
    count
}

async fn an_attack_from_one_address_is_stopped_and_the_owner_is_not(backend: Backend) {
    let server = behind_a_proxy(backend).await;
    let guest = server.guest();
    let attack = (0..100).map(|_| log_in(&guest, "203.0.113.1", ADMIN_EMAIL, "wrong"));
    // The tenth is reserved for other addresses.
    assert_eq!(looked_at(join_all(attack).await), 9);
    let right = log_in(&guest, "203.0.113.1", ADMIN_EMAIL, PASSWORD).await;
    right.problem(429, "rate_limit_exceeded");
    log_in(&guest, HOME, ADMIN_EMAIL, PASSWORD)
        .await
        .expect(200);
    let others = (0..20).map(async |n| {
        let email = format!("user{n}@example.org");
        log_in(&guest, "203.0.113.1", &email, "wrong").await
    });
    assert_eq!(looked_at(join_all(others).await), 1);
}

async fn an_attack_from_many_addresses_does_not_stop_the_owner_where_they_have_been(
    backend: Backend,
) {
    let server = behind_a_proxy(backend).await;
    let guest = server.guest();
    log_in(&guest, HOME, ADMIN_EMAIL, PASSWORD)
        .await
        .expect(200);
    let attack = (0..200).map(async |n| {
        let from = format!("203.0.113.{n}");
        log_in(&guest, &from, ADMIN_EMAIL, "wrong").await
    });
    assert_eq!(looked_at(join_all(attack).await), 10);
    let wrong = log_in(&guest, HOME, ADMIN_EMAIL, "mistyped").await;
    wrong.problem(401, "invalid_credentials");
    log_in(&guest, HOME, ADMIN_EMAIL, PASSWORD)
        .await
        .expect(200);
    let stranger = log_in(&guest, "192.0.2.1", ADMIN_EMAIL, PASSWORD).await;
    stranger.problem(429, "rate_limit_exceeded");
}

async fn a_forged_header_changes_nothing(backend: Backend) {
    let server = Colloquy::start(backend).await;
    let guest = server.guest();
    let attack = (0..40).map(async |n| {
        let email = format!("user{n}@example.org");
        log_in(&guest, &format!("203.0.113.{n}"), &email, "wrong").await
    });
    assert_eq!(looked_at(join_all(attack).await), 10);

    let server = behind_a_proxy(backend).await;
    let guest = server.guest();
    let attack = (0..40).map(async |n| {
        let email = format!("user{n}@example.org");
        let forged = format!("203.0.113.{n}, 192.0.2.1");
        log_in(&guest, &forged, &email, "wrong").await
    });
    assert_eq!(looked_at(join_all(attack).await), 10);
}

async fn stopped_sign_ins_cannot_be_told_apart(backend: Backend) {
    let server = behind_a_proxy(backend).await;
    let guest = server.guest();
    let mut stopped = Vec::new();
    for (network, email) in [
        ("203.0.113", ADMIN_EMAIL),
        ("192.0.2", "nobody@example.org"),
    ] {
        let attack = (0..40).map(async |n| {
            let from = format!("{network}.{n}");
            log_in(&guest, &from, email, "wrong").await
        });
        assert_eq!(looked_at(join_all(attack).await), 10);
        let answer = log_in(&guest, &format!("{network}.99"), email, PASSWORD).await;
        let (status, mut headers, body) = answer.anonymous();
        headers.retain(|(name, _)| name != "retry-after");
        stopped.push((status, headers, body));
    }
    assert_eq!(stopped[0], stopped[1]);
}

async fn right_passwords_are_never_too_many(backend: Backend) {
    let server = Colloquy::start(backend).await;
    let guest = server.guest();
    for _ in 0..12 {
        guest.sign_in(ADMIN_EMAIL, PASSWORD).await;
    }
    let at_once = (0..24).map(|_| guest.log_in(ADMIN_EMAIL, PASSWORD));
    for answer in join_all(at_once).await {
        answer.expect(200);
    }
}

async fn the_limit_is_a_setting(backend: Backend) {
    for (limit, expected) in [("3", 2), ("0", 12)] {
        let site = Colloquy::installed(backend).await;
        let server = site.env(LIMIT, limit).serve().await;
        let guest = server.guest();
        let attack = (0..12).map(|_| guest.log_in(ADMIN_EMAIL, "wrong"));
        assert_eq!(looked_at(join_all(attack).await), expected);
    }
}

async fn three_instances_count_as_one() {
    let one = behind_a_proxy(Backend::Postgres).await;
    let two = one.installation().neighbour().serve().await;
    let three = one.installation().neighbour().serve().await;
    let guests = [one.guest(), two.guest(), three.guest()];
    let from_one = (0..90).map(async |n| {
        let email = format!("user{n}@example.org");
        log_in(&guests[n % 3], "203.0.113.1", &email, "wrong").await
    });
    assert_eq!(looked_at(join_all(from_one).await), 10);
    let to_one = (0..90).map(async |n| {
        let from = format!("192.0.2.{n}");
        log_in(&guests[n % 3], &from, ADMIN_EMAIL, "wrong").await
    });
    assert_eq!(looked_at(join_all(to_one).await), 10);
}
