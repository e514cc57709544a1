//! What packages and images carry beside the program, by the real binary:
//!
//! - Completions: in a real bash, zsh and fish at a terminal, a Tab completes commands, flags (also
//!   those that short help leaves out) and values.
//! - Manual pages: one for each command, of which `man` has nothing to say, with every flag.
//! - The crate: all files that the program is compiled of are in it.
//! - `headcount health`, which containers are checked by, tells a process that lives from none and
//!   from another program.

mod common;

use common::headcount::Headcount;
use common::wait_for;
use headcount::config::KEYS;
use regex::Regex;
use std::collections::HashSet;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use tempfile::TempDir;

fn headcount(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_headcount")).env_clear().args(arguments).output().unwrap()
}

fn printed(arguments: &[&str]) -> String {
    let output = headcount(arguments);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// A shell at a terminal; killed when dropped.
struct Shell {
    child: Child,
    keys: ChildStdin,
    said: Arc<Mutex<Vec<u8>>>,
}

impl Shell {
    /// Starts one that has read `setup`, in which `headcount` prints its arguments.
    fn start(home: &TempDir, command: &str, setup: &str) -> Self {
        let wide = format!("stty cols 200 rows 50; exec {command}");
        let mut child = Command::new("script")
            .args(["--quiet", "--command", &wide, "/dev/null"])
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", home.path())
            .env("TERM", "vt100")
            .env("LC_ALL", "C.UTF-8")
            .current_dir(home)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("script, of Debian's bsdutils");
        let (keys, mut screen) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let said = Arc::new(Mutex::new(Vec::new()));
        let heard = said.clone();
        std::thread::spawn(move || {
            let mut piece = [0; 4096];
            while let Ok(length @ 1..) = screen.read(&mut piece) {
                heard.lock().unwrap().extend_from_slice(&piece[..length]);
            }
        });
        let mut shell = Self { child, keys, said };
        // What is typed is on the screen, too: the words that are waited for are not in it.
        shell.keys(&format!("{setup}; echo rea''dy\n"));
        shell.wait("ready");
        shell
    }

    fn keys(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
    }

    fn wait(&self, words: &str) {
        let what = format!("{words:?} on the screen");
        let screen = || String::from_utf8_lossy(&self.said.lock().unwrap()).into_owned();
        let seen = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            wait_for(&what, || screen().contains(words).then_some(()));
        }));
        assert!(seen.is_ok(), "{words:?} is not in {}", screen());
    }

    /// What is typed becomes these arguments.
    fn becomes(&mut self, keys: &str, arguments: &str) {
        self.keys(&format!("headcount {keys}\n"));
        self.wait(&format!("<{arguments}>"));
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A folder with a shell's completions in a file.
fn completions(shell: &str, file: &str) -> TempDir {
    let home = tempfile::tempdir().unwrap();
    std::fs::write(home.path().join(file), printed(&["completions", shell])).unwrap();
    home
}

#[test]
fn bash_completes() {
    let home = completions("bash", "headcount.bash");
    let setup = ". ./headcount.bash; headcount() { echo \"<$*>\"; }";
    let mut bash = Shell::start(&home, "bash --noprofile --norc -i", setup);
    bash.becomes("run --flush-int\t5s", "run --flush-interval 5s");
    bash.becomes("chec\t--limits-outb\t1MB", "check --limits-outbox 1MB");
    bash.becomes("export --format nd\t", "export --format ndjson");
    bash.becomes("completions el\t", "completions elvish");
}

#[test]
fn zsh_completes() {
    let home = completions("zsh", "_headcount");
    let setup = "fpath=($PWD $fpath); autoload -Uz compinit; compinit -u; \
                 headcount() { echo \"<$*>\"; }";
    let mut zsh = Shell::start(&home, "zsh -f -i", setup);
    zsh.becomes("run --flush-int\t5s", "run --flush-interval=5s");
    zsh.becomes("chec\t--limits-outb\t1MB", "check --limits-outbox=1MB");
    zsh.becomes("export --format nd\t", "export --format ndjson");
    zsh.becomes("completions el\t", "completions elvish");
}

#[test]
fn fish_completes() {
    let home = completions("fish", "headcount.fish");
    let setup = "source headcount.fish; function headcount; echo \"<$argv>\"; end";
    let mut fish = Shell::start(&home, "fish --no-config --interactive", setup);
    fish.becomes("run --flush-int\t5s", "run --flush-interval 5s");
    fish.becomes("chec\t--limits-outb\t1MB", "check --limits-outbox 1MB");
    fish.becomes("export --format nd\t", "export --format ndjson");
    // Values without a flag, clap does not tell it.
}

#[test]
fn a_shell_or_a_command_that_is_not_known_is_named() {
    for (arguments, expected) in [
        (&["completions", "csh"][..], "invalid value 'csh' for '<SHELL>'"),
        (&["completions"], "<SHELL>"),
        (&["man", "walk"], "invalid value 'walk' for '[COMMAND]'"),
    ] {
        let output = headcount(arguments);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(expected) && said.lines().count() == 1, "{said}");
    }
}

