//! Programs that people use, through the proxy: curl, wget, apt, npm, pip, a browser. One that is not installed is skipped, and
//! that is said.
//!
//! Everything stays on this machine: the origins, the package archive and the package index are made here. CONNECT is
//! tried with plain HTTP inside the tunnel, which the proxy cannot tell from TLS.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output};

use cnn_support::{Cnn, Launch, Origin, cnn_exe};

/// Runs a program; `None`, and a word to the person who runs the tests, where it is not installed.
fn run(command: &mut Command) -> Option<Output> {
    match command.env_remove("no_proxy").env_remove("NO_PROXY").output() {
        Ok(output) => Some(output),
        Err(error) => {
            let program = command.get_program().to_string_lossy().into_owned();
            // Past the test runner's capture, which would swallow it.
            let _ = writeln!(std::io::stderr(), "SKIPPED: {program} as a client: {error}");
            None
        }
    }
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn start() -> Cnn {
    Launch::new(cnn_exe!()).start()
}

/// An origin that serves the files of a folder.
fn files(folder: &Path) -> Origin {
    let folder = folder.to_owned();
    Origin::start(move |request, answer| {
        match fs::read(folder.join(request.target.trim_start_matches('/'))) {
            Ok(body) => answer.whole(
                200,
                &["Cache-Control: max-age=600", "Content-Type: application/octet-stream"],
                &body,
            ),
            Err(_) => answer.whole(404, &[], b"no such file"),
        }
    })
}

#[test]
fn curl_gets_hits_heads_ranges_and_posts() {
    let cnn = start();
    let proxy = format!("http://{}", cnn.address());
    let origin = Origin::start(|request, answer| match request.method.as_str() {
        "POST" => answer.whole(201, &[], &request.body),
        _ => answer.whole(200, &["Cache-Control: max-age=60", "Accept-Ranges: bytes"], b"0123456789"),
    });
    let curl = |arguments: &[&str]| {
        let output = run(Command::new("curl")
            .args(["--silent", "--show-error", "--max-time", "20", "--proxy", &proxy])
            .args(arguments))?;
        assert!(output.status.success(), "{arguments:?}: {}", said(&output));
        Some(String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let url = origin.url("/digits");
    let Some(body) = curl(&[&url]) else { return };
    assert_eq!(body, "0123456789");
    let head = curl(&["--head", &url]).unwrap();
    assert!(head.contains("Content-Length: 10") && head.to_lowercase().contains("x-cache: hit"), "{head}");
    assert_eq!(curl(&["--range", "2-4", &url]).unwrap(), "234");
    assert_eq!(curl(&["--http1.0", &url]).unwrap(), "0123456789");
    assert_eq!(origin.count("/digits"), 1);
    let large = "x".repeat(100_000);
    let folder = tempfile::tempdir().unwrap();
    let upload = folder.path().join("upload");
    fs::write(&upload, &large).unwrap();
    let data = format!("@{}", upload.display());
    // So large a body waits for a 100 first.
    assert_eq!(
        curl(&["--header", "Expect: 100-continue", "--data-binary", &data, &origin.url("/post")]).unwrap(),
        large
    );
    let chunked = ["--header", "Transfer-Encoding: chunked", "--data-binary", &data, &origin.url("/post")];
    assert_eq!(curl(&chunked).unwrap(), large);
}

#[test]
fn curl_tunnels_where_it_may() {
    let origin = Origin::fixed(&[], "through the tunnel");
    let port = origin.address().port();
    let cnn = Launch::new(cnn_exe!()).config(format!("connect_ports = [{port}]\n")).start();
    let proxy = format!("http://{}", cnn.address());
    let url = origin.url("/");
    let tunnel = |url: &str| {
        run(Command::new("curl").args([
            "--silent",
            "--show-error",
            "--max-time",
            "20",
            "--proxytunnel",
            "--proxy",
            &proxy,
            url,
        ]))
    };
    let Some(output) = tunnel(&url) else { return };
    assert_eq!(said(&output), "through the tunnel");
    let other = Origin::fixed(&[], "never reached");
    let output = tunnel(&other.url("/")).unwrap();
    assert!(!output.status.success() && said(&output).contains("403"), "{}", said(&output));
}

#[test]
fn wget_follows_redirects_and_resumes() {
    let cnn = start();
    let proxy = format!("http://{}", cnn.address());
    let origin = Origin::start(|request, answer| match request.target.as_str() {
        "/old" => answer.whole(302, &["Location: /new"], b""),
        _ => answer.whole(
            200,
            &["Cache-Control: max-age=60", "Accept-Ranges: bytes", "ETag: \"a\""],
            b"0123456789",
        ),
    });
    let wget = |arguments: &[&str]| {
        let mut command = Command::new("wget");
        command.env("http_proxy", &proxy).args(["--quiet", "--tries=1", "--timeout=20"]).args(arguments);
        let output = run(&mut command)?;
        assert!(output.status.success(), "{arguments:?}: {}", said(&output));
        Some(said(&output))
    };
    let Some(body) = wget(&["--output-document=-", &origin.url("/old")]) else { return };
    assert_eq!(body, "0123456789");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("part");
    fs::write(&file, "0123").unwrap();
    wget(&["--continue", &format!("--output-document={}", file.display()), &origin.url("/new")]);
    assert_eq!(fs::read_to_string(&file).unwrap(), "0123456789");
    assert_eq!(origin.count("/new"), 1, "the rest came from the stored whole");
}

#[test]
fn apt_updates_and_downloads_from_an_archive_through_it() {
    let folder = tempfile::tempdir().unwrap();
    let archive = folder.path().join("archive");
    let package = folder.path().join("package");
    fs::create_dir_all(package.join("DEBIAN")).unwrap();
    fs::create_dir_all(&archive).unwrap();
    let control = "Package: cnn-sample\nVersion: 1.0\nArchitecture: all\nMaintainer: Nobody <nobody@example.test>\nDescription: Sample\n";
    fs::write(package.join("DEBIAN/control"), control).unwrap();
    let built = run(Command::new("dpkg-deb")
        .arg("--build")
        .args([&package, &archive.join("cnn-sample_1.0_all.deb")]));
    let Some(built) = built else { return };
    assert!(built.status.success(), "{}", said(&built));
    let size = fs::metadata(archive.join("cnn-sample_1.0_all.deb")).unwrap().len();
    let sum = run(Command::new("sha256sum").arg(archive.join("cnn-sample_1.0_all.deb"))).unwrap();
    let sum = String::from_utf8_lossy(&sum.stdout).split(' ').next().unwrap().to_owned();
    fs::write(
        archive.join("Packages"),
        format!("{control}Filename: ./cnn-sample_1.0_all.deb\nSize: {size}\nSHA256: {sum}\n"),
    )
    .unwrap();
    let index_size = fs::metadata(archive.join("Packages")).unwrap().len();
    let index_sum = run(Command::new("sha256sum").arg(archive.join("Packages"))).unwrap();
    let index_sum = String::from_utf8_lossy(&index_sum.stdout).split(' ').next().unwrap().to_owned();
    fs::write(archive.join("Release"), format!("Origin: cnn\nSHA256:\n {index_sum} {index_size} Packages\n"))
        .unwrap();

    let cnn = start();
    let origin = files(&archive);
    let apt = |verb: &[&str]| {
        let state = folder.path().join("state");
        fs::create_dir_all(state.join("lists/partial")).unwrap();
        fs::create_dir_all(state.join("cache/archives/partial")).unwrap();
        fs::write(state.join("status"), "").unwrap();
        fs::write(state.join("sources"), format!("deb [trusted=yes] http://{}/ ./\n", origin.address()))
            .unwrap();
        let here = state.display();
        let options = [
            format!("Dir::State={here}"),
            format!("Dir::State::status={here}/status"),
            format!("Dir::Cache={here}/cache"),
            format!("Dir::Etc::sourcelist={here}/sources"),
            "Dir::Etc::sourceparts=-".to_owned(),
            "APT::Sandbox::User=root".to_owned(),
            format!("Acquire::http::Proxy=http://{}", cnn.address()),
        ];
        let mut command = Command::new("apt-get");
        command.current_dir(folder.path()).args(options.iter().flat_map(|option| ["-o", option])).args(verb);
        run(&mut command)
    };
    let Some(output) = apt(&["update"]) else { return };
    assert!(output.status.success() && !said(&output).contains("Err:"), "{}", said(&output));
    for _ in 0..2 {
        let downloaded = folder.path().join("cnn-sample_1.0_all.deb");
        let _ = fs::remove_file(&downloaded);
        let output = apt(&["download", "cnn-sample"]).unwrap();
        assert!(output.status.success(), "{}", said(&output));
        assert_eq!(fs::metadata(&downloaded).unwrap().len(), size);
    }
    assert_eq!(origin.count("/./cnn-sample_1.0_all.deb") + origin.count("/cnn-sample_1.0_all.deb"), 1);
}

#[test]
fn pip_downloads_from_an_index_through_it() {
    let folder = tempfile::tempdir().unwrap();
    let index = folder.path().join("index");
    fs::create_dir_all(index.join("simple/cnn-sample")).unwrap();
    // The least that is a wheel: a zip with its metadata, made by the interpreter that pip needs anyway.
    let make = "import sys, zipfile\n\
        z = zipfile.ZipFile(sys.argv[1], 'w')\n\
        z.writestr('cnn_sample-1.0.dist-info/METADATA', 'Metadata-Version: 2.1\\nName: cnn-sample\\nVersion: 1.0\\n')\n\
        z.writestr('cnn_sample-1.0.dist-info/WHEEL', 'Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n')\n\
        z.writestr('cnn_sample-1.0.dist-info/RECORD', '')\n";
    let wheel = "cnn_sample-1.0-py3-none-any.whl";
    let Some(made) = run(Command::new("python3").args(["-c", make]).arg(index.join(wheel))) else { return };
    assert!(made.status.success(), "{}", said(&made));
    let bytes = fs::read(index.join(wheel)).unwrap();
    let origin = Origin::start(move |request, answer| match request.target.as_str() {
        "/simple/cnn-sample/" => {
            let page = format!("<!DOCTYPE html><html><body><a href=\"/{wheel}\">{wheel}</a></body></html>");
            answer.whole(200, &["Content-Type: text/html"], page.as_bytes())
        }
        _ => answer.whole(200, &["Cache-Control: max-age=600"], &bytes),
    });
    let cnn = start();
    for round in ["one", "two"] {
        let mut command = Command::new("python3");
        command.args([
            "-m",
            "pip",
            "--isolated",
            "--disable-pip-version-check",
            "download",
            "--no-cache-dir",
            "--no-deps",
        ]);
        command.args(["--quiet", "--retries", "0", "--timeout", "20", "--trusted-host", "127.0.0.1"]);
        command.args([
            "--proxy",
            &format!("http://{}", cnn.address()),
            "--index-url",
            &origin.url("/simple/"),
        ]);
        command.args(["--dest".as_ref(), folder.path().join(round).as_os_str(), "cnn-sample".as_ref()]);
        let Some(output) = run(&mut command) else { return };
        if said(&output).contains("No module named pip") {
            let _ = writeln!(std::io::stderr(), "SKIPPED: pip as a client: it is not installed");
            return;
        }
        assert!(output.status.success(), "{}", said(&output));
        assert!(folder.path().join(round).join(wheel).exists());
    }
    assert_eq!(origin.count(&format!("/{wheel}")), 1);
}

#[test]
fn npm_installs_from_a_registry_through_it() {
    let folder = tempfile::tempdir().unwrap();
    let package = folder.path().join("package");
    fs::create_dir_all(&package).unwrap();
    fs::write(package.join("package.json"), "{\"name\": \"cnn-sample\", \"version\": \"1.0.0\"}").unwrap();
    let tarball = folder.path().join("cnn-sample-1.0.0.tgz");
    let packed =
        run(Command::new("tar").arg("-C").arg(folder.path()).arg("-czf").arg(&tarball).arg("package"));
    let Some(packed) = packed else { return };
    assert!(packed.status.success(), "{}", said(&packed));
    let bytes = fs::read(&tarball).unwrap();
    let origin = Origin::start(move |request, answer| {
        if request.target == "/cnn-sample" {
            let host = request.field("host").unwrap_or_default();
            let about = format!(
                "{{\"name\":\"cnn-sample\",\"dist-tags\":{{\"latest\":\"1.0.0\"}},\"versions\":{{\"1.0.0\":{{\"name\":\"cnn-sample\",\
                 \"version\":\"1.0.0\",\"dist\":{{\"tarball\":\"http://{host}/cnn-sample-1.0.0.tgz\"}}}}}}}}"
            );
            return answer.whole(200, &["Content-Type: application/json"], about.as_bytes());
        }
        answer.whole(200, &["Cache-Control: max-age=600"], &bytes)
    });
    let cnn = start();
    for round in ["one", "two"] {
        let project = folder.path().join(round);
        fs::create_dir_all(&project).unwrap();
        fs::write(project.join("package.json"), "{\"private\": true}").unwrap();
        let mut command = Command::new("npm");
        command.current_dir(&project).args([
            "install",
            "cnn-sample",
            "--no-audit",
            "--no-fund",
            "--fetch-retries=0",
        ]);
        command.args([
            "--registry",
            &origin.url("/"),
            "--proxy",
            &format!("http://{}", cnn.address()),
            "--noproxy=",
        ]);
        command.arg("--cache").arg(project.join("cache"));
        let Some(output) = run(&mut command) else { return };
        assert!(output.status.success(), "{}", said(&output));
        assert!(project.join("node_modules/cnn-sample/package.json").exists());
    }
    assert_eq!(origin.count("/cnn-sample-1.0.0.tgz"), 1);
}

/// A page with a style sheet, a script that changes it, and an image, as an origin serves it.
fn page() -> Origin {
    const FRESH: &str = "Cache-Control: max-age=600";
    // The least that is an image: a GIF of one point.
    const IMAGE: &[u8] = b"GIF89a\x01\0\x01\0\x80\0\0\0\0\0\xff\xff\xff!\xf9\x04\x01\0\0\0\0,\0\0\0\0\x01\0\x01\0\0\x02\x02D\x01\0;";
    Origin::start(|request, answer| {
        match request.target.as_str() {
        "/" => answer.whole(
            200,
            &["Content-Type: text/html", FRESH],
            b"<!DOCTYPE html><link rel=stylesheet href=a.css><body><img src=a.gif><p id=told>no</p><script src=a.js></script>",
        ),
        "/a.css" => answer.whole(200, &["Content-Type: text/css", FRESH], b"#told { width: 123px }"),
        "/a.js" => answer.whole(
            200,
            &["Content-Type: text/javascript", FRESH],
            b"onload = () => { const told = document.getElementById('told');\
              told.textContent = getComputedStyle(told).width + ' ' + document.images[0].naturalWidth }",
        ),
        "/a.gif" => answer.whole(200, &["Content-Type: image/gif", FRESH], IMAGE),
        _ => answer.whole(404, &[], b""),
    }
    })
}

#[test]
fn a_browser_loads_a_page_from_the_cache() {
    let cnn = Launch::new(cnn_exe!()).log_to_file().start();
    let origin = page();
    for _ in 0..2 {
        // A browser that has never been here: what it does not fetch again, the proxy had.
        let profile = tempfile::tempdir().unwrap();
        let mut command = Command::new("chromium");
        command.env("HOME", profile.path()).args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--proxy-bypass-list=<-loopback>",
            "--timeout=20000",
            "--dump-dom",
        ]);
        command.arg(format!("--user-data-dir={}", profile.path().display()));
        command.arg(format!("--proxy-server=127.0.0.1:{}", cnn.address().port()));
        let Some(output) = run(command.arg(origin.url("/"))) else { return };
        assert!(output.status.success(), "{}", said(&output));
        // Style, image and script were all there: the script measures the other two.
        assert!(said(&output).contains("<p id=\"told\">123px 1</p>"), "{}", said(&output));
    }
    for path in ["/", "/a.css", "/a.js", "/a.gif"] {
        assert_eq!(origin.count(path), 1, "{path}");
        let logged = |log: &str| {
            let url = format!("GET {} ", origin.url(path));
            log.lines()
                .filter(|line| line.contains(&url))
                .map(|line| line.contains("TCP_MEM_HIT/200"))
                .collect()
        };
        let mut codes: Vec<bool> = Vec::new();
        cnn_support::eventually("both are logged", || {
            codes = logged(&fs::read_to_string(cnn.access_log()).unwrap_or_default());
            codes.len() == 2
        });
        assert_eq!(codes, [false, true], "{path}");
    }
}
