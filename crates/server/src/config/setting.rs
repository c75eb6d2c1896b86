//! The table of settings: each row is a key of `colloquy.toml`, an environment variable and a flag.

#[derive(Debug)]
pub(crate) struct Setting {
    /// The dotted key in the file: `run.idle_timeout`.
    pub(crate) key: &'static str,
    pub(crate) kind: Kind,
    /// The value's placeholder in the help.
    pub(crate) placeholder: &'static str,
    /// `None` where there is no default, or it depends on other settings.
    pub(crate) default: Option<&'static str>,
    /// The help text.
    pub(crate) help: &'static str,
}

/// How a value is read and printed.
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

/// Prefix of our environment variables.
pub(super) const ENV_PREFIX: &str = "COLLOQUY_";
/// Names the configuration file; the only variable that is no setting.
pub(super) const ENV_CONFIG: &str = "COLLOQUY_CONFIG";

impl Setting {
    /// The environment variable: `COLLOQUY_RUN__IDLE_TIMEOUT`.
    pub(crate) fn variable(&self) -> String {
        let name = self.key.replace('.', "__").to_ascii_uppercase();
        format!("{ENV_PREFIX}{name}")
    }

    /// The flag without its dashes: `run-idle-timeout`.
    pub(crate) fn flag(&self) -> String {
        self.key.replace(['.', '_'], "-")
    }

    /// Sets the default.
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

/// Whether the name is a section of the file.
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

/// Every setting except the providers', in the order in which they are listed: those outside of any
/// section first.
pub(crate) const SETTINGS: &[Setting] = &[
    text("listen", "HOST:PORT", "The address to serve on").or("127.0.0.1:8080"),
    text(
        "metrics_listen",
        "HOST:PORT",
        "The address to serve /metrics on, for Prometheus alone; unset, there are no metrics",
    ),
    text(
        "data_dir",
        "DIR",
        "Where the database, the files and this instance's identity lie unless said otherwise",
    )
    .or("./data"),
    text(
        "database_url",
        "URL",
        "sqlite://PATH or postgres://USER:PASSWORD@HOST/NAME; else colloquy.db in the data directory",
    )
    .of(Kind::Address),
    text(
        "database_wait",
        "DURATION",
        "How long to wait at the start for a PostgreSQL that does not answer yet",
    )
    .or("30s"),
    text(
        "blob_url",
        "URL",
        "file:///PATH, s3://BUCKET/PREFIX or memory://; else blobs in the data directory",
    )
    .of(Kind::Address),
    text(
        "admin_email",
        "EMAIL",
        "The first administrator, made when there is none",
    ),
    text(
        "admin_password",
        "PASSWORD",
        "The first administrator's password; better in the environment than in a flag",
    )
    .of(Kind::Secret),
    text("demo", "BOOL", "Make a demo assistant when there is none")
        .of(Kind::Switch)
        .or("false"),
    text(
        "default_model",
        "PROVIDER::MODEL",
        "The model of an assistant that names none",
    ),
    text(
        "shutdown_grace",
        "DURATION",
        "How long runs may go on after a stop signal",
    )
    .or("25s"),
    text(
        "log",
        "DIRECTIVES",
        "What to log: a level or target=level, separated by commas",
    )
    .or("info"),
    text("log_format", "FORMAT", "pretty or json").or("pretty"),
    text(
        "run.connect_timeout",
        "DURATION",
        "How long connecting to a model provider may take",
    )
    .or("10s"),
    text(
        "run.first_token_timeout",
        "DURATION",
        "How long the first text of an answer may take",
    )
    .or("60s"),
    text(
        "run.idle_timeout",
        "DURATION",
        "How long an answer may pause",
    )
    .or("60s"),
    text(
        "run.total_timeout",
        "DURATION",
        "How long a run may take in all",
    )
    .or("600s"),
    text("run.max_answer_bytes", "SIZE", "Where an answer is cut").or("2MiB"),
    text(
        "run.max_model_calls",
        "COUNT",
        "How often models may be asked in one run, by the assistants that it asks too",
    )
    .or("64"),
    text(
        "run.max_tool_calls",
        "COUNT",
        "How often tools may be used in one run, likewise",
    )
    .or("256"),
    text(
        "run.max_tokens",
        "COUNT",
        "How many tokens models may read and write in one run, likewise",
    )
    .or("2000000"),
    text(
        "run.max_per_user",
        "COUNT",
        "How many runs one user may have in progress, on all instances together",
    )
    .or("256"),
    text(
        "run.max_concurrent",
        "COUNT",
        "How many runs this instance works on at once",
    )
    .or("2000"),
    text(
        "embedding.model",
        "PROVIDER::MODEL",
        "What tells which questions are alike; or file:///DIR of a sentence-transformers model",
    ),
    text(
        "cache.answers_max_bytes",
        "SIZE",
        "How much memory answers take that may be given again",
    )
    .or("256MiB"),
    text(
        "http.cors_origins",
        "ORIGIN,...",
        "The web origins whose pages may use the API",
    )
    .of(Kind::List)
    .or(""),
    text(
        "http.trusted_proxies",
        "NETWORK,...",
        "The proxies whose X-Forwarded-For counts: addresses, or networks like 10.0.0.0/8",
    )
    .of(Kind::List)
    .or(""),
    text(
        "http.max_requests",
        "COUNT",
        "How many requests may be under way, of one client address half as many; further ones get 503",
    )
    .or("1024"),
    text(
        "http.max_connections",
        "COUNT",
        "How many connections clients may have; further ones are closed",
    )
    .or("4096"),
    text(
        "sign_in.failures_per_minute",
        "COUNT",
        "How often an address, and strangers about an account, may be wrong about a password; 0 is no limit",
    )
    .or("10"),
    text(
        "api_keys.default_days",
        "COUNT",
        "How long an API key counts whose owner does not say; unless set, until it is revoked",
    ),
    text(
        "otlp.endpoint",
        "URL",
        "Where traces go, over OTLP/HTTP below /v1/traces; needs a program with the feature otlp",
    )
    .of(Kind::Address),
    text("otlp.service_name", "NAME", "What the service is called in traces").or("colloquy"),
    text(
        "otlp.sample_ratio",
        "RATIO",
        "The share of traces that are kept, from 0 to 1",
    )
    .or("1"),
];

/// The settings of a provider, under `providers.<name>`.
pub(crate) const PROVIDER_FIELDS: &[(&str, Kind)] = &[
    ("base_url", Kind::Address),
    ("api_key", Kind::Secret),
    ("kind", Kind::Text),
];

/// The usual key variables of providers that need nothing else.
pub(super) const PROVIDER_KEY_VARIABLES: &[(&str, &str)] = &[
    ("OPENAI_API_KEY", "providers.openai.api_key"),
    ("ANTHROPIC_API_KEY", "providers.anthropic.api_key"),
    ("GEMINI_API_KEY", "providers.gemini.api_key"),
    ("MISTRAL_API_KEY", "providers.mistral.api_key"),
];

/// The kind of this key; `None` for an unknown key.
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
