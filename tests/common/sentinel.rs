//! A real primary, a replica and three sentinels that watch them.

use super::redis::RedisServer;
use super::tls::Pair;
use super::wait_for;
use ::redis::Value;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

/// The name the sentinels know the primary by.
pub const NAME: &str = "counts";

/// The password of the servers, where they have one, and that of the sentinels.
pub const PASSWORDS: [&str; 2] = ["open sesame", "p@ss&word"];

/// A primary, its replica, and who watches them.
pub struct Watched {
    pub servers: [RedisServer; 2],
    pub sentinels: Vec<RedisServer>,
    locked: bool,
}

impl Watched {
    /// Waits until the replica is in step and the sentinels know each other.
    pub fn start() -> Self {
        Self::start_of(None)
    }

    /// The same, encrypted, and nobody is let in without a password.
    pub fn start_locked(pair: &Pair) -> Self {
        Self::start_of(Some(pair))
    }

    fn start_of(pair: Option<&Pair>) -> Self {
        let [password, their_password] = PASSWORDS;
        let locked = ["--requirepass", password, "--masterauth", password];
        let primary = RedisServer::start_with(&settings(pair, &locked));
        let port = primary.peers_port();
        let mut follows = settings(pair, &locked);
        follows.extend(["--replicaof".to_owned(), format!("127.0.0.1 {port}")]);
        let replica = RedisServer::start_with(&follows);
        let sentinel =
            || RedisServer::sentinel(&settings(pair, &["--requirepass", their_password]));
        let sentinels: Vec<RedisServer> = (0..3).map(|_| sentinel()).collect();
        for sentinel in &sentinels {
            sentinel.command::<Value>(&["SENTINEL", "MONITOR", NAME, "127.0.0.1", &port, "2"]);
            let mut settings =
                vec![("down-after-milliseconds", "1000"), ("failover-timeout", "3000")];
            settings.extend(pair.map(|_| ("auth-pass", password)));
            for (what, value) in settings {
                sentinel.command::<Value>(&["SENTINEL", "SET", NAME, what, value]);
            }
        }
        let watched = Self { servers: [primary, replica], sentinels, locked: pair.is_some() };
        watched.settled();
        watched
    }

    /// Waits until all sentinels know each other and the replica, and that is in step.
    fn settled(&self) {
        wait_for("the replica to be in step", || {
            let info: String = self.servers[1].command(&["INFO", "replication"]);
            info.contains("master_link_status:up").then_some(())
        });
        for sentinel in &self.sentinels {
            wait_for("the sentinels to know each other", || {
                let info: String = sentinel.command(&["INFO", "sentinel"]);
                info.contains("status=ok,address=127.0.0.1:").then_some(())?;
                (info.contains("slaves=1") && info.contains("sentinels=3")).then_some(())
            });
        }
    }

    pub fn url(&self) -> String {
        let places: Vec<String> =
            self.sentinels.iter().map(|s| format!("127.0.0.1:{}", s.peers_port())).collect();
        let places = places.join(",");
        if !self.locked {
            return format!("redis+sentinel://{places}/{NAME}");
        }
        let escape = |text| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let [servers, sentinels] = PASSWORDS.map(escape);
        format!("rediss+sentinel://:{servers}@{places}/{NAME}?sentinel_password={sentinels}")
    }

    /// Waits until all sentinels name the replica.
    pub fn replaced(&self) {
        for sentinel in &self.sentinels {
            wait_for("a sentinel to name the other server", || {
                let ask = ["SENTINEL", "GET-MASTER-ADDR-BY-NAME", NAME];
                let (_, port): (String, String) = sentinel.command(&ask);
                (port == self.servers[1].peers_port()).then_some(())
            });
        }
        wait_for("it to be a primary", || self.servers[1].is("master").then_some(()));
    }
}

/// Settings of a server that is `locked`, if there is a certificate for it.
fn settings(pair: Option<&Pair>, locked: &[&str]) -> Vec<String> {
    let lock = |pair: &Pair| [pair.settings(), locked.iter().map(|s| s.to_string()).collect()];
    pair.map(lock).unwrap_or_default().concat()
}
