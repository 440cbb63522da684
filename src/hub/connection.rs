//! The line to the hub: the project's own HTTP client. It waits only so long, hears a
//! Ctrl-C while it waits, and shows the token to the hub alone.

use super::names::quoted;
use super::reply::Reply;
use super::trouble::{Status, Trouble, brief, host};
use super::{Place, environment};
use crate::error::{Error, Result};
use crate::interrupt;
use reqwest::header::{ACCEPT_ENCODING, AUTHORIZATION, LOCATION};
use reqwest::{Client, ClientBuilder, Method, Response, StatusCode, Url, redirect};
use std::future::pending;
use std::pin::pin;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;

/// What the hub is told about this program.
const AGENT: &str = concat!("nextframe/", env!("CARGO_PKG_VERSION"));
/// Bytes that must arrive in the time that the hub may be silent.
const LEAST: u64 = 8 << 10;
/// What is small may take so many times the time of silence, all in all.
const TIMES: u32 = 8;
/// After this many bytes a download that falls silent is worth another try.
const WORTH: u64 = 1 << 20;
/// How often a Ctrl-C is looked for.
const TICK: Duration = Duration::from_millis(100);
/// Redirects that are followed in a row.
const HOPS: usize = 5;
/// How often a hub that is out of order is asked again, and after which pause first.
const AGAIN: u32 = 2;
const PAUSE: Duration = Duration::from_millis(250);

/// A line to the hub of a place.
pub(super) struct Connection<'a> {
    pub(super) place: &'a Place,
    endpoint: Url,
    token: Option<String>,
    client: Client,
    /// Taken when the line is given up.
    runtime: Option<Runtime>,
    silence: Duration,
    /// The time waited, and the bytes arrived, since [`LEAST`] bytes were there last.
    waited: Duration,
    arrived: u64,
    /// When all must be there, if there is such a time.
    end: Option<Instant>,
}

