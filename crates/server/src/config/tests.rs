//! Tests of the configuration.

use std::sync::Arc;
use std::time::Duration;

use clap::Command;
use colloquy_application::ports::Clock;
use colloquy_application::runs::RunLimits;
use colloquy_application::sign_in_limits::SignInLimits;
use colloquy_application::system::SystemClock;
use colloquy_web::serve::ServeOptions;
use secrecy::ExposeSecret as _;

use super::values::Values;
use super::{Configuration, Environment, Flags, add_flags, file};

fn environment(variables: &[(&str, &str)]) -> Environment {
    let variables = variables.iter().map(|(n, v)| (n.into(), v.into()));
    Environment::new(variables).unwrap()
}

fn flags(arguments: &[&str]) -> Flags {
    let command = add_flags(Command::new("serve"));
    let arguments = std::iter::once(&"serve").chain(arguments);
    Flags::of(&command.try_get_matches_from(arguments).unwrap())
}

fn written(text: &str) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    file
}

fn load(
    file: &str,
    variables: &[(&str, &str)],
    arguments: &[&str],
) -> Result<Configuration, String> {
    let file = written(file);
    let path = file.path().to_str().unwrap();
    let arguments: Vec<&str> = ["--config", path]
        .into_iter()
        .chain(arguments.iter().copied())
        .collect();
    Configuration::load(&environment(variables), &flags(&arguments))
        .map_err(|error| error.to_string().replace(path, "FILE"))
}

fn error(file: &str, variables: &[(&str, &str)], arguments: &[&str]) -> String {
    let error = load(file, variables, arguments).unwrap_err();
    assert!(!error.contains('\n'), "{error}");
    error
}

#[test]
fn without_any_source_the_defaults_count() {
    let settings = load("", &[], &[]).unwrap().settings;
    assert_eq!(settings.listen, "127.0.0.1:8080".parse().unwrap());
    assert_eq!(settings.run_limits.total, Duration::from_secs(600));
    assert_eq!(settings.run_limits.max_answer_bytes, 2 << 20);
    assert_eq!(settings.shutdown_grace, Duration::from_secs(25));
    assert!(settings.cors_origins.is_empty() && !settings.demo);
    assert!(settings.trusted_proxies.is_empty());
    assert_eq!(settings.run_limits, RunLimits::default());
    assert_eq!(settings.sign_in_limits, SignInLimits::default());
    assert_eq!(settings.api_key_days, None);
    let serving = ServeOptions::default();
    assert_eq!(settings.max_connections, serving.max_connections);
    assert!(settings.first_administrator.is_none());
    let data = settings.data_dir.to_str().unwrap();
    assert_eq!(
        settings.database_url.expose_secret(),
        format!("sqlite://{data}/colloquy.db")
    );
    assert_eq!(settings.blob_url.as_str(), format!("file://{data}/blobs"));
}

#[test]
fn a_flag_outranks_a_variable_and_a_variable_the_file() {
    let file = "[run]\nidle_timeout = '1s'\nconnect_timeout = '1s'\ntotal_timeout = '1s'\n";
    let variables = [
        ("COLLOQUY_RUN__CONNECT_TIMEOUT", "2s"),
        ("COLLOQUY_RUN__TOTAL_TIMEOUT", "2s"),
    ];
    let settings = load(file, &variables, &["--run-total-timeout", "3s"])
        .unwrap()
        .settings;
    assert_eq!(settings.run_limits.idle, Duration::from_secs(1));
    assert_eq!(settings.connect_timeout, Duration::from_secs(2));
    assert_eq!(settings.run_limits.total, Duration::from_secs(3));
}

#[test]
fn the_same_setting_can_be_made_in_every_source() {
    for (key, section, value) in [
        ("demo", "", "true"),
        (
            "http.cors_origins",
            "http",
            "https://a.example,https://b.example",
        ),
        ("run.max_answer_bytes", "run", "4096"),
    ] {
        let name = key.rsplit('.').next().unwrap();
        let section = if section.is_empty() {
            String::new()
        } else {
            format!("[{section}]\n")
        };
        let file = format!("{section}{name} = '{value}'");
        let variable = format!("COLLOQUY_{}", key.replace('.', "__").to_uppercase());
        let flag = format!("--{}={value}", key.replace(['.', '_'], "-"));
        let by_file = load(&file, &[], &[]).unwrap();
        let by_variable = load("", &[(&variable, value)], &[]).unwrap();
        let by_flag = load("", &[], &[&flag]).unwrap();
        for configuration in [by_file, by_variable, by_flag] {
            assert_eq!(configuration.values.get(key).unwrap().text, value);
        }
    }
}

