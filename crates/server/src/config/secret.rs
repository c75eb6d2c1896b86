//! Masks credentials.

use url::Url;

pub(super) const MASK: &str = "***";

/// Text that is not a URL is masked whole.
pub(super) fn masked_url(text: &str) -> String {
    let Ok(mut url) = Url::parse(text) else {
        return MASK.to_owned();
    };
    if url.cannot_be_a_base() {
        return MASK.to_owned();
    }
    if !carries_credentials(&url) {
        return text.to_owned();
    }
    if url.password().is_some() && url.set_password(Some(MASK)).is_err() {
        return MASK.to_owned();
    }
    if has_lone_token(&url) && url.set_username(MASK).is_err() {
        return MASK.to_owned();
    }
    mask_query(&mut url);
    url.into()
}

fn carries_credentials(url: &Url) -> bool {
    url.password().is_some()
        || has_lone_token(url)
        || url.query_pairs().any(|(name, _)| names_a_secret(&name))
}

/// A user name without a password is a token.
fn has_lone_token(url: &Url) -> bool {
    let is_web = ["http", "https"].contains(&url.scheme());
    is_web && !url.username().is_empty() && url.password().is_none()
}

fn mask_query(url: &mut Url) {
    let pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
    if pairs.is_empty() {
        return;
    }
    let mut query = url.query_pairs_mut();
    query.clear();
    for (name, value) in pairs {
        let value = if names_a_secret(&name) { MASK } else { &value };
        query.append_pair(&name, value);
    }
}

fn names_a_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["pass", "key", "token", "secret", "sig"]
        .iter()
        .any(|word| name.contains(word))
}

#[cfg(test)]
mod tests {
    use super::masked_url;

    #[test]
    fn an_address_is_shown_without_its_credentials() {
        for (address, shown) in [
            (
                "postgres://ada:s3cret@db:5432/colloquy?sslmode=require",
                "postgres://ada:***@db:5432/colloquy?sslmode=require",
            ),
            (
                "postgres://db/colloquy?user=ada&password=s3cret",
                "postgres://db/colloquy?user=ada&password=***",
            ),
            ("postgres://ada@db/colloquy", "postgres://ada@db/colloquy"),
            ("https://t0ken@models/v1", "https://***@models/v1"),
            ("sqlite://data/colloquy.db", "sqlite://data/colloquy.db"),
            ("ada:s3cret@db", "***"),
            ("no address", "***"),
        ] {
            assert_eq!(masked_url(address), shown);
        }
    }
}
