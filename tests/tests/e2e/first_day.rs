//! An operator's first day.

use std::process::Output;

use colloquy_tests::client::text;
use colloquy_tests::database::Backend;
use colloquy_tests::process::binary;
use colloquy_tests::server::{Colloquy, Installation};
use colloquy_tests::{on_both_backends, on_postgres};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use url::Url;

on_both_backends![
    a_start_on_a_taken_address_writes_nothing,
    the_first_start_says_how_to_reset_the_password,
    a_terminal_shows_short_lines_without_repetition,
    a_second_server_on_a_sqlite_database_is_refused,
];

on_postgres![
    a_start_waits_for_the_database_and_says_so,
    a_start_gives_a_database_up_that_stays_away,
    a_database_that_refuses_is_not_waited_for,
    a_stop_ends_the_waiting,
];

fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

async fn a_start_on_a_taken_address_writes_nothing(backend: Backend) {
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let site = Installation::empty(backend).await;
    let data = site.directory().join("data");
    let site = site.env("COLLOQUY_DATA_DIR", &data.display().to_string());
    let site = match backend {
        Backend::Sqlite => site.env("COLLOQUY_DATABASE_URL", ""),
        Backend::Postgres => site,
    };
    let refused = site.run(&["serve", "--listen", &address]).await;
    assert_eq!(refused.status.code(), Some(1));
    let output = err(&refused);
    assert!(
        output.contains(&format!("cannot listen on {address}")),
        "{output}"
    );
    assert!(!data.exists());
    // The next start counts as the first and prints the password.
    drop(taken);
    let server = site.serve().await;
    assert!(
        server.log().contains("initial password:"),
        "{}",
        server.log()
    );
}

fn row<'a>(log: &'a str, label: &str) -> &'a str {
    let mut rows = log
        .lines()
        .filter_map(|line| line.trim().strip_prefix(label));
    rows.next()
        .unwrap_or_else(|| panic!("no {label} in:\n{log}"))
        .trim()
}

async fn the_first_start_says_how_to_reset_the_password(backend: Backend) {
    let server = Installation::empty(backend).await.serve().await;
    let log = server.log();
    assert_eq!(row(&log, "sign in as:"), "admin@localhost");
    let initial = row(&log, "initial password:").split(' ').next().unwrap();
    let reset = row(&log, "reset it:");
    let program = binary().display().to_string();
    assert!(reset.starts_with(&program), "{reset}");
    let (_, arguments) = reset.split_once(' ').unwrap();
    let arguments: Vec<&str> = arguments.split(' ').collect();
    assert_eq!(arguments[..3], ["user", "set-password", "admin@localhost"]);
    // Without the server's variables.
    let bare = Installation::empty(backend).await;
    let reset = bare.run(&arguments).await;
    assert!(reset.status.success(), "{}", err(&reset));
    let output = String::from_utf8_lossy(&reset.stdout).into_owned();
    let password = row(&output, "password:");
    assert_ne!(password, initial);
    let old = server.guest().log_in("admin@localhost", initial).await;
    old.problem(401, "invalid_credentials");
    server.guest().sign_in("admin@localhost", password).await;
}

async fn a_terminal_shows_short_lines_without_repetition(backend: Backend) {
    let site = Colloquy::installed(backend).await;
    let server = site.env("COLLOQUY_LOG_FORMAT", "pretty").serve().await;
    let user = server.user("ada").await;
    let assistant = server.assistant("Guide").await;
    let thread = user.create_thread().await;
    let exchange = user.say(&thread, &assistant, "Hi").await.expect(201);
    let run = text(&exchange["run"]["id"]);
    let is_answer = |line: &str| line.contains("/messages").then(|| line.to_owned());
    let answered = server.process().line(is_answer).await;
    let log = server.log();
    let lines: Vec<&str> = log.lines().filter(|line| line.starts_with("20")).collect();
    let migrations = lines.iter().filter(|line| line.contains("migration"));
    assert_eq!(migrations.count(), 1, "{log}");
    for line in &lines {
        assert!(line.len() <= 250, "{} bytes: {line}", line.len());
        let mut names: Vec<&str> = line
            .split(' ')
            .filter_map(|word| Some(word.split_once('=')?.0))
            .collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count, "{line}");
    }
    assert!(!log.contains(run), "{log}");
    assert!(log.contains(&format!("run.id={}", &run[28..])), "{log}");
    for field in [
        "status=201",
        "method=POST",
        "route=",
        "request.id=",
        "user.id=",
    ] {
        assert!(answered.contains(field), "{field}: {answered}");
    }
}

/// A reserved address without a listener.
fn nowhere() -> TcpSocket {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(([127, 0, 0, 1], 0).into()).unwrap();
    socket
}