#[test]
fn a_file_may_write_numbers_switches_and_lists_as_such() {
    let file = "demo = true\n[run]\nmax_answer_bytes = 4_096\n[http]\ncors_origins = ['https://a.example']";
    let settings = load(file, &[], &[]).unwrap().settings;
    assert!(settings.demo);
    assert_eq!(settings.run_limits.max_answer_bytes, 4096);
    assert_eq!(
        settings.cors_origins,
        ["https://a.example".parse().unwrap()]
    );
}

#[test]
fn an_empty_variable_counts_as_absent() {
    let settings = load("", &[("COLLOQUY_LISTEN", ""), ("OPENAI_API_KEY", "")], &[])
        .unwrap()
        .settings;
    assert_eq!(settings.listen.port(), 8080);
    assert!(settings.providers.is_empty());
}

#[test]
fn what_is_unknown_is_named_with_its_source() {
    assert_eq!(
        error("listen = '[::]:1'\n\n[run]\nspeed = 1", &[], &[]),
        "unknown setting run.speed (FILE, line 4); `colloquy serve --help` lists the settings"
    );
    for (variable, key) in [
        ("COLLOQUY_LISTENS", "listens"),
        ("COLLOQUY_EMBEDDING__SPEED", "embedding.speed"),
        (
            "COLLOQUY_PROVIDERS__LOCAL__COLOUR",
            "providers.local.colour",
        ),
    ] {
        assert_eq!(
            error("", &[(variable, "x")], &[]),
            format!(
                "unknown setting {key} (environment variable {variable}); `colloquy serve --help` lists the settings"
            )
        );
    }
    assert!(error("", &[("COLLOQUY_listen", "x")], &[]).starts_with("unknown setting listen "));
    assert!(error("", &[], &["--provider", "local.colour=x"]).starts_with("unknown setting"));
    assert!(
        error("[embeddings]", &[], &[]).starts_with("unknown setting embeddings (FILE, line 1)")
    );
    assert!(error("run = 5", &[], &[]).starts_with("unknown setting run (FILE, line 1)"));
}

#[test]
fn what_is_wrong_is_named_with_its_source() {
    assert_eq!(
        error("\nlisten = 8080", &[], &[]),
        "setting listen (FILE, line 2): \"8080\" is not an address; write it like 127.0.0.1:8080 or [::]:8080"
    );
    assert!(
        error("", &[("COLLOQUY_DEMO", "yes")], &[])
            .starts_with("setting demo (environment variable COLLOQUY_DEMO): \"yes\" is neither")
    );
    assert!(error("", &[], &["--shutdown-grace", "soon\n"]).starts_with(
        "setting shutdown_grace (flag --shutdown-grace): \"soon\\n\" is not a duration"
    ));
    assert!(error("listen = 1.5", &[], &[]).ends_with("(FILE, line 1): takes no float"));
    assert!(error("listen = [", &[], &[]).starts_with("configuration file FILE, line 1: "));
}

#[test]
fn a_file_that_was_named_must_be_there() {
    let missing = environment(&[("COLLOQUY_CONFIG", "/nonexistent/colloquy.toml")]);
    let error = Configuration::load(&missing, &Flags::default()).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("configuration file /nonexistent/colloquy.toml: cannot be read")
    );
}

#[test]
fn an_administrator_needs_both_email_and_password() {
    let email = ("COLLOQUY_ADMIN_EMAIL", "ada@example.org");
    let password = ("COLLOQUY_ADMIN_PASSWORD", "correct horse");
    assert!(error("", &[email], &[]).ends_with("requires admin_password"));
    assert!(error("", &[password], &[]).ends_with("requires admin_email"));
    assert!(
        load("", &[email, password], &[])
            .unwrap()
            .settings
            .first_administrator
            .is_some()
    );
    let short = ("COLLOQUY_ADMIN_PASSWORD", "short77");
    let error = error("", &[email, short], &[]);
    assert!(error.ends_with("must have at least 8 characters") && !error.contains("short77"));
}

#[test]
fn secrets_are_not_repeated_in_errors() {
    for variables in [
        ("COLLOQUY_DATABASE_URL", "mysql://ada:s3cret@db/x"),
        ("COLLOQUY_PROVIDERS__A__API_KEY", "s3cret\n"),
        ("COLLOQUY_PROVIDERS__A__API_KEY", "s3cret \u{e9}"),
        ("COLLOQUY_PROVIDERS__A__BASE_URL", "ftp://ada:s3cret@host"),
    ] {
        if let Err(error) = load("", &[variables], &[]) {
            assert!(!error.contains("s3cret"), "{error}");
        }
    }
    let error = error("", &[], &["--provider", "local.api_key:s3cret"]);
    assert!(!error.contains("s3cret"), "{error}");
}

