//! What the environment says of the hub, as for other programs of it.

use super::names::quoted;
use crate::error::{Error, Result};
use reqwest::Url;
use reqwest::header::HeaderValue;
use std::time::Duration;

/// Where the hub is, unless HF_ENDPOINT says otherwise.
const HUB: &str = "https://huggingface.co";
/// How long the hub may be silent, unless HF_HUB_DOWNLOAD_TIMEOUT says otherwise.
const SILENCE: Duration = Duration::from_secs(8);
/// The longest that HF_HUB_DOWNLOAD_TIMEOUT may say, in seconds.
const DAY: f64 = 86_400.0;

/// HF_HUB_OFFLINE: whether only the cache may be used.
pub(super) fn offline() -> bool {
    std::env::var("HF_HUB_OFFLINE")
        .is_ok_and(|value| ["1", "true", "yes", "on"].contains(&value.to_lowercase().as_str()))
}

/// HF_HUB_DOWNLOAD_TIMEOUT: how long the hub may be silent.
///
/// # Errors
/// What is no time.
pub(super) fn silence() -> Result<Duration> {
    let name = "HF_HUB_DOWNLOAD_TIMEOUT";
    let Some(text) = std::env::var(name).ok().filter(|text| !text.is_empty()) else {
        return Ok(SILENCE);
    };
    match text.parse::<f64>() {
        Ok(seconds) if seconds > 0.0 && seconds <= DAY => Ok(Duration::from_secs_f64(seconds)),
        _ => Err(Error::input(
            name,
            format!("{} is no time", quoted(&text)),
            "set it to seconds, more than 0 and at most 86400",
        )),
    }
}

/// HF_ENDPOINT: the hub's address.
///
/// # Errors
/// What is no address.
pub(super) fn endpoint() -> Result<Url> {
    let said = std::env::var("HF_ENDPOINT").ok();
    let text = said.filter(|text| !text.is_empty());
    let text = text.as_deref().unwrap_or(HUB);
    let url = Url::parse(text).ok().filter(|url| {
        ["http", "https"].contains(&url.scheme())
            && url.host_str().is_some()
            && url.query().is_none()
            && url.fragment().is_none()
    });
    url.ok_or_else(|| {
        Error::input(
            "HF_ENDPOINT",
            format!("{} is no address of a hub", quoted(text)),
            format!("set it to one such as {HUB}"),
        )
    })
}

/// HF_TOKEN, or what `hf auth login` left.
///
/// # Errors
/// What cannot be one.
pub(super) fn token() -> Result<Option<String>> {
    let said = |name: &str| std::env::var(name).ok().filter(|text| !text.is_empty());
    if said("HF_HUB_DISABLE_IMPLICIT_TOKEN").is_some() {
        return Ok(None);
    }
    let paths = [
        said("HF_TOKEN_PATH").map(Into::into),
        Some(hf_hub::hf_home().join("token")),
    ];
    let kept = || {
        paths
            .iter()
            .flatten()
            .find_map(|path| std::fs::read_to_string(path).ok())
    };
    let Some(token) = said("HF_TOKEN").or_else(kept) else {
        return Ok(None);
    };
    let token = token.trim();
    secret(token)?;
    Ok(Some(token.to_owned()).filter(|token| !token.is_empty()))
}

/// The header that shows a token.
///
/// # Errors
/// Characters that no header has.
pub(super) fn secret(token: &str) -> Result<HeaderValue> {
    let mut value = HeaderValue::from_str(&format!("Bearer {token}")).map_err(|_| {
        Error::input(
            "HF_TOKEN",
            "holds characters that no token has",
            "copy it anew from https://huggingface.co/settings/tokens",
        )
    })?;
    value.set_sensitive(true);
    Ok(value)
}
