//! The HTTP client.

use std::sync::Arc;
use std::time::Duration;

use colloquy_application::ports::BoxError;
use reqwest::{Client, redirect, retry};
use rustls::crypto::ring;
use rustls::{ClientConfig, RootCertStore};

/// A client without redirects (they could lead into the internal network), environment proxies or
/// retries; without compression, which delays stream pieces; without HTTP/2, so that dropping an
/// answer closes its connection. Trusts the system's certificate authorities.
///
/// # Errors
/// TLS cannot be set up.
pub fn http_client(connect_timeout: Duration) -> Result<Client, BoxError> {
    let client = Client::builder()
        .user_agent(concat!("colloquy/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(connect_timeout)
        .redirect(redirect::Policy::none())
        .retry(retry::never())
        .no_proxy()
        .no_gzip()
        .http1_only()
        .tls_backend_preconfigured(tls()?)
        .build()?;
    Ok(client)
}

fn tls() -> Result<ClientConfig, BoxError> {
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(authorities())
        .with_no_client_auth();
    Ok(config)
}

/// The system's, or Mozilla's if there are none, as in a bare container image.
fn authorities() -> RootCertStore {
    let mut authorities = RootCertStore::empty();
    authorities.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if authorities.is_empty() {
        authorities.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    authorities
}