#[test]
fn providers_come_from_every_source_and_from_their_usual_keys() {
    let file = "[providers.local]\nbase_url = 'http://localhost:1/v1'";
    let variables = [
        ("COLLOQUY_PROVIDERS__LOCAL__API_KEY", "sk-1"),
        ("OPENAI_API_KEY", "sk-2"),
        ("COLLOQUY_PROVIDERS__MY_OWN__KIND", "ollama"),
    ];
    let flag = ["--provider", "flagged.base_url=https://h/v1?a=b"];
    let providers = load(file, &variables, &flag).unwrap().settings.providers;
    let names: Vec<&str> = providers
        .iter()
        .map(|provider| provider.name.as_str())
        .collect();
    assert_eq!(names, ["flagged", "local", "my_own", "openai"]);
    assert_eq!(
        providers[0].base_url.as_ref().unwrap().as_str(),
        "https://h/v1?a=b"
    );
    assert!(providers[1].base_url.is_some() && providers[1].api_key.is_some());
    assert!(providers[3].api_key.is_some());
}

#[test]
fn a_model_must_be_one_that_can_be_asked() {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let problem = |variables: &[(&str, &str)]| {
        let configuration = load("", variables, &[]).unwrap();
        let providers = configuration.providers(&clock);
        let checked = providers.and_then(|models| configuration.check_default_model(&models));
        checked.err().map(|error| error.to_string())
    };
    assert_eq!(problem(&[("COLLOQUY_DEFAULT_MODEL", "echo::echo")]), None);
    for (variable, value) in [
        ("COLLOQUY_DEFAULT_MODEL", "openai::gpt-4o"),
        ("COLLOQUY_DEFAULT_MODEL", "nobody::x"),
        ("COLLOQUY_PROVIDERS__LOCAL__API_KEY", "k"),
        ("COLLOQUY_PROVIDERS__ECHO__BASE_URL", "http://h"),
    ] {
        let problem = problem(&[(variable, value)]).unwrap();
        assert!(
            problem.contains(&format!("(environment variable {variable})")),
            "{problem}"
        );
    }
}

#[test]
fn the_report_masks_secrets_and_can_be_read_back() {
    let variables = [
        ("COLLOQUY_ADMIN_EMAIL", "ada@example.org"),
        ("COLLOQUY_ADMIN_PASSWORD", "s3cret-1"),
        ("COLLOQUY_DATABASE_URL", "postgres://ada:s3cret-2@db/x"),
        ("COLLOQUY_PROVIDERS__LOCAL__API_KEY", "s3cret-3"),
        (
            "COLLOQUY_PROVIDERS__LOCAL__BASE_URL",
            "http://u:s3cret-4@h/v1",
        ),
        ("COLLOQUY_DATA_DIR", "/tmp/a \"b\""),
        ("COLLOQUY_HTTP__CORS_ORIGINS", "https://a.example"),
    ];
    let report = load("", &variables, &[]).unwrap().report();
    assert!(!report.contains("s3cret"), "{report}");
    let mut values = Values::default();
    file::parse("report", &report, &mut values).unwrap();
    assert_eq!(values.get("data_dir").unwrap().text, "/tmp/a \"b\"");
    assert_eq!(
        values.get("http.cors_origins").unwrap().text,
        "https://a.example"
    );
    assert_eq!(values.get("run.idle_timeout").unwrap().text, "60s");
    assert_eq!(values.provider_names(), ["local"]);
}

#[test]
fn a_limit_that_is_out_of_bounds_is_refused_by_its_name() {
    for (variable, value, rule) in [
        (
            "COLLOQUY_RUN__MAX_PER_USER",
            "0",
            "is not a number from 1 to 100000",
        ),
        (
            "COLLOQUY_HTTP__MAX_REQUESTS",
            "many",
            "is not a number from 1 to 100000",
        ),
        (
            "COLLOQUY_SIGN_IN__FAILURES_PER_MINUTE",
            "-1",
            "is not a number from 0 to 10000",
        ),
        (
            "COLLOQUY_HTTP__TRUSTED_PROXIES",
            "10.0.0.1, proxy",
            "\"proxy\" is not a network",
        ),
    ] {
        let error = error("", &[(variable, value)], &[]);
        assert!(error.contains(variable) && error.contains(rule), "{error}");
    }
}

#[test]
fn a_collector_is_for_programs_that_send_traces() {
    let endpoint = ("COLLOQUY_OTLP__ENDPOINT", "http://me:secret@127.0.0.1:4318");
    if cfg!(feature = "otlp") {
        let configuration = load("[otlp]\nsample_ratio = '0.5'\n", &[endpoint], &[]).unwrap();
        let traces = configuration.settings.traces.as_ref().unwrap();
        assert_eq!(traces.service_name, "colloquy");
        assert_eq!(traces.sample_ratio, 0.5);
        assert!(!configuration.report().contains("secret"));
    } else {
        assert_eq!(
            error("", &[endpoint], &[]),
            "setting otlp.endpoint (environment variable COLLOQUY_OTLP__ENDPOINT): this program was \
             built without traces: remove the setting, or build with --features otlp"
        );
    }
    assert!(load("", &[], &[]).unwrap().settings.traces.is_none());
}
