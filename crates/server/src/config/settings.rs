//! The typed settings.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use colloquy_application::files::FileLimits;
use colloquy_application::passwords::Password;
use colloquy_application::runs::RunLimits;
use colloquy_application::sign_in_limits::SignInLimits;
use colloquy_domain::{Email, ModelName};
use colloquy_llm::{ApiKey, ProviderKind, ProviderSettings};
use colloquy_web::client_address::ProxyNetwork;
use colloquy_web::cors::Origin;
use secrecy::SecretString;
use url::Url;

use super::error::ConfigError;
use super::parse::{
    parse_blob_url, parse_database_url, parse_directives, parse_embedding_model, parse_http_url,
    parse_listen, parse_log_format, parse_model, parse_name, parse_origins, parse_proxies,
    parse_ratio, parse_switch, parse_traces_url,
};
use super::units::{
    parse_count, parse_duration, parse_file_size, parse_quota, parse_room, parse_size,
    parse_time_limit,
};
use super::values::Values;

#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) listen: SocketAddr,
    pub(crate) metrics_listen: Option<SocketAddr>,
    pub(crate) data_dir: PathBuf,
    /// May contain credentials.
    pub(crate) database_url: SecretString,
    pub(crate) database_wait: Duration,
    pub(crate) blob_url: Url,
    /// Created if there is no administrator.
    pub(crate) first_administrator: Option<FirstAdministrator>,
    pub(crate) demo: bool,
    pub(crate) providers: Vec<ProviderSettings>,
    /// For assistants that name none.
    pub(crate) default_model: Option<ModelName>,
    pub(crate) connect_timeout: Duration,
    pub(crate) run_limits: RunLimits,
    /// For the answer cache.
    pub(crate) embedding: Option<EmbeddingModel>,
    pub(crate) answers_max_bytes: usize,
    pub(crate) file_limits: FileLimits,
    pub(crate) cors_origins: Vec<Origin>,
    pub(crate) trusted_proxies: Vec<ProxyNetwork>,
    /// Running or queued.
    pub(crate) max_requests: usize,
    pub(crate) max_connections: usize,
    pub(crate) sign_in_limits: SignInLimits,
    pub(crate) api_key_days: Option<u32>,
    pub(crate) shutdown_grace: Duration,
    pub(crate) logging: Logging,
    pub(crate) traces: Option<TraceSettings>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum EmbeddingModel {
    Provider(ModelName),
    /// In this process, from this directory.
    Local(PathBuf),
}

#[derive(Debug, Clone)]
pub(crate) struct FirstAdministrator {
    pub(crate) email: Email,
    pub(crate) password: Password,
}

#[derive(Debug, Clone)]
pub(crate) struct Logging {
    pub(crate) directives: String,
    pub(crate) format: LogFormat,
}