impl<'a> Connection<'a> {
    /// A line as HF_ENDPOINT, HF_TOKEN and HF_HUB_DOWNLOAD_TIMEOUT say; nothing is asked yet.
    ///
    /// # Errors
    /// An address, a token or a time that is none.
    pub(super) fn new(place: &'a Place) -> Result<Self> {
        let silence = environment::silence()?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| unusable(place, &error))?;
        Ok(Self {
            place,
            endpoint: environment::endpoint()?,
            token: environment::token()?,
            client: client().build().map_err(|error| unusable(place, &error))?,
            runtime: Some(runtime),
            silence,
            waited: Duration::ZERO,
            arrived: 0,
            end: None,
        })
    }

    /// The hub's address.
    pub(super) fn endpoint(&self) -> &Url {
        &self.endpoint
    }

    /// The user's token.
    pub(super) fn token(&self) -> Option<&str> {
        self.token.as_deref()
    }

    /// How long the hub may be silent.
    pub(super) fn silence(&self) -> Duration {
        self.silence
    }

    /// An address on the hub; a part's slashes are no slashes of the address.
    pub(super) fn address(&self, parts: &[&str]) -> Url {
        let mut url = self.endpoint.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(parts);
        }
        url
    }

    /// From here on all is small, and takes at most [`TIMES`] times the silence; or it is not.
    pub(super) fn hurry(&mut self, is_small: bool) {
        self.end = is_small.then(|| Instant::now() + self.silence * TIMES);
    }

    /// Asks the hub for `what`. Redirects within the hub are followed with the token. One to
    /// another host is refused, or followed without the token where `may_leave`: the hub
    /// keeps large files elsewhere.
    ///
    /// Ends within the time that the hub may be silent.
    ///
    /// # Errors
    /// A hub that is away, a redirect that may not be followed, a status that is no success.
    pub(super) fn ask(
        &mut self,
        method: &Method,
        url: &Url,
        what: &str,
        may_leave: bool,
    ) -> Result<Reply, Trouble> {
        let mut tried = 0;
        loop {
            let reply = self.follow(method, url, what, may_leave)?;
            let status = reply.response.status();
            let left = reply.is_elsewhere();
            if status.is_success() || (left && status.is_redirection()) {
                return Ok(reply);
            }
            let trouble = match left {
                true => self.of_another(&reply, what),
                false => Trouble::status(self.place, &Status::of(&reply.response), what),
            };
            if !matches!(trouble, Trouble::Away(_)) || tried == AGAIN {
                return Err(trouble);
            }
            self.watch(PAUSE * 2u32.pow(tried), pending::<()>(), || Ok(()))?;
            tried += 1;
        }
    }

    /// The answer at the end of all redirects. Where the hub's answer to a HEAD is that a
    /// file lies elsewhere, that is the end: it says all that is asked.
    fn follow(
        &mut self,
        method: &Method,
        url: &Url,
        what: &str,
        may_leave: bool,
    ) -> Result<Reply, Trouble> {
        let mut url = url.clone();
        let (mut heads, mut at_hub) = (Vec::new(), true);
        for _ in 0..=HOPS {
            let mut request = self
                .client
                .request(method.clone(), url.clone())
                // What is packed may be of any size unpacked, and has no length.
                .header(ACCEPT_ENCODING, "identity");
            // Once left, the hub is not shown the token again either.
            at_hub &= url.origin() == self.endpoint.origin();
            if let Some(token) = self.token.as_ref().filter(|_| at_hub) {
                request = request.header(AUTHORIZATION, environment::secret(token)?);
            }
            let response = self.wait(request.send())?.map_err(|error| {
                let said = brief(&error.without_url());
                Trouble::Broken(format!("the hub cannot be reached ({said})"))
            })?;
            if at_hub {
                heads.push(response.headers().clone());
            }
            if !is_redirect(response.status()) {
                return Ok(Reply::new(response, heads, !at_hub));
            }
            let next = self.next(&url, &response, what)?;
            let leaves = next.origin() != self.endpoint.origin();
            if leaves && !may_leave {
                return Err(self.refuse(
                    format!("the hub sends {what} on to another host, {}", host(&next)),
                    "check HF_ENDPOINT: only the hub may see the token",
                ));
            }
            if leaves && method == Method::HEAD {
                return Ok(Reply::new(response, heads, true));
            }
            url = next;
        }
        Err(self.refuse(
            format!("the hub sends {what} on and on, {HOPS} times and more"),
            "check HF_ENDPOINT",
        ))
    }

    /// What a status means of the host that keeps a large file.
    fn of_another(&self, reply: &Reply, what: &str) -> Trouble {
        let (number, url) = (reply.response.status().as_u16(), reply.response.url());
        let said = format!(
            "the host {}, where {what} lies, answers with {number}",
            host(url)
        );
        match number {
            408 | 500.. => Trouble::Away(said),
            _ => self.refuse(said, "try again later"),
        }
    }

    /// Where a redirect leads.
    fn next(&self, from: &Url, response: &Response, what: &str) -> Result<Url, Trouble> {
        let location = response.headers().get(LOCATION);
        let text = location.and_then(|value| value.to_str().ok());
        self.join(from, text.unwrap_or_default())
            .map_err(|problem| {
                self.refuse(
                    format!("the hub sends {what} {problem}"),
                    "check HF_ENDPOINT",
                )
            })
    }

    /// The address that `text` names beside `from`, or what is wrong with it.
    pub(super) fn join(&self, from: &Url, text: &str) -> Result<Url, String> {
        let next = match from.join(text) {
            Ok(next) if !text.is_empty() => next,
            _ => return Err(format!("to {}, which is no address", quoted(text))),
        };
        if !["http", "https"].contains(&next.scheme()) || next.host_str().is_none() {
            return Err(format!("to {}, which is not on the web", quoted(text)));
        }
        if from.scheme() == "https" && next.scheme() == "http" {
            return Err(format!("from https to http, to {}", host(&next)));
        }
        // HF_ENDPOINT itself may have one.
        let user = |url: &Url| (url.username().to_owned(), url.password().map(str::to_owned));
        let is_own = next.origin() == from.origin() && user(&next) == user(from);
        if user(&next) != (String::new(), None) && !is_own {
            return Err(format!(
                "to an address with a user in it, on {}",
                host(&next)
            ));
        }
        Ok(next)
    }

    /// Hands a body to `sink` in parts, at most `limit` bytes of it, and counts them.
    ///
    /// Ends within the time that the hub may be silent, after [`LEAST`] bytes begun anew.
    ///
    /// # Errors
    /// A body that is longer, that breaks off, or that comes too slowly.
    pub(super) fn read(
        &mut self,
        reply: &mut Reply,
        limit: u64,
        what: &str,
        mut sink: impl FnMut(&[u8]) -> Result<()>,
    ) -> Result<u64, Trouble> {
        let mut total = 0;
        loop {
            let next = match self.wait(reply.response.chunk()) {
                Err(Trouble::Away(said)) if total >= WORTH => {
                    self.waited = Duration::ZERO;
                    return Err(Trouble::Broken(said));
                }
                next => next?,
            };
            let next = next.map_err(|error| Trouble::Broken(brief(&error.without_url())))?;
            let Some(bytes) = next else {
                return Ok(total);
            };
            let count = bytes.len() as u64;
            total += count;
            if total > limit {
                return Err(self.refuse(
                    format!("{what} does not end after {limit} bytes"),
                    "check HF_ENDPOINT: a hub does not do that",
                ));
            }
            self.arrived += count;
            if self.arrived >= LEAST {
                (self.waited, self.arrived) = (Duration::ZERO, 0);
            }
            sink(&bytes)?;
        }
    }

    /// Waits for the hub, no longer than it may be silent.
    fn wait<T>(&mut self, future: impl Future<Output = T>) -> Result<T, Trouble> {
        let (begin, silence) = (Instant::now(), self.silence.saturating_sub(self.waited));
        let end = self.end.map(|end| end.saturating_duration_since(begin));
        let limit = end.unwrap_or(silence).min(silence);
        let done = self.watch(limit, future, || Ok(()))?;
        self.waited += begin.elapsed();
        done.ok_or_else(|| {
            let said = match limit < silence {
                true => format!("it took more than {:?}", self.silence * TIMES),
                false => format!("less than {LEAST} bytes came in {:?}", self.silence),
            };
            Trouble::Away(format!(
                "the hub cannot be reached: {said} (HF_HUB_DOWNLOAD_TIMEOUT)"
            ))
        })
    }

    /// Waits until something is done, for at most `limit`; then there is nothing. A Ctrl-C
    /// ends it, and so does what `check` finds, ten times a second.
    pub(super) fn watch<T>(
        &self,
        limit: Duration,
        future: impl Future<Output = T>,
        mut check: impl FnMut() -> Result<(), Trouble>,
    ) -> Result<Option<T>, Trouble> {
        let Some(runtime) = &self.runtime else {
            return Ok(None);
        };
        let begin = Instant::now();
        runtime.block_on(async {
            let mut future = pin!(future);
            loop {
                interrupt::check()?;
                check()?;
                let left = limit.saturating_sub(begin.elapsed());
                match tokio::time::timeout(TICK.min(left), future.as_mut()).await {
                    Ok(done) => return Ok(Some(done)),
                    Err(_) if begin.elapsed() >= limit => return Ok(None),
                    Err(_) => {}
                }
            }
        })
    }

    /// The error of a hub that does what none does.
    pub(super) fn refuse(&self, problem: impl Into<String>, hint: impl Into<String>) -> Trouble {
        Trouble::refusal(self.place, problem, hint)
    }
}

impl Drop for Connection<'_> {
    /// A look-up of a host's name cannot be ended, and is not waited for.
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// A client that follows no redirect and unpacks nothing.
pub(super) fn client() -> ClientBuilder {
    Client::builder()
        .user_agent(AGENT)
        .redirect(redirect::Policy::none())
        .no_gzip()
        .no_brotli()
        .no_zstd()
        .no_deflate()
}

fn is_redirect(status: StatusCode) -> bool {
    [301, 302, 303, 307, 308].contains(&status.as_u16())
}

fn unusable(place: &Place, error: &dyn std::error::Error) -> Error {
    Error::input(
        place.to_string(),
        format!("no connection can be made ({})", brief(error)),
        "report this with the name of your system",
    )
}
