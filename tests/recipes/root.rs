//! The machine that a page is followed on: a folder in the place of `/`, free ports in the place of
//! the usual ones. Commands are those that are known here; a page with any other fails.

use crate::common::headcount::Headcount;
use crate::common::ports::free_port;
use crate::common::server::Server;
use crate::page::Section;
use regex::{Captures, Regex};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Command;
use tempfile::TempDir;

/// The ports of the pages. Where visitors reach headcount itself differs, and is told.
const PORTS: [u16; 7] = [80, 443, 3000, 3306, 8080, 8081, 8443];

/// MariaDB's.
pub const SOCKET: &str = "/run/mysqld/mysqld.sock";

pub struct Root {
    ports: [u16; PORTS.len()],
    pub headcount: Headcount,
    servers: Vec<(String, Server)>,
    /// Gone when all that runs in it has ended.
    dir: TempDir,
}

impl Root {
    /// One on which headcount listens at the port that pages call `front`.
    pub fn new(front: u16) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut headcount = Headcount::by_file(&dir.path().join("etc/headcount.toml"));
        headcount.add(&["--flush-interval", "100ms"]);
        headcount.choose_ports();
        let site = headcount.site().port();
        let ports = PORTS.map(|port| if port == front { site } else { free_port() });
        for folder in ["etc", "run", "srv", "var/log/nginx", "var/lib"] {
            std::fs::create_dir_all(dir.path().join(folder)).unwrap();
        }
        Self { dir, ports, headcount, servers: Vec::new() }
    }

    /// The port that is used in the place of one of the pages'.
    pub fn port(&self, of: u16) -> u16 {
        let at = PORTS.iter().position(|port| *port == of).expect("a port of the pages");
        self.ports[at]
    }

    /// The file that is used in the place of one of the pages'.
    pub fn file(&self, path: &str) -> PathBuf {
        self.dir.path().join(path.trim_start_matches('/'))
    }

    /// A text with the paths and ports that are used here.
    pub fn translate(&self, text: &str) -> String {
        let paths =
            Regex::new(r"(?m)(^|[^\w./-])(/(?:etc|run|srv|var|usr/share/wordpress)\b)").unwrap();
        let here = self.dir.path().to_str().unwrap();
        let text = paths
            .replace_all(text, |found: &Captures<'_>| format!("{}{here}{}", &found[1], &found[2]));
        let ports = Regex::new(r"([:\s(])(80|443|3000|8080|8081|8443)\b").unwrap();
        let text = ports.replace_all(&text, |found: &Captures<'_>| {
            format!("{}{}", &found[1], self.port(found[2].parse().unwrap()))
        });
        let has_ipv6 = TcpListener::bind("[::1]:0").is_ok();
        text.split_inclusive('\n').filter(|line| has_ipv6 || !line.contains("[::]")).collect()
    }

    /// Writes a file, which may be there already.
    pub fn write(&self, path: &str, text: &str) {
        let file = self.file(path);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, text).unwrap();
    }

    /// A folder of Debian's, with its settings.
    pub fn debian(&self, folder: &str) {
        self.copy(folder);
        let links = Command::new("find").arg(self.file(folder)).args(["-type", "l"]).output();
        for link in String::from_utf8(links.unwrap().stdout).unwrap().lines() {
            let to = std::fs::read_link(link).unwrap();
            if to.starts_with("/etc") {
                std::fs::remove_file(link).unwrap();
                std::os::unix::fs::symlink(self.file(to.to_str().unwrap()), link).unwrap();
            }
        }
        let files = Command::new("find").arg(self.file(folder)).args(["-type", "f"]).output();
        for file in String::from_utf8(files.unwrap().stdout).unwrap().lines() {
            if let Ok(text) = std::fs::read_to_string(file) {
                std::fs::write(file, self.translate(&text)).unwrap();
            }
        }
    }

    /// A folder of Debian's, as it is.
    pub fn copy(&self, folder: &str) {
        let to = self.file(folder);
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        let copied = Command::new("cp").args(["-a", folder]).arg(&to).status();
        assert!(copied.unwrap().success(), "{folder}");
    }

    /// Writes the files of a section. What goes to the end of one is added to it.
    pub fn write_files(&self, section: &Section) {
        assert!(!section.files().is_empty(), "{}", section.name);
        for (path, text) in section.files() {
            let at_end = text.lines().next().unwrap().ends_with(", at its end");
            let before = if at_end { self.read(path) } else { String::new() };
            self.write(path, &(before + &self.translate(text)));
        }
    }

    pub fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.file(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
    }

    /// Does what a section says: its files, then its commands.
    pub fn follow(&mut self, section: &Section) {
        self.write_files(section);
        self.run_commands(section);
    }

    pub fn run_commands(&mut self, section: &Section) {
        let commands = section.commands();
        assert!(!commands.is_empty(), "{}", section.name);
        for command in &commands {
            println!("{command}");
            self.run(command);
        }
    }

    /// Runs one line of them.
    pub fn run(&mut self, line: &str) {
        let words: Vec<&str> = line.split_whitespace().filter(|word| *word != "sudo").collect();
        match &words[..] {
            ["headcount", rest @ ..] => self.program(env!("CARGO_BIN_EXE_headcount"), rest),
            ["nginx", "-t"] => {
                let file = self.file("/etc/nginx/nginx.conf");
                self.program("nginx", &["-t", "-e", "stderr", "-c", file.to_str().unwrap()]);
            }
            [
                "haproxy" | "rm" | "ln" | "mkdir" | "a2enmod" | "a2ensite" | "a2dissite",
                rest @ ..,
            ] => {
                self.program(words[0], rest);
            }
            ["mysql", "-e", ..] => {
                let socket = self.file(SOCKET);
                let here = format!("mariadb --no-defaults -u root -S {} -e", socket.display());
                self.program("bash", &["-c", &line.replace("sudo mysql -e", &here)]);
            }
            ["apt", "install", packages @ ..] => packages.iter().for_each(|name| installed(name)),
            ["systemctl", "daemon-reload"] => {}
            ["systemctl", "enable", "--now", service]
            | ["systemctl", "restart" | "reload", service] => self.start(service),
            _ => panic!("a command that is not known here: {line}"),
        }
    }

    fn program(&self, program: &str, words: &[&str]) {
        let words = words.iter().map(|word| self.translate(word).trim_end().to_owned());
        let output = Command::new(program)
            .args(words)
            .current_dir(self.dir.path())
            .env("APACHE_CONFDIR", self.file("/etc/apache2"))
            .env("APACHE_STATE_DIRECTORY", self.file("/var/lib/apache2"))
            .output()
            .unwrap_or_else(|e| panic!("{program}: {e}"));
        assert!(output.status.success(), "{program}: {output:?}");
    }

    /// Starts what a unit of this name would, or starts it anew.
    fn start(&mut self, service: &str) {
        let file = |path: &str| self.file(path).to_str().unwrap().to_owned();
        let (program, words, port) = match service {
            "headcount" => return self.headcount.restart_on_same_ports(),
            "caddy" => {
                let words = ["run", "--adapter", "caddyfile", "--config"].map(str::to_owned);
                ("caddy", [&words[..], &[file("/etc/caddy/Caddyfile")]].concat(), 443)
            }
            "haproxy" => {
                ("haproxy", vec!["-db".into(), "-f".into(), file("/etc/haproxy/haproxy.cfg")], 443)
            }
            "nginx" => {
                // One process, which needs no rights.
                let alone = "daemon off; master_process off;".to_owned();
                let words = ["-e", "stderr", "-g"].map(str::to_owned).into_iter();
                let words = words.chain([alone, "-c".into(), file("/etc/nginx/nginx.conf")]);
                let words = words.collect();
                // Where a page has it listen.
                let listens = self.read("/etc/nginx/sites-enabled/example.org");
                let port = [443, 8081].into_iter().find(|port| {
                    listens.contains(&format!("{} ", self.port(*port)))
                        || listens.contains(&format!("{};", self.port(*port)))
                });
                ("nginx", words, port.expect("a port of the page"))
            }
            "apache2" => {
                // What its unit takes from `envvars`.
                let here = ["RUN_DIR", "LOCK_DIR"].map(|name| (name, file("/run")));
                let own = [
                    ("RUN_USER", "www-data".to_owned()),
                    ("RUN_GROUP", "www-data".to_owned()),
                    ("PID_FILE", file("/run/apache2.pid")),
                    ("LOG_DIR", file("/var/log")),
                ];
                let variables = here.into_iter().chain(own);
                let variables = variables.map(|(name, value)| format!("APACHE_{name}={value}"));
                let start = ["apache2", "-DFOREGROUND", "-d"].map(str::to_owned);
                let words = variables.chain(start).chain([file("/etc/apache2")]).collect();
                ("env", words, 8081)
            }
            // The unit that the page writes.
            _ => {
                let unit = self.read(&format!("/etc/systemd/system/{service}.service"));
                let line = unit.lines().find_map(|line| line.strip_prefix("ExecStart="));
                let mut words = line.expect("ExecStart").split_whitespace().map(str::to_owned);
                let program = words.next().expect("a program");
                self.serve(service, &program, &words.collect::<Vec<_>>(), 3000);
                return;
            }
        };
        self.serve(service, program, &words, port);
    }

    /// Starts a server that takes a port of the pages'.
    pub fn serve(&mut self, service: &str, program: &str, words: &[String], port: u16) {
        self.servers.retain(|(known, _)| known != service);
        let folder = self.file(&format!("/var/log/{service}"));
        std::fs::create_dir_all(&folder).unwrap();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let server = Server::start(program, &words, &folder, self.port(port));
        self.servers.push((service.to_owned(), server));
    }

    /// What a server has said, into a file of its folder.
    pub fn said(&self, service: &str, file: &str) -> String {
        let (_, server) = self.servers.iter().find(|(known, _)| known == service).unwrap();
        server.said(file)
    }
}

/// Debian's package of this name is there.
fn installed(package: &str) {
    let output = Command::new("dpkg-query").args(["-W", "-f", "${Status}", package]).output();
    let status = String::from_utf8(output.unwrap().stdout).unwrap();
    assert!(status.ends_with(" installed"), "{package} is not installed: {status}");
}
