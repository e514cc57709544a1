//! Stands between the program and its redis-server, and notes what is sent in one go.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A client that waits for answers is quiet for longer than this; one that still sends is not.
const QUIET: Duration = Duration::from_millis(50);

/// Passes on what comes, a burst at a time: all that is sent before the next answer is waited for.
pub struct Relay {
    pub port: u16,
    bursts: Arc<Mutex<Vec<Burst>>>,
}

/// Commands sent in one go, each with its words.
pub type Burst = Vec<Vec<String>>;

impl Relay {
    pub fn start(redis_port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let bursts = Arc::new(Mutex::new(Vec::new()));
        let seen = bursts.clone();
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let Ok(server) = TcpStream::connect(("127.0.0.1", redis_port)) else { continue };
                let (client, seen) = (client.unwrap(), seen.clone());
                let (mut answers, mut asker) =
                    (server.try_clone().unwrap(), client.try_clone().unwrap());
                std::thread::spawn(move || {
                    let _ = std::io::copy(&mut answers, &mut asker);
                    let _ = asker.shutdown(Shutdown::Both);
                });
                std::thread::spawn(move || pass_on(client, server, &seen));
            }
        });
        Self { port, bursts }
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// What has been sent since the last look.
    pub fn take(&self) -> Vec<Burst> {
        std::mem::take(&mut self.bursts.lock().unwrap())
    }
}

fn pass_on(mut client: TcpStream, mut server: TcpStream, seen: &Mutex<Vec<Burst>>) {
    let mut buffer = vec![0; 1 << 16];
    loop {
        let mut sent = Vec::new();
        client.set_read_timeout(None).unwrap();
        loop {
            match client.read(&mut buffer) {
                Ok(0) => return drop(server.shutdown(Shutdown::Both)),
                Ok(n) => sent.extend(&buffer[..n]),
                Err(_) => break,
            }
            client.set_read_timeout(Some(QUIET)).unwrap();
        }
        seen.lock().unwrap().push(commands(&sent));
        if server.write_all(&sent).is_err() {
            return;
        }
    }
}

/// Reads commands as clients send them: arrays of strings.
fn commands(mut sent: &[u8]) -> Burst {
    let number = |mark: u8, sent: &mut &[u8]| -> usize {
        assert_eq!(sent[0], mark, "a command in the middle of a burst");
        let end = sent.iter().position(|b| *b == b'\r').unwrap();
        let n = std::str::from_utf8(&sent[1..end]).unwrap().parse().unwrap();
        *sent = &sent[end + 2..];
        n
    };
    let mut commands = Vec::new();
    while !sent.is_empty() {
        let words = (0..number(b'*', &mut sent)).map(|_| {
            let length = number(b'$', &mut sent);
            let word = String::from_utf8_lossy(&sent[..length]).into_owned();
            sent = &sent[length + 2..];
            word
        });
        commands.push(words.collect());
    }
    commands
}
