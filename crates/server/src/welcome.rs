//! The welcome on standard output: addresses and sign-in.

use std::io;
use std::net::SocketAddr;

use colloquy_domain::Email;

use crate::address::reachable;
use crate::config::{Configuration, SameData};
use crate::first_steps::FirstSignIn;
use crate::invocation::command_line;
use crate::terminal::print;

pub(crate) fn welcome(
    address: SocketAddr,
    metrics: Option<SocketAddr>,
    first_sign_in: Option<&FirstSignIn>,
    configuration: &Configuration,
) -> io::Result<()> {
    let url = format!("http://{}", reachable(address));
    print(&format!(
        "Colloquy {} serves {url}",
        env!("CARGO_PKG_VERSION")
    ))?;
    row("try it", &format!("{url}/docs"))?;
    if let Some(address) = metrics {
        row("metrics", &format!("http://{}/metrics", reachable(address)))?;
    }
    let data = configuration.same_data();
    match first_sign_in {
        Some(FirstSignIn {
            email,
            password: Some(password),
        }) => initial_password(email, password, &url, &data),
        Some(FirstSignIn { email, .. }) => row(
            "sign in",
            &format!("as {email}, with the configured password"),
        ),
        None => {
            let list = command_line(&data, &["user", "list"]);
            row("sign in", &format!("with an account of `{list}`"))
        }
    }
}

fn initial_password(email: &Email, password: &str, url: &str, data: &SameData) -> io::Result<()> {
    let reset = command_line(data, &["user", "set-password", email.as_str()]);
    row("sign in as", email.as_str())?;
    row(
        "initial password",
        &format!("{password} (generated, shown only this once)"),
    )?;
    row("change it", &format!("PATCH {url}/api/v1/users/me"))?;
    row("reset it", &reset)?;
    match &data.variable {
        Some(variable) => row("", &format!("with {variable} set as for this server")),
        None => Ok(()),
    }
}

fn row(label: &str, text: &str) -> io::Result<()> {
    let label = if label.is_empty() {
        String::new()
    } else {
        format!("{label}:")
    };
    print(&format!("  {label:<18} {text}"))
}
