//! The table of settings: each row is a file key, an environment variable and a flag.

#[derive(Debug)]
pub(crate) struct Setting {
    /// Dotted: `run.idle_timeout`.
    pub(crate) key: &'static str,
    pub(crate) kind: Kind,
    pub(crate) placeholder: &'static str,
    /// `None` without a default, or with one that depends on other settings.
    pub(crate) default: Option<&'static str>,
    pub(crate) help: &'static str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    Switch,
    /// Comma-separated, or an array in the file.
    List,
    /// Never printed.
    Secret,
    /// Printed without credentials.
    Address,
}

pub(super) const ENV_PREFIX: &str = "COLLOQUY_";
/// Names the configuration file; the only variable that is not a setting.
pub(super) const ENV_CONFIG: &str = "COLLOQUY_CONFIG";

impl Setting {
    /// `COLLOQUY_RUN__IDLE_TIMEOUT`.
    pub(crate) fn variable(&self) -> String {
        let name = self.key.replace('.', "__").to_ascii_uppercase();
        format!("{ENV_PREFIX}{name}")
    }

    /// Without dashes: `run-idle-timeout`.
    pub(crate) fn flag(&self) -> String {
        self.key.replace(['.', '_'], "-")
    }

    const fn or(mut self, default: &'static str) -> Self {
        self.default = Some(default);
        self
    }

    const fn of(mut self, kind: Kind) -> Self {
        self.kind = kind;
        self
    }
}

pub(super) fn find(key: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.key == key)
}

pub(super) fn is_group(name: &str) -> bool {
    let mut keys = SETTINGS.iter().map(|setting| setting.key);
    keys.any(|key| {
        key.strip_prefix(name)
            .is_some_and(|rest| rest.starts_with('.'))
    })
}

const fn text(key: &'static str, placeholder: &'static str, help: &'static str) -> Setting {
    Setting {
        key,
        kind: Kind::Text,
        placeholder,
        default: None,
        help,
    }
}

/// In listing order, without the providers'; those outside of any section first.
pub(crate) const SETTINGS: &[Setting] = &[
    text("listen", "HOST:PORT", "Listen address").or("127.0.0.1:8080"),
    text(
        "metrics_listen",
        "HOST:PORT",
        "Listen address of /metrics, for Prometheus; no metrics if unset",
    ),
    text(
        "data_dir",
        "DIR",
        "Default directory of the database, files and the instance's identity",
    )
    .or("./data"),
    text(
        "database_url",
        "URL",
        "sqlite://PATH or postgres://USER:PASSWORD@HOST/NAME; colloquy.db in the data directory if unset",
    )
    .of(Kind::Address),
    text(
        "database_wait",
        "DURATION",
        "Time to wait for PostgreSQL at startup",
    )
    .or("30s"),
    text(
        "blob_url",
        "URL",
        "file:///PATH, s3://BUCKET/PREFIX or memory://; blobs in the data directory if unset",
    )
    .of(Kind::Address),
    text(
        "admin_email",
        "EMAIL",
        "Email of the first administrator, created if there is none",
    ),
    text(
        "admin_password",
        "PASSWORD",
        "Password of the first administrator; set it in the environment, since flags are visible to other processes",
    )
    .of(Kind::Secret),
    text("demo", "BOOL", "Create a demo assistant if there is no assistant")
        .of(Kind::Switch)
        .or("false"),
    text(
        "default_model",
        "PROVIDER::MODEL",
        "Model of assistants that name none",
    ),
    text(
        "shutdown_grace",
        "DURATION",
        "Time for runs to finish after a stop signal",
    )
    .or("25s"),
    text(
        "log",
        "DIRECTIVES",
        "Log filter: a level or target=level, comma-separated",
    )
    .or("info"),
    text("log_format", "FORMAT", "Log format: pretty or json").or("pretty"),
    text(
        "run.connect_timeout",
        "DURATION",
        "Time limit for connecting to a model provider",
    )
    .or("10s"),
    text(
        "run.first_token_timeout",
        "DURATION",
        "Time limit for the first text of an answer",
    )
    .or("60s"),
    text(
        "run.idle_timeout",
        "DURATION",
        "Time limit between two pieces of an answer",
    )
    .or("60s"),
    text(
        "run.total_timeout",
        "DURATION",
        "Time limit of a run, from its start or a pause on",
    )
    .or("600s"),
    text(
        "run.action_timeout",
        "DURATION",
        "Time limit of a pause, in which a run waits for the client",
    )
    .or("10m"),
    text("run.max_answer_bytes", "SIZE", "Maximum size of an answer; longer ones are cut").or("2MiB"),
    text(
        "run.max_model_calls",
        "COUNT",
        "Maximum model calls per run, including the assistants it calls as tools",
    )
    .or("64"),
    text(
        "run.max_tool_calls",
        "COUNT",
        "Maximum tool calls per run, including the assistants it calls as tools",
    )
    .or("256"),
    text(
        "run.max_tokens",
        "COUNT",
        "Maximum input and output tokens per run, including the assistants it calls as tools",
    )
    .or("2000000"),
    text(
        "run.max_per_user",
        "COUNT",
        "Maximum concurrent runs per user, over all instances",
    )
    .or("256"),
    text(
        "run.max_concurrent",
        "COUNT",
        "Maximum concurrent runs of this instance",
    )
    .or("2000"),
    text(
        "embedding.model",
        "PROVIDER::MODEL",
        "Embedding model of the answer cache, or file:///DIR of a sentence-transformers model",
    ),
    text(
        "cache.answers_max_bytes",
        "SIZE",
        "Maximum memory of the answer cache",
    )
    .or("256MiB"),
    text("files.max_bytes", "SIZE", "Maximum size of an uploaded file, up to 512MiB").or("64MiB"),
    text(
        "knowledge.user_bytes",
        "SIZE",
        "Maximum size of a user's files together; 0 for no limit",
    )
    .or("1GiB"),
    text(
        "knowledge.user_files",
        "COUNT",
        "Maximum number of a user's files; 0 for no limit",
    )
    .or("10000"),
    text(
        "http.cors_origins",
        "ORIGIN,...",
        "Web origins that may use the API from a browser (CORS)",
    )
    .of(Kind::List)
    .or(""),
    text(
        "http.trusted_proxies",
        "NETWORK,...",
        "Proxies whose X-Forwarded-For is trusted: addresses, or networks such as 10.0.0.0/8",
    )
    .of(Kind::List)
    .or(""),
    text(
        "http.max_requests",
        "COUNT",
        "Maximum concurrent requests, half as many per client address; others get 503",
    )
    .or("1024"),
    text(
        "http.max_connections",
        "COUNT",
        "Maximum open connections",
    )
    .or("4096"),
    text(
        "sign_in.failures_per_minute",
        "COUNT",
        "Failed sign-ins per minute, by address and by account; 0 for no limit",
    )
    .or("10"),
    text(
        "api_keys.default_days",
        "COUNT",
        "Default lifetime of API keys in days; unlimited if unset",
    ),
    text(
        "otlp.endpoint",
        "URL",
        "OTLP/HTTP collector for traces, sent to /v1/traces below it; needs the feature otlp",
    )
    .of(Kind::Address),
    text("otlp.service_name", "NAME", "Service name in traces").or("colloquy"),
    text(
        "otlp.sample_ratio",
        "RATIO",
        "Share of traces to send, from 0 to 1",
    )
    .or("1"),
];

