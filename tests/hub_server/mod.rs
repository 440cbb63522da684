//! A hub in a thread: one repository, `me/mini`, in memory.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use sha1::{Digest as _, Sha1};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const COMMIT: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

/// What a file's download does wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The connection ends halfway.
    Drop,
    /// It is whole but for its last bytes, and says so nowhere.
    Short,
}

/// What a hub that lies does in place of its answer.
#[derive(Debug, Clone)]
pub enum Act {
    /// Sets a header of the true answer.
    Header(&'static str, String),
    /// Says this, head and body, and is silent from there on.
    Say(String),
    /// Says the first, and then the second for ever, with a pause after each.
    Repeat(String, String, Duration),
}

/// An act for the requests of a method whose path has a part.
type Rule = (&'static str, &'static str, Act);

#[derive(Default)]
struct State {
    files: BTreeMap<String, Vec<u8>>,
    token: Option<String>,
    faults: BTreeMap<String, (Fault, usize)>,
    rules: Vec<Rule>,
    requests: usize,
    tokens: Vec<String>,
}

/// A running hub; it ends with the test's process.
pub struct Hub {
    address: String,
    state: Arc<Mutex<State>>,
}

impl Hub {
    /// On a free port; with a token nothing is told without it.
    pub fn start(token: Option<&str>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(Mutex::new(State {
            token: token.map(str::to_owned),
            ..State::default()
        }));
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let state = Arc::clone(&shared);
                // A client that hangs up is no fault of the test.
                std::thread::spawn(move || serve(stream, &state));
            }
        });
        Self { address, state }
    }

    pub fn address(&self) -> &str {
        &self.address
    }

    pub fn names(&self) -> Vec<String> {
        self.state.lock().unwrap().files.keys().cloned().collect()
    }

    pub fn file(&self, name: &str) -> Vec<u8> {
        self.state.lock().unwrap().files[name].clone()
    }

    pub fn put(&self, name: &str, bytes: Vec<u8>) {
        self.state
            .lock()
            .unwrap()
            .files
            .insert(name.to_owned(), bytes);
    }

    pub fn remove(&self, name: &str) {
        self.state.lock().unwrap().files.remove(name);
    }

    /// The next `times` downloads of a file go wrong.
    pub fn fail(&self, name: &str, fault: Fault, times: usize) {
        let mut state = self.state.lock().unwrap();
        state.faults.insert(name.to_owned(), (fault, times));
    }

    /// What it does from now on; `GET` and `HEAD` are told apart.
    pub fn act(&self, rules: Vec<Rule>) {
        self.state.lock().unwrap().rules = rules;
    }

    pub fn requests(&self) -> usize {
        self.state.lock().unwrap().requests
    }

    /// The tokens that it was shown.
    pub fn tokens(&self) -> Vec<String> {
        self.state.lock().unwrap().tokens.clone()
    }
}

struct Request {
    method: String,
    path: String,
    token: Option<String>,
    known: Option<String>,
    body: Vec<u8>,
}

fn read(reader: &mut BufReader<TcpStream>) -> Option<Request> {
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split_whitespace();
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let (mut length, mut chunked, mut token, mut known) = (0, false, None, None);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim().split_once(':') else {
            break;
        };
        let value = value.trim();
        match name.to_lowercase().as_str() {
            "content-length" => length = value.parse().ok()?,
            "transfer-encoding" => chunked = value == "chunked",
            "authorization" => token = value.strip_prefix("Bearer ").map(str::to_owned),
            "if-none-match" => known = Some(value.trim_matches('"').to_owned()),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    if chunked {
        body.extend(chunks(reader)?);
    }
    let path = path.split('?').next()?.to_owned();
    Some(Request {
        method,
        path,
        token,
        known,
        body,
    })
}

/// A body that comes in chunks, each after its length.
fn chunks(reader: &mut BufReader<TcpStream>) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let size = usize::from_str_radix(line.trim(), 16).ok()?;
        let mut chunk = vec![0; size + 2];
        reader.read_exact(&mut chunk).ok()?;
        if size == 0 {
            return Some(body);
        }
        body.extend_from_slice(&chunk[..size]);
    }
}

fn serve(stream: TcpStream, state: &Mutex<State>) {
    // A head and its body go out one after the other.
    let _ = stream.set_nodelay(true);
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut stream = stream;
    while let Some(request) = read(&mut reader) {
        let mut state = state.lock().unwrap();
        state.requests += 1;
        state.tokens.extend(request.token.clone());
        let fits =
            |(method, part, _): &&Rule| request.method == *method && request.path.contains(part);
        let acts: Vec<Act> = state
            .rules
            .iter()
            .filter(fits)
            .map(|rule| rule.2.clone())
            .collect();
        let mut headers = Vec::new();
        for act in acts {
            match act {
                Act::Header(name, value) => headers.push((name, value)),
                // It must not hold up the other requests.
                act => {
                    drop(state);
                    return perform(&act, &mut reader, &mut stream);
                }
            }
        }
        let Some(()) = answer(&request, &headers, &mut state, &mut stream) else {
            return;
        };
    }
}