#[derive(Debug, Clone)]
#[cfg_attr(
    not(feature = "otlp"),
    expect(dead_code, reason = "unused without the feature")
)]
pub(crate) struct TraceSettings {
    /// Without `/v1/traces`; may contain credentials.
    pub(crate) endpoint: Url,
    pub(crate) service_name: String,
    /// From 0 to 1.
    pub(crate) sample_ratio: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogFormat {
    Pretty,
    Json,
}

impl Settings {
    /// Checks everything that needs no I/O.
    pub(super) fn read(values: &mut Values) -> Result<Self, ConfigError> {
        let data_dir = values.required("data_dir", |text| {
            std::path::absolute(text).map_err(|error| format!("{text:?} is not a path: {error}"))
        })?;
        set_storage_defaults(&data_dir, values)?;
        Ok(Self {
            listen: values.required("listen", parse_listen)?,
            metrics_listen: values.optional("metrics_listen", parse_listen)?,
            data_dir,
            database_url: values.required("database_url", parse_database_url)?,
            database_wait: values.required("database_wait", parse_duration)?,
            blob_url: values.required("blob_url", parse_blob_url)?,
            first_administrator: first_administrator(values)?,
            demo: values.required("demo", parse_switch)?,
            providers: providers(values)?,
            default_model: values.optional("default_model", parse_model)?,
            connect_timeout: values.required("run.connect_timeout", parse_time_limit)?,
            run_limits: run_limits(values)?,
            embedding: values.optional("embedding.model", parse_embedding_model)?,
            answers_max_bytes: values.required("cache.answers_max_bytes", parse_size)?,
            file_limits: file_limits(values)?,
            cors_origins: values.required("http.cors_origins", parse_origins)?,
            trusted_proxies: values.required("http.trusted_proxies", parse_proxies)?,
            max_requests: values.required("http.max_requests", parse_room)?,
            max_connections: values.required("http.max_connections", parse_room)?,
            sign_in_limits: SignInLimits {
                failures_per_minute: values.required("sign_in.failures_per_minute", |text| {
                    parse_count(text, 0, 10_000)
                })?,
            },
            api_key_days: values
                .optional("api_keys.default_days", |text| parse_count(text, 1, 3_650))?,
            shutdown_grace: values.required("shutdown_grace", parse_duration)?,
            logging: Logging {
                directives: values.required("log", parse_directives)?,
                format: values.required("log_format", parse_log_format)?,
            },
            traces: traces(values)?,
        })
    }
}

/// As URLs, so that special characters in directory names are not misread.
fn set_storage_defaults(data_dir: &Path, values: &mut Values) -> Result<(), ConfigError> {
    let folder = Url::from_directory_path(data_dir)
        .map_err(|()| values.wrong("data_dir", "is not a valid path on this system"))?;
    values.set_default(
        "database_url",
        format!("sqlite://{}colloquy.db", folder.path()),
    );
    values.set_default("blob_url", format!("{folder}blobs"));
    Ok(())
}

fn first_administrator(values: &Values) -> Result<Option<FirstAdministrator>, ConfigError> {
    let email = values.optional("admin_email", |text| {
        Email::parse(text).map_err(|violation| violation.message)
    })?;
    let password = values.optional("admin_password", |text| {
        Password::parse(text).map_err(|violation| violation.message)
    })?;
    match (email, password) {
        (Some(email), Some(password)) => Ok(Some(FirstAdministrator { email, password })),
        (None, None) => Ok(None),
        (Some(_), None) => Err(values.wrong("admin_email", "requires admin_password")),
        (None, Some(_)) => Err(values.wrong("admin_password", "requires admin_email")),
    }
}

fn traces(values: &Values) -> Result<Option<TraceSettings>, ConfigError> {
    let service_name = values.required("otlp.service_name", parse_name)?;
    let sample_ratio = values.required("otlp.sample_ratio", parse_ratio)?;
    let endpoint = values.optional("otlp.endpoint", parse_traces_url)?;
    Ok(endpoint.map(|endpoint| TraceSettings {
        endpoint,
        service_name,
        sample_ratio,
    }))
}

fn providers(values: &Values) -> Result<Vec<ProviderSettings>, ConfigError> {
    let names = values.provider_names();
    names.iter().map(|name| provider(name, values)).collect()
}

fn provider(name: &str, values: &Values) -> Result<ProviderSettings, ConfigError> {
    let key = |field: &str| format!("providers.{name}.{field}");
    let kind = values.optional(&key("kind"), |text| {
        ProviderKind::from_name(text).ok_or_else(|| {
            format!("{text:?} is not one of openai, anthropic, gemini, mistral, ollama")
        })
    })?;
    Ok(ProviderSettings {
        name: name.to_owned(),
        kind: kind.unwrap_or_else(|| ProviderKind::usual_for(name)),
        base_url: values.optional(&key("base_url"), parse_http_url)?,
        api_key: values.optional(&key("api_key"), |text| {
            ApiKey::parse(text).map_err(|_| "must be visible ASCII characters".to_owned())
        })?,
    })
}

fn run_limits(values: &Values) -> Result<RunLimits, ConfigError> {
    Ok(RunLimits {
        first_token: values.required("run.first_token_timeout", parse_time_limit)?,
        idle: values.required("run.idle_timeout", parse_time_limit)?,
        total: values.required("run.total_timeout", parse_time_limit)?,
        action: values.required("run.action_timeout", parse_time_limit)?,
        max_answer_bytes: values.required("run.max_answer_bytes", parse_size)?,
        max_model_calls: values
            .required("run.max_model_calls", |text| parse_count(text, 1, 10_000))?,
        max_tool_calls: values
            .required("run.max_tool_calls", |text| parse_count(text, 1, 10_000))?,
        max_tokens: values
            .required("run.max_tokens", |text| parse_count(text, 1, 1_000_000_000))?,
        max_per_user: values.required("run.max_per_user", |text| parse_count(text, 1, 100_000))?,
        max_concurrent: values.required("run.max_concurrent", parse_room)?,
    })
}

fn file_limits(values: &Values) -> Result<FileLimits, ConfigError> {
    let files = values.required("knowledge.user_files", |text| {
        parse_count(text, 0, 1_000_000_000)
    })?;
    Ok(FileLimits {
        max_bytes: values.required("files.max_bytes", parse_file_size)?,
        user_bytes: values.required("knowledge.user_bytes", parse_quota)?,
        user_files: (files > 0).then_some(files.into()),
    })
}
