//! A real nginx as the website: Debian's Python documentation, and answers of every other kind.
//!
//! | path | answer |
//! | --- | --- |
//! | `/*.html`, `/_static/*` … | the documentation, with ETag and Last-Modified |
//! | `/moved`, `/found` | 301 and 302 to `/index.html` |
//! | `/gone`, `/broken`, `/denied`, any other | 410, 503, 403 and 404 as HTML |
//! | `/made/attached.html` | HTML as an attachment |
//! | `/made/paper.pdf`, `/made/huge.zip` | a short file, and one larger than any buffer |
//! | `/form` | HTML, also to POST |
//! | `/made/frame.html` | for an `<iframe>` |
//! | `/made/slow.html` | HTML at 100 KB/s |
//! | `/cut` | the connection is closed without an answer |
//!
//! What it was asked, and for whom, is in [`Nginx::access_log`].

use super::ports::free_port;
use super::wait_for;
use std::fs::{File, write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// Debian's `python3.11-doc`.
pub const DOCS: &str = "/usr/share/doc/python3.11/html";

/// nginx; ended when dropped.
pub struct Nginx {
    pub port: u16,
    dir: TempDir,
    process: Child,
}

impl Nginx {
    pub fn start() -> Self {
        let (port, dir) = (free_port(), tempfile::tempdir().unwrap());
        prepare(&dir, port);
        Self::launch(port, dir)
    }

    /// One that stands before a website and forwards all requests to it, with its own settings for
    /// everything else.
    pub fn before(website: &str) -> Self {
        let (port, dir) = (free_port(), tempfile::tempdir().unwrap());
        let server = format!(
            "listen 127.0.0.1:{port};
            location / {{
                proxy_pass {website};
                proxy_http_version 1.1;
                proxy_set_header Host $http_host;
                proxy_set_header Connection '';
            }}"
        );
        configure(&dir, &server);
        Self::launch(port, dir)
    }

    /// The same, and it writes down what it is asked: in `combined.log`, and in `whole.log` as
    /// `format` has it.
    pub fn logging_before(website: &str, format: &str) -> Self {
        let (port, dir) = (free_port(), tempfile::tempdir().unwrap());
        let server = format!(
            "listen 127.0.0.1:{port};
            access_log combined.log combined;
            access_log whole.log whole;
            location / {{
                proxy_pass {website};
                proxy_http_version 1.1;
                proxy_set_header Host $http_host;
                proxy_set_header Connection '';
                proxy_set_header X-Forwarded-For $remote_addr;
            }}"
        );
        configure_with(&dir, &format!("log_format whole '{format}';"), &server);
        Self::launch(port, dir)
    }

    /// A file of its folder.
    pub fn file(&self, name: &str) -> std::path::PathBuf {
        self.dir.path().join(name)
    }

    /// One that answers with method and target.
    pub fn echoing() -> Self {
        let (port, dir) = (free_port(), tempfile::tempdir().unwrap());
        let echo = "location / { return 200 '$request_method $request_uri'; }";
        configure(&dir, &format!("listen 127.0.0.1:{port}; {echo}"));
        Self::launch(port, dir)
    }

    fn launch(port: u16, dir: TempDir) -> Self {
        let mut process = Command::new("nginx")
            .arg("-p")
            .arg(dir.path())
            .args(["-c", "nginx.conf", "-e", "error.log"])
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("nginx is installed");
        wait_for("nginx to come up", || {
            assert_eq!(process.try_wait().unwrap(), None, "nginx ended");
            TcpStream::connect(("127.0.0.1", port)).is_ok().then_some(())
        });
        Self { port, dir, process }
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// One line a request: `X-Forwarded-For`, request line, status.
    pub fn access_log(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("access.log")).unwrap_or_default()
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // One process, master and worker in one: no child is left behind.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn prepare(dir: &TempDir, port: u16) {
    let prefix = dir.path();
    let made = prefix.join("made");
    std::fs::create_dir(&made).unwrap();
    let page = |title: &str| format!("<!doctype html><title>{title}</title><p>{title}\n");
    write(made.join("attached.html"), page("attached")).unwrap();
    write(made.join("frame.html"), page("frame")).unwrap();
    write(made.join("slow.html"), page("slow").repeat(10_000)).unwrap();
    write(made.join("paper.pdf"), b"%PDF-1.4\n".repeat(1_000)).unwrap();
    File::create(made.join("huge.zip")).unwrap().set_len(64 << 20).unwrap();
    let server = format!(
        r#"
        listen 127.0.0.1:{port};
        root {DOCS};
        location = /moved {{ return 301 /index.html; }}
        location = /found {{ return 302 /index.html; }}
        location = /gone {{ return 410; }}
        location = /broken {{ return 503; }}
        location = /denied {{ return 403; }}
        location = /cut {{ return 444; }}
        location = /form {{
            default_type text/html;
            return 200 "<!doctype html><title>form</title><p>Thank you.\n";
        }}
        location = /made/attached.html {{
            root {prefix};
            add_header Content-Disposition "attachment; filename=attached.html";
        }}
        location = /made/slow.html {{ root {prefix}; limit_rate 100k; }}
        location /made/ {{ root {prefix}; }}
"#,
        prefix = prefix.display()
    );
    configure(dir, &server);
}

/// Writes its settings, with those of its one server.
fn configure(dir: &TempDir, server: &str) {
    configure_with(dir, "", server);
}

/// The same, with more settings for all of it.
fn configure_with(dir: &TempDir, more: &str, server: &str) {
    let conf = format!(
        r#"
daemon off;
master_process off;
pid nginx.pid;
events {{ worker_connections 1024; }}
http {{
    include /etc/nginx/mime.types;
    log_format seen '$http_x_forwarded_for|$request|$status';
    access_log access.log seen;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    keepalive_requests 1000000;
    {more}
    server {{ {server} }}
}}
"#
    );
    write(dir.path().join("nginx.conf"), conf).unwrap();
}