/// Says what an act says, for as long as the other side is there.
fn perform(act: &Act, reader: &mut BufReader<TcpStream>, stream: &mut TcpStream) {
    let (first, again) = match act {
        Act::Header(..) => return,
        Act::Say(text) => (text, None),
        Act::Repeat(text, part, pause) => (text, Some((part, pause))),
    };
    let mut said = stream
        .write_all(first.as_bytes())
        .and_then(|()| stream.flush());
    while let (Ok(()), Some((part, pause))) = (&said, again) {
        said = stream
            .write_all(part.as_bytes())
            .and_then(|()| stream.flush());
        std::thread::sleep(*pause);
    }
    // Until it hangs up.
    let _ = reader.read_to_end(&mut Vec::new());
}

/// Writes an answer; `None` ends the connection.
fn answer(
    request: &Request,
    set: &[(&str, String)],
    state: &mut State,
    stream: &mut TcpStream,
) -> Option<()> {
    let head_only = request.method == "HEAD";
    let mut send = |status: &str, headers: &[(&str, String)], body: &[u8], length: usize| {
        let mut text = format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\n");
        let is_set = |name: &str| set.iter().any(|(other, _)| *other == name);
        let own = headers.iter().filter(|(name, _)| !is_set(name));
        for (name, value) in own.chain(set) {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        text.push_str("\r\n");
        stream.write_all(text.as_bytes()).ok()?;
        if !head_only {
            stream.write_all(body).ok()?;
        }
        stream.flush().ok()
    };
    let code = |code: &str| vec![("X-Error-Code", code.to_owned())];
    if state.token.is_some() && request.token != state.token {
        return send("401 Unauthorized", &[], b"", 0);
    }
    let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
    let json_of = |value: Value| value.to_string().into_bytes();
    let kind = vec![("Content-Type", "application/json".to_owned())];
    let path = request.path.as_str();
    if path == "/api/repos/create" {
        let body = json_of(json!({"url": "http://hub/me/mini", "name": "me/mini"}));
        return send("200 OK", &kind, &body, body.len());
    }
    if !(path.starts_with("/api/models/me/mini") || path.starts_with("/me/mini/")) {
        return send("404 Not Found", &code("RepoNotFound"), b"", 0);
    }
    if path.contains("/preupload/") {
        let files = body["files"].as_array().cloned().unwrap_or_default();
        let all: Vec<Value> = files
            .iter()
            .map(|f| json!({"path": f["path"], "uploadMode": "regular", "shouldIgnore": false}))
            .collect();
        let body = json_of(json!({"files": all}));
        return send("200 OK", &kind, &body, body.len());
    }
    if path.contains("/commit/") {
        for line in String::from_utf8_lossy(&request.body).lines() {
            let line: Value = serde_json::from_str(line).unwrap_or_default();
            if line["key"] == "file" {
                let content = line["value"]["content"].as_str().unwrap_or_default();
                let name = line["value"]["path"].as_str().unwrap_or_default();
                state
                    .files
                    .insert(name.to_owned(), STANDARD.decode(content).unwrap());
            }
        }
        let url = "http://hub/me/mini/commit/a";
        let body = json_of(json!({"success": true, "commitOid": COMMIT, "commitUrl": url}));
        return send("200 OK", &kind, &body, body.len());
    }
    let revision = |mark: &str| path.split(mark).nth(1).and_then(|r| r.split('/').next());
    for mark in ["/tree/", "/resolve/", "/revision/"] {
        if revision(mark).is_some_and(|name| name != "main" && name != COMMIT) {
            return send("404 Not Found", &code("RevisionNotFound"), b"", 0);
        }
    }
    if path.contains("/tree/") {
        let file = |(name, bytes): (&String, &Vec<u8>)| json!({"type": "file", "path": name, "size": bytes.len(), "oid": oid(bytes)});
        let body = json_of(state.files.iter().map(file).collect());
        return send("200 OK", &kind, &body, body.len());
    }
    let name = path
        .split("/resolve/")
        .nth(1)
        .and_then(|rest| rest.split_once('/'));
    let Some(bytes) = name.and_then(|(_, name)| state.files.get(name)) else {
        return send("404 Not Found", &code("EntryNotFound"), b"", 0);
    };
    let name = name.map(|(_, name)| name).unwrap_or_default();
    let mut headers = vec![
        ("ETag", format!("\"{}\"", oid(bytes))),
        ("X-Repo-Commit", COMMIT.to_owned()),
    ];
    if request.known.as_deref() == Some(&oid(bytes)) {
        return send("304 Not Modified", &headers, b"", 0);
    }
    if head_only {
        return send("200 OK", &headers, b"", bytes.len());
    }
    headers.push(("Content-Type", "application/octet-stream".to_owned()));
    let half = bytes.len() / 2;
    let fault = match state.faults.get_mut(name) {
        Some((fault, left)) if *left > 0 => {
            *left -= 1;
            Some(*fault)
        }
        _ => None,
    };
    match fault {
        None => send("200 OK", &headers, bytes, bytes.len()),
        Some(Fault::Drop) => {
            send("200 OK", &headers, &bytes[..half], bytes.len());
            None
        }
        Some(Fault::Short) => send("200 OK", &headers, &bytes[..half], half),
    }
}

/// Git's name of a file's content.
fn oid(bytes: &[u8]) -> String {
    let mut hasher = Sha1::new();
    hasher.update(format!("blob {}\0", bytes.len()));
    hasher.update(bytes);
    let digest = hasher.finalize();
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}
