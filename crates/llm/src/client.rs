//! The HTTP client that all providers share, and whoever else sends something to another server.

use std::sync::Arc;
use std::time::Duration;

use colloquy_application::ports::BoxError;
use reqwest::{Client, redirect, retry};
use rustls::crypto::ring;
use rustls::{ClientConfig, RootCertStore};

/// A client that does what it is told once: no redirect (which could lead into our own network),
/// no proxy out of the environment, no repetition. Neither compression, which holds back the pieces
/// of a stream, nor HTTP/2: giving up an answer closes its connection. It trusts the machine's
/// certificate authorities.
///
/// # Errors
/// What is wrong with TLS on this machine.
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

/// The machine's authorities, its owner's among them. A bare container image has none.
fn authorities() -> RootCertStore {
    let mut authorities = RootCertStore::empty();
    authorities.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if authorities.is_empty() {
        authorities.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    authorities
}
