//! Redirects and links to other hosts.

use super::*;

#[test]
fn the_token_goes_to_no_other_host() {
    all(LONG, &FILL, |other, _| {
        let bare = other.strip_prefix("http://").unwrap().to_owned();
        let tree = "/api/models/me/mini/tree/main";
        let link = |to: String| {
            let act = Act::Header("Link", format!("<{to}>; rel=\"next\""));
            vec![("GET", "/tree/", act)]
        };
        let get = |to: String| vec![("GET", "/resolve/", redirect(302, &to))];
        let list = |to: String| vec![("GET", "/tree/", redirect(307, &to))];
        let user = format!("http://me:x@{bare}/me/mini/resolve/main/config.json");
        vec![
            (
                "link",
                link(format!("{other}{tree}")),
                "goes on at another host",
            ),
            (
                "link, no scheme",
                link(format!("//{bare}{tree}")),
                "goes on at another host",
            ),
            (
                "link, backslash",
                link(format!("/\\{bare}{tree}")),
                "goes on at another host",
            ),
            (
                "link, user",
                link(format!("http://me@{bare}{tree}")),
                "a user in it",
            ),
            (
                "link, file",
                link("file:///etc/passwd".to_owned()),
                "not on the web",
            ),
            (
                "link, no end",
                link(tree.to_owned()),
                "does not end after 16 pages",
            ),
            ("list", list(format!("{other}{tree}")), "on to another host"),
            (
                "list, backslash",
                list(format!("/\\{bare}{tree}")),
                "on to another host",
            ),
            (
                "list, no scheme",
                list(format!("//{bare}{tree}")),
                "on to another host",
            ),
            (
                "list, file",
                list("file:///etc/passwd".to_owned()),
                "not on the web",
            ),
            ("list, loop", list(tree.to_owned()), "on and on"),
            (
                "file, elsewhere",
                get(format!("{other}/no/such")),
                "answers with 404",
            ),
            (
                "file, backslash",
                get(format!("/\\{bare}/no/such")),
                "answers with 404",
            ),
            (
                "file, no scheme",
                get(format!("//{bare}/no/such")),
                "answers with 404",
            ),
            ("file, user", get(user), "a user in it"),
            (
                "file, file",
                get("file:///etc/passwd".to_owned()),
                "not on the web",
            ),
            ("file, nowhere", get("http://".to_owned()), "no address"),
            (
                "file, nothing",
                vec![("GET", "/resolve/", answer("302 Found", "", ""))],
                "no address",
            ),
            (
                "file, loop",
                get("/me/mini/resolve/main/config.json".to_owned()),
                "on and on",
            ),
            (
                "head, loop",
                vec![("HEAD", "/resolve/", redirect(302, "/me/mini/resolve/x"))],
                "on and on",
            ),
            (
                "head, backslash",
                vec![("HEAD", "/resolve/", redirect(307, &format!("/\\{bare}/x")))],
                "no commit",
            ),
        ]
    });
}

/// A run that was never trained: nothing of it is looked into.
fn run(folder: &Path) -> String {
    for (name, text) in [
        ("config.toml", ""),
        ("config.json", "{}"),
        ("model.safetensors", "weights"),
    ] {
        fs::write(folder.join(name), text).unwrap();
    }
    folder.display().to_string()
}

#[test]
fn a_push_goes_to_no_other_host() {
    let folder = tempfile::tempdir().unwrap();
    let run = run(folder.path());
    let push = ["hub", "push", &run, "me/mini"];
    all(LONG, &push, |other, _| {
        let to = |status: u16, part: &'static str| {
            vec![("POST", part, redirect(status, &format!("{other}{part}")))]
        };
        let gone = vec![("POST", "/commit/", answer("404 Not Found", "", ""))];
        vec![
            ("made", to(307, "/api/repos/create"), "a redirect (307)"),
            ("asked", to(308, "/preupload/"), "a redirect (308)"),
            ("sent", to(302, "/commit/"), "a redirect (302)"),
            ("gone", gone, "(404)"),
        ]
    });
    all(SHORT, &push, |_, _| {
        let drip = Act::Repeat(endless(""), chunk(" "), Duration::from_millis(20));
        let silent = Act::Say(String::new());
        vec![
            (
                "silent",
                vec![("POST", "/create", silent)],
                "answer within 0.1 s",
            ),
            (
                "slow",
                vec![("POST", "/create", drip.clone())],
                "answer within 0.1 s",
            ),
            (
                "slow later",
                vec![("POST", "/commit/", drip)],
                "does not answer within",
            ),
        ]
    });
}

#[test]
fn a_large_file_comes_from_another_host_without_the_token() {
    let folder = tempfile::tempdir().unwrap();
    let model = crate::filled(folder.path());
    let hub = Hub::start(None);
    for name in model.names() {
        hub.put(&name, model.file(&name));
    }
    let to = format!("{}/me/mini/resolve/main/model.safetensors", model.address());
    hub.act(vec![
        ("GET", "model.safetensors", redirect(302, &to)),
        // A repository that has another name now.
        (
            "GET",
            "/resolve/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa/config.json",
            redirect(307, "/me/mini/resolve/main/config.json"),
        ),
    ]);
    nextframe(&hub, &folder.path().join("home"), &FILL)
        .env("HF_TOKEN", TOKEN)
        .assert()
        .success();
    assert!(model.requests() == 1 && model.tokens().is_empty());
    assert!(hub.tokens().len() > 3 && hub.tokens().iter().all(|token| token == TOKEN));
}
