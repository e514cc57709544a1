//! A real mail server, Debian's aiosmtpd, which keeps what it takes in a folder.

use super::ports::free_port;
use super::wait_for;
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

pub struct MailServer {
    port: u16,
    dir: TempDir,
    process: Option<Child>,
}

/// A message as it arrived.
#[derive(Debug, Clone)]
pub struct Mail {
    pub to: String,
    pub subject: String,
    pub text: String,
    pub html: String,
    /// The names of its header's fields, sorted.
    pub fields: Vec<String>,
}

impl MailServer {
    /// One that is to be started at this port.
    pub fn prepare() -> Self {
        Self { port: free_port(), dir: tempfile::tempdir().unwrap(), process: None }
    }

    pub fn start() -> Self {
        let mut server = Self::prepare();
        server.open();
        server
    }

    pub fn open(&mut self) {
        let address = format!("127.0.0.1:{}", self.port);
        let process = Command::new("/usr/bin/aiosmtpd")
            .args(["-n", "-l", &address, "-c", "aiosmtpd.handlers.Mailbox"])
            .arg(self.folder())
            .env_clear()
            .stdout(Stdio::null())
            .stderr(Stdio::inherit())
            .spawn()
            .expect("aiosmtpd, from Debian's python3-aiosmtpd");
        self.process = Some(process);
        wait_for("the mail server", || TcpStream::connect(&address).ok().map(drop));
    }

    fn folder(&self) -> PathBuf {
        self.dir.path().join("mail")
    }

    pub fn url(&self) -> String {
        format!("smtp://127.0.0.1:{}", self.port)
    }

    /// All that has arrived, by who it is to, read by Python's own library.
    pub fn mails(&self) -> Vec<Mail> {
        const READ: &str = "
import email.policy, json, pathlib, sys
mails = []
for file in sorted(pathlib.Path(sys.argv[1]).glob('new/*')):
    mail = email.message_from_bytes(file.read_bytes(), policy=email.policy.default)
    part = lambda kind: mail.get_body((kind,)).get_content()
    mails.append([mail['to'], mail['subject'], part('plain'), part('html'), sorted(mail.keys())])
print(json.dumps(sorted(mails)))
";
        let read = Command::new("/usr/bin/python3").args(["-c", READ]).arg(self.folder()).output();
        let read = read.unwrap();
        assert!(read.status.success(), "{}", String::from_utf8_lossy(&read.stderr));
        type Read = (String, String, String, String, Vec<String>);
        let mails: Vec<Read> = serde_json::from_slice(&read.stdout).unwrap();
        let mail = |(to, subject, text, html, fields)| Mail { to, subject, text, html, fields };
        mails.into_iter().map(mail).collect()
    }
}

impl Drop for MailServer {
    fn drop(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}