pub(crate) const PROVIDER_FIELDS: &[(&str, Kind)] = &[
    ("base_url", Kind::Address),
    ("api_key", Kind::Secret),
    ("kind", Kind::Text),
];

/// Usual key variables of providers that need only a key.
pub(super) const PROVIDER_KEY_VARIABLES: &[(&str, &str)] = &[
    ("OPENAI_API_KEY", "providers.openai.api_key"),
    ("ANTHROPIC_API_KEY", "providers.anthropic.api_key"),
    ("GEMINI_API_KEY", "providers.gemini.api_key"),
    ("MISTRAL_API_KEY", "providers.mistral.api_key"),
];

pub(super) fn kind_of(key: &str) -> Option<Kind> {
    match key.strip_prefix("providers.") {
        Some(rest) => {
            let (name, field) = rest.rsplit_once('.')?;
            let known = PROVIDER_FIELDS.iter().find(|(known, _)| *known == field);
            known
                .filter(|_| is_provider_name(name))
                .map(|(_, kind)| *kind)
        }
        None => find(key).map(|setting| setting.kind),
    }
}

fn is_provider_name(name: &str) -> bool {
    !name.is_empty()
        && name
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-')
}

#[cfg(test)]
mod tests {
    use super::{Kind, SETTINGS, find, kind_of};

    #[test]
    fn a_setting_has_the_same_name_in_every_source() {
        let setting = find("run.first_token_timeout").unwrap();
        assert_eq!(setting.variable(), "COLLOQUY_RUN__FIRST_TOKEN_TIMEOUT");
        assert_eq!(setting.flag(), "run-first-token-timeout");
    }

    #[test]
    fn no_two_settings_share_a_flag_or_a_variable() {
        let mut names: Vec<String> = SETTINGS
            .iter()
            .flat_map(|setting| [setting.flag(), setting.variable()])
            .collect();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), 2 * SETTINGS.len());
    }

    #[test]
    fn provider_settings_are_known_by_their_field() {
        assert_eq!(kind_of("providers.local.api_key"), Some(Kind::Secret));
        assert_eq!(kind_of("providers.my-own_2.kind"), Some(Kind::Text));
        for key in [
            "providers.local.colour",
            "providers.base_url",
            "providers.Local.kind",
            "providers.a.b.kind",
            "providers",
        ] {
            assert_eq!(kind_of(key), None, "{key}");
        }
    }
}
