//! Parses single settings. Errors quote a value only if it cannot be a secret.

use std::net::SocketAddr;

use colloquy_domain::ModelName;
use colloquy_web::client_address::ProxyNetwork;
use colloquy_web::cors::Origin;
use secrecy::SecretString;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;
use url::Url;

use super::settings::{EmbeddingModel, LogFormat};

pub(super) fn parse_listen(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| {
        format!("{text:?} is not an address; write it like 127.0.0.1:8080 or [::]:8080")
    })
}

pub(super) fn parse_switch(text: &str) -> Result<bool, String> {
    text.parse()
        .map_err(|_| format!("{text:?} is neither true nor false"))
}

pub(super) fn parse_model(text: &str) -> Result<ModelName, String> {
    ModelName::parse(text).map_err(|violation| violation.message)
}

pub(super) fn parse_embedding_model(text: &str) -> Result<EmbeddingModel, String> {
    if text.starts_with("file:") {
        let path = Url::parse(text)
            .ok()
            .and_then(|url| url.to_file_path().ok());
        return path
            .map(EmbeddingModel::Local)
            .ok_or_else(|| "must be file:// with an absolute path".to_owned());
    }
    parse_model(text).map(EmbeddingModel::Provider)
}

pub(super) fn parse_database_url(text: &str) -> Result<SecretString, String> {
    let is_known = ["sqlite://", "postgres://", "postgresql://"]
        .iter()
        .any(|scheme| text.starts_with(scheme));
    is_known
        .then(|| SecretString::from(text))
        .ok_or_else(|| "must begin with sqlite:// or postgres://".to_owned())
}

pub(super) fn parse_blob_url(text: &str) -> Result<Url, String> {
    match Url::parse(text) {
        Ok(url) if url.scheme() == "file" && url.to_file_path().is_ok() => Ok(url),
        Ok(url) if url.scheme() == "s3" && has_user_info(&url) => {
            Err("must not hold a key: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY do".to_owned())
        }
        Ok(url) if url.scheme() == "s3" && url.has_host() => Ok(url),
        Ok(url) if url.scheme() == "memory" => Ok(url),
        _ => {
            Err("must be file:// with an absolute path, s3://bucket/prefix or memory://".to_owned())
        }
    }
}

fn has_user_info(url: &Url) -> bool {
    !url.username().is_empty() || url.password().is_some()
}

pub(super) fn parse_http_url(text: &str) -> Result<Url, String> {
    match Url::parse(text) {
        Ok(url) if ["http", "https"].contains(&url.scheme()) => Ok(url),
        _ => Err("must begin with http:// or https://".to_owned()),
    }
}

/// Fails in a build without traces.
pub(super) fn parse_traces_url(text: &str) -> Result<Url, String> {
    if !cfg!(feature = "otlp") {
        return Err("this program was built without traces: remove the setting, or build with --features otlp".to_owned());
    }
    let url = parse_http_url(text)?;
    if url.query().is_some() || url.fragment().is_some() {
        return Err("must not have a query or fragment".to_owned());
    }
    Ok(url)
}

pub(super) fn parse_name(text: &str) -> Result<String, String> {
    let is_name = !text.trim().is_empty() && !text.contains(char::is_control);
    is_name
        .then(|| text.to_owned())
        .ok_or_else(|| format!("{text:?} is not a valid name"))
}

pub(super) fn parse_ratio(text: &str) -> Result<f64, String> {
    let ratio = text.parse().ok();
    ratio
        .filter(|ratio| (0.0..=1.0).contains(ratio))
        .ok_or_else(|| format!("{text:?} is not a number from 0 to 1"))
}

/// Comma-separated.
pub(super) fn parse_origins(text: &str) -> Result<Vec<Origin>, String> {
    let origins = text.split(',').map(str::trim).filter(|o| !o.is_empty());
    origins.map(parse_origin).collect()
}

fn parse_origin(text: &str) -> Result<Origin, String> {
    text.parse()
        .map_err(|_| format!("{text:?} is not an origin; write it like https://chat.example.org"))
}

/// Comma-separated.
pub(super) fn parse_proxies(text: &str) -> Result<Vec<ProxyNetwork>, String> {
    let networks = text.split(',').map(str::trim).filter(|n| !n.is_empty());
    networks.map(parse_proxy).collect()
}

fn parse_proxy(text: &str) -> Result<ProxyNetwork, String> {
    text.parse().map_err(|_| {
        format!("{text:?} is not a network; write it like 10.0.0.7, 10.0.0.0/8 or fd00::/8")
    })
}

/// `EnvFilter` directives, except a bare word that is not a level: a typo in `debug` would name a
/// target and turn logging off.
pub(super) fn parse_directives(text: &str) -> Result<String, String> {
    let is_slip = |part: &str| {
        !part.is_empty() && !part.contains(['=', '[']) && part.parse::<LevelFilter>().is_err()
    };
    if text.split(',').any(|part| is_slip(part.trim())) || EnvFilter::try_new(text).is_err() {
        return Err(format!(
            "{text:?} is not a filter; write a level (error, warn, info, debug, trace, off) or target=level, separated by commas"
        ));
    }
    Ok(text.to_owned())
}

pub(super) fn parse_log_format(text: &str) -> Result<LogFormat, String> {
    match text {
        "pretty" => Ok(LogFormat::Pretty),
        "json" => Ok(LogFormat::Json),
        _ => Err(format!("{text:?} is neither pretty nor json")),
    }
}

#[cfg(test)]
mod tests {
    use super::{parse_directives, parse_listen, parse_name, parse_origins, parse_ratio};

    #[test]
    fn origins_are_separated_by_commas() {
        assert_eq!(
            parse_origins("https://a.example, http://localhost:3000")
                .unwrap()
                .len(),
            2
        );
        assert_eq!(parse_origins(""), Ok(vec![]));
        for text in ["*", "https://a.example/path", "https://a.example,b"] {
            assert!(parse_origins(text).is_err(), "{text}");
        }
    }

    #[test]
    fn log_directives_are_levels_and_targets_with_levels() {
        for text in [
            "info",
            "warn,colloquy_http=debug",
            "off",
            "info,run[assistant]=trace",
        ] {
            assert!(parse_directives(text).is_ok(), "{text}");
        }
        for text in ["debgu", "info,colloquy_http", "info=loud"] {
            assert!(parse_directives(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_ratio_is_from_0_to_1_and_a_name_is_not_empty() {
        assert_eq!(parse_ratio("0.25"), Ok(0.25));
        for text in ["", "-0.1", "1.01", "NaN", "all"] {
            assert!(parse_ratio(text).is_err(), "{text}");
        }
        assert!(parse_name("chat, eu").is_ok());
        for text in ["", " ", "a\nb"] {
            assert!(parse_name(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn an_address_has_a_port() {
        assert!(parse_listen("[::]:80").is_ok());
        for text in ["8080", "127.0.0.1", "localhost:8080", "127.0.0.1:99999"] {
            assert!(parse_listen(text).is_err(), "{text}");
        }
    }
}
