//! A real Redis Cluster of the test's own: three primaries with a replica each.

use super::redis::RedisServer;
use super::{free_port, wait_for};
use ::redis::Value;
use std::ops::Range;

/// Slots of a cluster.
const SLOTS: usize = 16_384;
const PRIMARIES: usize = 3;

/// A server that has not been heard of for so long is given up, in ms.
const NODE_TIMEOUT: &str = "1000";

/// Primaries at first, then their replicas in the same order.
pub struct RedisCluster {
    pub servers: Vec<RedisServer>,
}

impl RedisCluster {
    /// Starts six servers, makes them a cluster, and waits until it is whole.
    pub fn start() -> Self {
        let servers: Vec<RedisServer> = (0..2 * PRIMARIES)
            .map(|_| {
                RedisServer::start_with(&[
                    "--cluster-enabled",
                    "yes",
                    "--cluster-node-timeout",
                    NODE_TIMEOUT,
                    // The one it chooses by itself may be beyond the last.
                    "--cluster-port",
                    &free_port().to_string(),
                    "--repl-diskless-sync-delay",
                    "0",
                ])
            })
            .collect();
        let cluster = Self { servers };
        cluster.join();
        cluster
    }

    fn join(&self) {
        let [first, others @ ..] = &self.servers[..] else { unreachable!() };
        for (epoch, server) in (1..).zip(&self.servers) {
            server.command::<Value>(&["CLUSTER", "SET-CONFIG-EPOCH", &format!("{epoch}")]);
        }
        let bus: Vec<String> = first.command(&["CONFIG", "GET", "cluster-port"]);
        for server in others {
            let port = first.port.to_string();
            server.command::<Value>(&["CLUSTER", "MEET", "127.0.0.1", &port, &bus[1]]);
        }
        for (i, server) in self.servers[..PRIMARIES].iter().enumerate() {
            let range = slots_of(i);
            let (from, to) = (range.start.to_string(), (range.end - 1).to_string());
            server.command::<Value>(&["CLUSTER", "ADDSLOTSRANGE", &from, &to]);
        }
        let all = format!("cluster_known_nodes:{}", self.servers.len());
        self.until("all to know each other", |info| info.contains(&all));
        for (primary, replica) in self.servers.iter().zip(&self.servers[PRIMARIES..]) {
            replica.command::<Value>(&["CLUSTER", "REPLICATE", &id(primary)]);
        }
        self.until("the cluster to be whole", |info| info.contains("cluster_state:ok"));
        for replica in &self.servers[PRIMARIES..] {
            wait_for("a replica to be in step", || {
                let info: String = replica.command(&["INFO", "replication"]);
                info.contains("master_link_status:up").then_some(())
            });
        }
    }

    fn until(&self, what: &str, such: impl Fn(&str) -> bool) {
        for server in &self.servers {
            wait_for(what, || such(&server.command::<String>(&["CLUSTER", "INFO"])).then_some(()));
        }
    }

    /// Names two of its servers.
    pub fn url(&self) -> String {
        let [one, other, ..] = &self.servers[..] else { unreachable!() };
        format!("redis+cluster://127.0.0.1:{},127.0.0.1:{}", one.port, other.port)
    }

    /// Forgets all keys.
    pub fn clear(&self) {
        for server in self.servers.iter().filter(|server| is_primary(server)) {
            server.command::<Value>(&["FLUSHALL"]);
        }
    }

    /// The first primary a key belongs to, by its place in [`Self::servers`].
    pub fn home(&self, key: &str) -> usize {
        let slot = self.slot(key);
        (0..PRIMARIES).find(|i| slots_of(*i).contains(&slot)).unwrap()
    }

    pub fn slot(&self, key: &str) -> usize {
        self.servers[1].command(&["CLUSTER", "KEYSLOT", key])
    }

    /// The replica of a primary.
    pub fn replica(&self, primary: usize) -> &RedisServer {
        &self.servers[primary + PRIMARIES]
    }

    /// Waits until a primary's replica has taken its place, and everyone who lives knows.
    pub fn replaced(&self, primary: usize) {
        let replica = self.replica(primary);
        wait_for("the replica to be a primary", || is_primary(replica).then_some(()));
        for (i, server) in self.servers.iter().enumerate().filter(|(i, _)| *i != primary) {
            wait_for(&format!("server {i} to know"), || {
                let info: String = server.command(&["CLUSTER", "INFO"]);
                info.contains("cluster_state:ok").then_some(())
            });
        }
    }

    /// Begins to move a key's slot to another primary: keys leave one by one.
    pub fn begin_move(&self, key: &str, to: usize) {
        let (from, slot) = (&self.servers[self.home(key)], self.slot(key).to_string());
        let to = &self.servers[to];
        to.command::<Value>(&["CLUSTER", "SETSLOT", &slot, "IMPORTING", &id(from)]);
        from.command::<Value>(&["CLUSTER", "SETSLOT", &slot, "MIGRATING", &id(to)]);
    }

    /// Moves one key, in the midst of [`Self::begin_move`].
    pub fn move_key(&self, key: &str, to: usize) {
        let (from, port) = (&self.servers[self.home(key)], self.servers[to].port.to_string());
        from.command::<Value>(&["MIGRATE", "127.0.0.1", &port, key, "0", "5000"]);
    }

    /// Says who has the slot now. Keys that came meanwhile move first.
    pub fn end_move(&self, key: &str, to: usize) {
        let (from, slot) = (&self.servers[self.home(key)], self.slot(key).to_string());
        for key in from.command::<Vec<String>>(&["CLUSTER", "GETKEYSINSLOT", &slot, "100"]) {
            self.move_key(&key, to);
        }
        let owner = id(&self.servers[to]);
        for server in [&self.servers[to], from] {
            server.command::<Value>(&["CLUSTER", "SETSLOT", &slot, "NODE", &owner]);
        }
    }
}

fn slots_of(primary: usize) -> Range<usize> {
    primary * SLOTS / PRIMARIES..(primary + 1) * SLOTS / PRIMARIES
}

fn id(server: &RedisServer) -> String {
    server.command(&["CLUSTER", "MYID"])
}

fn is_primary(server: &RedisServer) -> bool {
    server.command::<String>(&["INFO", "replication"]).contains("role:master")
}
