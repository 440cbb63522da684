//! Answers without an end, and hubs that are slow or out of order.

use super::*;

#[test]
fn sizes_are_bounded() {
    let size = |size: &str| {
        let act = listed("model.safetensors", size, &"0".repeat(40));
        vec![("GET", "/tree/", act)]
    };
    let file = |act: Act| vec![("GET", "config.json", act)];
    let list = |act: Act| vec![("GET", "/tree/", act)];
    let many = "x".repeat(1 << 16);
    let none = Duration::ZERO;
    all(LONG, &FILL, |_, _| {
        let packed = "Content-Encoding: gzip\r\n";
        vec![
            ("size, huge", size("9223372036854775808"), "of memory"),
            ("size, negative", size("-5"), "cannot be read"),
            (
                "size, past all",
                size("18446744073709551616"),
                "cannot be read",
            ),
            (
                "size of settings",
                vec![(
                    "GET",
                    "/tree/",
                    listed("tokenizer.json", "99999999999", &"0".repeat(40)),
                )],
                "no model's has more",
            ),
            (
                "size of the head",
                vec![(
                    "HEAD",
                    "/resolve/",
                    Act::Header("X-Linked-Size", "4611686018427387904".to_owned()),
                )],
                "answered with 4611686018427387904",
            ),
            (
                "size that is none",
                vec![(
                    "HEAD",
                    "/resolve/",
                    Act::Header("X-Linked-Size", "many".to_owned()),
                )],
                "its size is 'many'",
            ),
            (
                "list, no end",
                list(Act::Repeat(endless(""), chunk(&format!("[{many}")), none)),
                "does not end after 4194304 bytes",
            ),
            (
                "list, long",
                list(Act::Say(
                    "HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n[".to_owned(),
                )),
                "more than the 4194304 expected",
            ),
            (
                "list, no list",
                list(answer("200 OK", "", "{\"a\": 1}")),
                "cannot be read",
            ),
            (
                "list, deep",
                list(answer("200 OK", "", &"[".repeat(100_000))),
                "cannot be read",
            ),
            (
                "list, packed",
                list(answer("200 OK", packed, "[]")),
                "comes packed",
            ),
            (
                "list, empty",
                list(answer("200 OK", "", "[]")),
                "holds no config.json",
            ),
            (
                "file, no end",
                file(Act::Repeat(endless(""), chunk(&many), none)),
                "does not end after 22 bytes",
            ),
            (
                "file, long",
                file(answer("200 OK", "", &many)),
                "answered with 65536",
            ),
            (
                "file, packed",
                file(answer("200 OK", packed, "x")),
                "comes packed",
            ),
            (
                "file, other",
                file(answer("200 OK", "", "{\"model_type\": \"tree\"}")),
                "arrives damaged",
            ),
        ]
    });
}

#[test]
fn a_slow_hub_is_given_up() {
    let drip = Duration::from_millis(20);
    let gone = "less than 8192 bytes came in 100ms";
    all(SHORT, &FILL, |_, _| {
        let say = |text: &str| Act::Say(text.to_owned());
        let repeat =
            |first: &str, again: &str| Act::Repeat(first.to_owned(), again.to_owned(), drip);
        let ok = "HTTP/1.1 200 OK\r\n";
        vec![
            ("no head", vec![("HEAD", "/resolve/", say(""))], gone),
            ("half a head", vec![("HEAD", "/resolve/", say(ok))], gone),
            ("no list", vec![("GET", "/tree/", say(""))], gone),
            ("no file", vec![("GET", "/resolve/", say(""))], gone),
            (
                "half a file",
                vec![(
                    "GET",
                    "config.json",
                    say("HTTP/1.1 200 OK\r\nContent-Length: 22\r\n\r\n{"),
                )],
                gone,
            ),
            (
                "head, drip",
                vec![("HEAD", "/resolve/", repeat(ok, "X"))],
                gone,
            ),
            (
                "heads, drip",
                vec![("HEAD", "/resolve/", repeat(ok, "X-A: b\r\n"))],
                gone,
            ),
            (
                "not yet",
                vec![(
                    "HEAD",
                    "/resolve/",
                    repeat("", "HTTP/1.1 100 Continue\r\n\r\n"),
                )],
                gone,
            ),
            (
                "list, drip",
                vec![("GET", "/tree/", repeat(&endless(""), "1\r\n \r\n"))],
                gone,
            ),
            (
                "list, no end",
                vec![(
                    "GET",
                    "/tree/",
                    repeat(&endless(""), &chunk(&" ".repeat(9000))),
                )],
                "(HF_HUB_DOWNLOAD_TIMEOUT)",
            ),
            (
                "file, drip",
                vec![(
                    "GET",
                    "model.safetensors",
                    repeat("HTTP/1.1 200 OK\r\nContent-Length: 3000\r\n\r\n", "x"),
                )],
                gone,
            ),
        ]
    });
}