/// The database URL, with a password, redirected to that address.
fn by_way_of(site: &Installation, address: std::net::SocketAddr) -> String {
    let mut url: Url = site.database().url().parse().unwrap();
    url.set_host(Some("127.0.0.1")).unwrap();
    url.set_port(Some(address.port())).unwrap();
    url.set_password(Some("planted-secret")).unwrap();
    url.into()
}

fn waits(line: &str) -> Option<String> {
    line.contains("waiting for the database")
        .then(|| line.to_owned())
}

async fn a_start_waits_for_the_database_and_says_so() {
    let site = Installation::empty(Backend::Postgres).await;
    let socket = nowhere();
    let address = socket.local_addr().unwrap();
    let real: Url = site.database().url().parse().unwrap();
    let real = format!("{}:{}", real.host_str().unwrap(), real.port().unwrap());
    let url = by_way_of(&site, address);
    let site = site.env("COLLOQUY_DATABASE_URL", &url);
    let process = site.spawn(&["serve", "--listen", "127.0.0.1:0"]);
    let output = process.line(waits).await;
    let database = url.rsplit_once('/').unwrap().1;
    assert!(output.contains(database), "{output}");
    assert!(output.contains(&address.to_string()), "{output}");
    let listener = socket.listen(16).unwrap();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let mut server = TcpStream::connect(&real).await.unwrap();
            tokio::spawn(async move {
                let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
            });
        }
    });
    // The message names the variable, not the URL with its password.
    let tells_how = |line: &str| {
        line.contains("with COLLOQUY_DATABASE_URL set as for this server")
            .then_some(())
    };
    process.line(tells_how).await;
    let log = process.log();
    assert_eq!(log.matches("waiting for the database").count(), 1, "{log}");
    assert!(!log.contains("planted-secret"), "{log}");
}

async fn a_start_gives_a_database_up_that_stays_away() {
    let site = Installation::empty(Backend::Postgres).await;
    let socket = nowhere();
    let address = socket.local_addr().unwrap();
    let url = by_way_of(&site, address);
    let site = site
        .env("COLLOQUY_DATABASE_URL", &url)
        .env("COLLOQUY_DATABASE_WAIT", "0s");
    for command in [["serve", "--listen=127.0.0.1:0"], ["user", "list"]] {
        let failed = site.run(&command).await;
        assert_eq!(failed.status.code(), Some(1));
        let output = err(&failed);
        assert!(!output.contains("waiting for the database"), "{output}");
        assert!(output.contains(&address.to_string()), "{output}");
        let database = url.rsplit_once('/').unwrap().1;
        assert!(output.contains(database), "{output}");
        assert!(!output.contains("planted-secret"), "{output}");
    }
}

async fn a_database_that_refuses_is_not_waited_for() {
    let site = Installation::empty(Backend::Postgres).await;
    let mut url: Url = site.database().url().parse().unwrap();
    url.set_path("/there_is_no_such_database");
    let site = site.env("COLLOQUY_DATABASE_URL", url.as_str());
    let failed = site.run(&["serve", "--listen", "127.0.0.1:0"]).await;
    assert_eq!(failed.status.code(), Some(1));
    let output = err(&failed);
    assert!(!output.contains("waiting for the database"), "{output}");
    assert!(
        output.contains("the PostgreSQL database there_is_no_such_database on "),
        "{output}"
    );
}

async fn a_stop_ends_the_waiting() {
    let site = Installation::empty(Backend::Postgres).await;
    let socket = nowhere();
    let url = by_way_of(&site, socket.local_addr().unwrap());
    let site = site.env("COLLOQUY_DATABASE_URL", &url);
    let mut process = site.spawn(&["serve", "--listen", "127.0.0.1:0"]);
    process.line(waits).await;
    process.terminate();
    assert!(process.wait().await.success(), "{}", process.log());
}

async fn a_second_server_on_a_sqlite_database_is_refused(backend: Backend) {
    let mut server = Colloquy::start(backend).await;
    let process = server.process().id().unwrap();
    let address = server.origin().strip_prefix("http://").unwrap().to_owned();
    let second = ["serve", "--listen", "127.0.0.1:0"];
    if backend == Backend::Postgres {
        let second = server.installation().spawn(&second);
        let is_up = |line: &str| line.contains(" serves http://").then_some(());
        second.line(is_up).await;
        return;
    }
    let refused = server.installation().run(&second).await;
    assert_eq!(refused.status.code(), Some(1));
    let output = err(&refused);
    for word in [
        format!("process {process},"),
        format!("at {address}"),
        server.installation().sqlite_file().display().to_string(),
        "since 20".to_owned(),
    ] {
        assert!(output.contains(&word), "{word}: {output}");
    }
    // Commands run beside it, and the next server can start after it.
    let list = server.installation().run(&["user", "list"]).await;
    assert!(list.status.success(), "{}", err(&list));
    server.kill9().await;
    server.restart().await;
}
