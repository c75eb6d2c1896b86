//! A provider with an untrusted certificate.

use std::sync::Arc;

use crate::support::{ask, providers, settings};
use colloquy_application::ports::ModelErrorKind;
use colloquy_llm::ProviderKind;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivatePkcs8KeyDer;

fn self_signed() -> TlsAcceptor {
    let names = vec!["localhost".to_owned()];
    let certified = rcgen::generate_simple_self_signed(names).unwrap();
    let key = PrivatePkcs8KeyDer::from(certified.signing_key.serialize_der());
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certified.cert.der().clone()], key.into())
        .unwrap();
    Arc::new(config).into()
}

#[tokio::test]
async fn an_untrusted_certificate_is_refused() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let handshake = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        self_signed().accept(stream).await.is_ok()
    });
    let base_url = format!("https://localhost:{port}/v1");
    let models = providers(vec![settings(ProviderKind::OpenAi, &base_url)]);
    assert_eq!(ask(&models).await.failure(), ModelErrorKind::Refused);
    assert!(!handshake.await.unwrap(), "the client hangs up");
}