#[test]
fn heads_without_end_are_given_up() {
    let none = Duration::ZERO;
    all(SHORT, &FILL, |_, _| {
        let repeat =
            |first: &str, again: &str| Act::Repeat(first.to_owned(), again.to_owned(), none);
        let ok = "HTTP/1.1 200 OK\r\n";
        let long = "x".repeat(4096);
        vec![
            (
                "one",
                vec![("HEAD", "/resolve/", repeat(&format!("{ok}X: "), &long))],
                "cannot be reached",
            ),
            (
                "many",
                vec![("HEAD", "/resolve/", repeat(ok, &format!("X: {long}\r\n")))],
                "cannot be reached",
            ),
            (
                "not yet",
                vec![(
                    "HEAD",
                    "/resolve/",
                    repeat("", "HTTP/1.1 100 Continue\r\n\r\n"),
                )],
                "cannot be reached",
            ),
            (
                "no HTTP",
                vec![("HEAD", "/resolve/", repeat("SSH-2.0-x\r\n", ""))],
                "cannot be reached",
            ),
        ]
    });
}

#[test]
fn what_a_status_means_is_said() {
    all(LONG, &FILL, |_, _| {
        let file =
            |status: &str, headers: &str| vec![("GET", "/resolve/", answer(status, headers, ""))];
        let patience = "Retry-After: 999999999\r\n";
        vec![
            (
                "416",
                file("416 Range Not Satisfiable", ""),
                "answers for config.json with 416",
            ),
            (
                "429",
                file("429 Too Many", "Retry-After: 90\r\n"),
                "patience (429), for 90 s",
            ),
            (
                "429, for years",
                file("429 Too Many", patience),
                "patience (429); wait some minutes",
            ),
            (
                "503",
                file("503 Unavailable", patience),
                "out of order (503 for config.json), and the cache has no copy",
            ),
            ("403", file("403 Forbidden", ""), "(403)"),
            ("304", file("304 Not Modified", ""), "a redirect (304)"),
            ("204", file("204 No Content", ""), "arrives damaged"),
        ]
    });
}

#[cfg(unix)]
#[test]
fn a_ctrl_c_is_heard_while_the_hub_is_silent() {
    let folder = tempfile::tempdir().unwrap();
    let hub = hub();
    hub.act(vec![("HEAD", "/resolve/", Act::Say(String::new()))]);
    let mut child = std::process::Command::new(assert_cmd::cargo::cargo_bin("nextframe"))
        .args(FILL)
        .env("HF_ENDPOINT", hub.address())
        .env("HF_HOME", folder.path())
        .env("NO_PROXY", "127.0.0.1")
        .env("HF_HUB_DOWNLOAD_TIMEOUT", "60")
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    while hub.requests() == 0 && child.try_wait().unwrap().is_none() {
        std::thread::sleep(Duration::from_millis(5));
    }
    let id = child.id().to_string();
    let kill = std::process::Command::new("kill")
        .args(["-INT", &id])
        .status();
    assert!(kill.unwrap().success());
    // Were it not heard, it would end in a minute with 1.
    assert_eq!(child.wait().unwrap().code(), Some(130));
}