/// What `man` shows of a page, and what it warns of.
fn shown(page: &Path) -> (String, String) {
    let output = Command::new("man")
        .args(["--warnings", "--encoding=UTF-8", "--local-file"])
        .arg(page)
        .env("LC_ALL", "C.UTF-8")
        .env("MANWIDTH", "100")
        .env("MANROFFOPT", "-rHY=0")
        .output()
        .expect("man, of Debian's man-db");
    assert!(output.status.success());
    (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn every_command_has_a_page_that_man_shows_without_a_warning() {
    let help = printed(&["--help"]);
    let list = help.split("Commands:\n").nth(1).unwrap().split("\n\n").next().unwrap();
    let commands = list.lines().filter_map(|line| line.strip_prefix("  ")?.split(' ').next());
    let commands: Vec<&str> = commands.filter(|name| !name.is_empty()).collect();
    assert!(commands.len() > 10 && commands.contains(&"man"), "{commands:?}");

    let folder = tempfile::tempdir().unwrap();
    let page = |name: &str, text: &str| {
        let file = folder.path().join(name);
        std::fs::write(&file, text).unwrap();
        shown(&file)
    };
    let (program, warnings) = page("headcount.1", &printed(&["man"]));
    assert_eq!(warnings, "");
    for command in commands {
        assert!(program.contains(&format!("headcount-{command}(1)")), "{command}: {program}");
        let name = format!("headcount-{command}.1");
        let (text, warnings) = page(&name, &printed(&["man", command]));
        assert_eq!(warnings, "", "{command}");
        assert!(text.contains(&format!("headcount {command}")), "{text}");
    }

    let (run, _) = page("headcount-run.1", &printed(&["man", "run"]));
    for key in KEYS.iter() {
        assert!(run.contains(&format!("--{}", key.flag())), "{}", key.path);
    }
    let (_, warnings) = page("wrong.1", ".TH wrong 1\n.SH NAME\nwrong\n.nonsense\n");
    assert!(warnings.contains("nonsense"), "man warns: {warnings}");
}

/// Asked of cargo; to build it once more would take as long as all tests do.
#[test]
fn the_crate_has_all_that_it_is_compiled_of() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).canonicalize().unwrap();
    let mut list = Command::new(env!("CARGO"));
    list.args(["package", "--list", "--offline", "--allow-dirty"]).current_dir(&root);
    let listed = list.output().unwrap();
    assert!(listed.status.success(), "{}", String::from_utf8_lossy(&listed.stderr));
    let listed = String::from_utf8(listed.stdout).unwrap();
    let listed: HashSet<&str> = listed.lines().collect();
    for needed in ["README.md", "LICENSE", "NOTICE", "examples/around.rs", "Cargo.lock"] {
        assert!(listed.contains(needed), "{needed}");
    }
    let included = Regex::new(r#"include_(?:str|bytes)!\(\s*"([^"]+)""#).unwrap();
    let mut all = 0;
    for source in listed.iter().filter(|file| file.starts_with("src/") && file.ends_with(".rs")) {
        let text = fs::read_to_string(root.join(source)).unwrap();
        for file in included.captures_iter(&text).map(|found| found[1].to_owned()) {
            let path = root.join(source).with_file_name(file).canonicalize().unwrap();
            let path = path.strip_prefix(&root).unwrap().to_str().unwrap();
            assert!(listed.contains(path), "{path}, of {source}");
            all += 1;
        }
    }
    assert!(all > 50, "includes are not found any more: {all}");
}

#[test]
fn health_tells_who_lives() {
    let mut headcount = Headcount::start("http://127.0.0.1:9", &[]);
    let admin = headcount.admin().to_string();
    let anywhere = format!("0.0.0.0:{}", headcount.admin().port());
    assert_eq!(printed(&["health", "--admin", &admin]), "ok\n");
    // The port of all addresses is asked at one of this machine's.
    assert_eq!(printed(&["health", "--admin", &anywhere]), "ok\n");
    headcount.term();

    let refused = |admin: &str| {
        let output = self::headcount(&["health", "--admin", admin]);
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8(output.stderr).unwrap()
    };
    assert!(refused(&admin).starts_with(&format!("headcount: nothing answers at {admin}: ")));

    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = other.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        let (mut stream, _) = other.accept().unwrap();
        let _ = stream.read(&mut [0; 1024]);
        stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n").unwrap();
    });
    assert_eq!(refused(&at), format!("headcount: {at} answers something else\n"));
}
