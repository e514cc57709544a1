//! A real primary, a replica and three sentinels that watch them.

use super::redis::RedisServer;
use super::wait_for;
use ::redis::Value;

/// The name the sentinels know the primary by.
pub const NAME: &str = "counts";

/// A primary, its replica, and who watches them.
pub struct Watched {
    pub servers: [RedisServer; 2],
    pub sentinels: Vec<RedisServer>,
}

impl Watched {
    /// Waits until the replica is in step and the sentinels know each other.
    pub fn start() -> Self {
        let primary = RedisServer::start_with(&["--repl-diskless-sync-delay", "0"]);
        let port = primary.port.to_string();
        let replica = RedisServer::start_with(&["--replicaof", &format!("127.0.0.1 {port}")]);
        let sentinels: Vec<RedisServer> = (0..3).map(|_| RedisServer::sentinel()).collect();
        for sentinel in &sentinels {
            sentinel.command::<Value>(&["SENTINEL", "MONITOR", NAME, "127.0.0.1", &port, "2"]);
            for (what, ms) in [("down-after-milliseconds", "1000"), ("failover-timeout", "3000")] {
                sentinel.command::<Value>(&["SENTINEL", "SET", NAME, what, ms]);
            }
        }
        let watched = Self { servers: [primary, replica], sentinels };
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
            self.sentinels.iter().map(|s| format!("127.0.0.1:{}", s.port)).collect();
        format!("redis+sentinel://{}/{NAME}", places.join(","))
    }

    /// Waits until all sentinels name the replica.
    pub fn replaced(&self) {
        for sentinel in &self.sentinels {
            wait_for("a sentinel to name the other server", || {
                let ask = ["SENTINEL", "GET-MASTER-ADDR-BY-NAME", NAME];
                let (_, port): (String, u16) = sentinel.command(&ask);
                (port == self.servers[1].port).then_some(())
            });
        }
        wait_for("it to be a primary", || {
            let info: String = self.servers[1].command(&["INFO", "replication"]);
            info.contains("role:master").then_some(())
        });
    }
}
