//! A webhook's receiver: it takes what is signed as Standard Webhooks say, and refuses the rest. It may
//! be busy at first.

use data_encoding::BASE64;
use hmac::{Hmac, Mac};
use serde_json::Value;
use sha2::Sha256;
use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

pub const SECRET: &str = "a secret of more than thirty-two characters";

pub struct Hook {
    address: SocketAddr,
    received: Arc<Mutex<Vec<Value>>>,
    turned_away: Arc<AtomicUsize>,
}

impl Hook {
    pub fn start() -> Self {
        Self::busy_at_first(0)
    }

    /// One that has no time for the first so many.
    pub fn busy_at_first(times: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (received, turned_away) = Default::default();
        let hook = Self { address, received, turned_away };
        let (received, turned_away) = (hook.received.clone(), hook.turned_away.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let answer = match read(&stream) {
                    Some(_) if turned_away.load(Ordering::SeqCst) < times => {
                        turned_away.fetch_add(1, Ordering::SeqCst);
                        "503 Service Unavailable"
                    }
                    Some(told) => {
                        received.lock().unwrap().push(told);
                        "204 No Content"
                    }
                    None => "401 Unauthorized",
                };
                let _ = write!(stream, "HTTP/1.1 {answer}\r\nConnection: close\r\n\r\n");
            }
        });
        hook
    }

    /// One of several of the same host.
    pub fn url(&self, token: u8) -> String {
        format!("http://{}/told?token={token}", self.address)
    }

    pub fn turned_away(&self) -> usize {
        self.turned_away.load(Ordering::SeqCst)
    }

    pub fn received(&self) -> Vec<Value> {
        self.received.lock().unwrap().clone()
    }
}

/// The body, if it is signed.
fn read(stream: &TcpStream) -> Option<Value> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    assert!(line.starts_with("POST /told?token="), "{line}");
    let mut fields = HashMap::new();
    loop {
        line.clear();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        fields.insert(name.to_ascii_lowercase(), value.to_owned());
    }
    let mut body = vec![0; fields["content-length"].parse().unwrap()];
    reader.read_exact(&mut body).ok()?;
    let mut mac = <Hmac<Sha256> as Mac>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(format!("{}.{}.", fields["webhook-id"], fields["webhook-timestamp"]).as_bytes());
    mac.update(&body);
    let expected = format!("v1,{}", BASE64.encode(&mac.finalize().into_bytes()));
    (fields["webhook-signature"] == expected).then(|| serde_json::from_slice(&body).unwrap())
}
