//! A real Redis Cluster of the test's own: three primaries with a replica each.

use super::ports::free_port;
use super::redis::RedisServer;
use super::tls::Pair;
use super::wait_for;
use ::redis::Value;
use std::ops::RangeInclusive;

/// Slots of a cluster.
const SLOTS: usize = 16_384;
const PRIMARIES: usize = 3;

/// A server that has not been heard of for so long is given up, in ms.
const NODE_TIMEOUT: &str = "1000";

/// Primaries at first, then their replicas in the same order.
pub struct RedisCluster {
    pub servers: Vec<RedisServer>,
    tls: bool,
}

impl RedisCluster {
    /// Starts six servers, makes them a cluster, and waits until it is whole.
    pub fn start() -> Self {
        Self::start_of(None)
    }

    /// The same, encrypted between the servers and to clients.
    pub fn start_encrypted(pair: &Pair) -> Self {
        Self::start_of(Some(pair))
    }

    fn start_of(pair: Option<&Pair>) -> Self {
        let server = || {
            // The one it chooses by itself may be beyond the last.
            let bus = free_port().to_string();
            let cluster = ["--cluster-enabled", "yes", "--cluster-port", &bus];
            let settings = [&cluster[..], &["--cluster-node-timeout", NODE_TIMEOUT]].concat();
            let tls = pair.map(Pair::settings).unwrap_or_default();
            let tls = tls.iter().map(String::as_str);
            RedisServer::start_with(&settings.into_iter().chain(tls).collect::<Vec<_>>())
        };
        let servers = (0..2 * PRIMARIES).map(|_| server()).collect();
        let cluster = Self { servers, tls: pair.is_some() };
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
            let port = first.peers_port();
            server.command::<Value>(&["CLUSTER", "MEET", "127.0.0.1", &port, &bus[1]]);
        }
        for (i, server) in self.servers[..PRIMARIES].iter().enumerate() {
            let (from, to) = (i * SLOTS / PRIMARIES, (i + 1) * SLOTS / PRIMARIES - 1);
            let (from, to) = (from.to_string(), to.to_string());
            server.command::<Value>(&["CLUSTER", "ADDSLOTSRANGE", &from, &to]);
        }
        let all = format!("cluster_known_nodes:{}", self.servers.len());
        self.until("all to know each other", |info| info.contains(&all));
        for (primary, replica) in self.servers.iter().zip(&self.servers[PRIMARIES..]) {
            replica.command::<Value>(&["CLUSTER", "REPLICATE", &id(primary)]);
        }
        self.until("the cluster to be whole", |info| info.contains("cluster_state:ok"));
        self.servers[PRIMARIES..].iter().for_each(in_step);
    }

    fn until(&self, what: &str, such: impl Fn(&str) -> bool) {
        for server in &self.servers {
            wait_for(what, || such(&server.command::<String>(&["CLUSTER", "INFO"])).then_some(()));
        }
    }

    /// Names two of its servers.
    pub fn url(&self) -> String {
        let [one, other, ..] = &self.servers[..] else { unreachable!() };
        let scheme = if self.tls { "rediss" } else { "redis" };
        let (one, other) = (one.peers_port(), other.peers_port());
        format!("{scheme}+cluster://127.0.0.1:{one},127.0.0.1:{other}")
    }

    /// Those that have slots.
    pub fn primaries(&self) -> impl Iterator<Item = &RedisServer> {
        self.servers.iter().filter(|server| server.runs() && server.is("master"))
    }

    /// Forgets all keys.
    pub fn clear(&self) {
        for server in self.primaries() {
            server.command::<Value>(&["FLUSHALL"]);
        }
    }

    /// The primary a key belongs to, by its place in [`Self::servers`]: who says so of itself.
    pub fn owner(&self, key: &str) -> usize {
        let slot = self.slot(key);
        let running = self.servers.iter().enumerate().filter(|(_, server)| server.runs());
        let mut owners = running.filter(|(_, server)| own_slots(server).any(|r| r.contains(&slot)));
        let (owner, _) = owners.next().expect("somebody has it");
        assert_eq!(owners.next().map(|(other, _)| other), None, "{owner} has it too");
        owner
    }

    pub fn slot(&self, key: &str) -> usize {
        let running = self.servers.iter().find(|server| server.runs());
        running.expect("somebody runs").command(&["CLUSTER", "KEYSLOT", key])
    }

    /// The other of a primary and its replica.
    pub fn partner(&self, server: usize) -> usize {
        (server + PRIMARIES) % self.servers.len()
    }

    /// Waits until a dead primary's replica has taken its place, and everyone who lives knows.
    pub fn replaced(&self, primary: usize) {
        let replica = &self.servers[self.partner(primary)];
        wait_for("the replica to be a primary", || replica.is("master").then_some(()));
        for (i, server) in self.servers.iter().enumerate().filter(|(i, _)| *i != primary) {
            wait_for(&format!("server {i} to know"), || {
                let info: String = server.command(&["CLUSTER", "INFO"]);
                info.contains("cluster_state:ok").then_some(())
            });
        }
    }

    /// Starts a dead primary again, which was replaced, and waits until it is a replica in step.
    pub fn come_back(&mut self, server: usize) {
        self.servers[server].restart();
        in_step(&self.servers[server]);
    }

    /// Begins to move a key's slot to another primary: keys leave one by one.
    pub fn begin_move(&self, key: &str, to: usize) {
        let (from, slot) = (&self.servers[self.owner(key)], self.slot(key).to_string());
        let to = &self.servers[to];
        to.command::<Value>(&["CLUSTER", "SETSLOT", &slot, "IMPORTING", &id(from)]);
        from.command::<Value>(&["CLUSTER", "SETSLOT", &slot, "MIGRATING", &id(to)]);
    }

    /// Moves one key, in the midst of [`Self::begin_move`].
    pub fn move_key(&self, key: &str, to: usize) {
        let (from, port) = (&self.servers[self.owner(key)], self.servers[to].peers_port());
        from.command::<Value>(&["MIGRATE", "127.0.0.1", &port, key, "0", "5000"]);
    }

    /// Says who has the slot now. Keys that came meanwhile move first.
    pub fn end_move(&self, key: &str, to: usize) {
        let (from, slot) = (&self.servers[self.owner(key)], self.slot(key).to_string());
        for key in from.command::<Vec<String>>(&["CLUSTER", "GETKEYSINSLOT", &slot, "100"]) {
            self.move_key(&key, to);
        }
        let owner = id(&self.servers[to]);
        for server in [&self.servers[to], from] {
            server.command::<Value>(&["CLUSTER", "SETSLOT", &slot, "NODE", &owner]);
        }
    }
}

fn in_step(replica: &RedisServer) {
    wait_for("a replica to be in step", || {
        let info: String = replica.command(&["INFO", "replication"]);
        info.contains("master_link_status:up").then_some(())
    });
}

/// The slots a server says are its own, from what it says of itself (`myself,master - … 0-5460`).
fn own_slots(server: &RedisServer) -> impl Iterator<Item = RangeInclusive<usize>> {
    let nodes: String = server.command(&["CLUSTER", "NODES"]);
    let own = nodes.lines().find(|line| line.contains("myself,master")).unwrap_or_default();
    let ranges = own.split(' ').skip(8).filter(|range| !range.starts_with('['));
    let ranges: Vec<_> = ranges
        .map(|range| {
            let (first, last) = range.split_once('-').unwrap_or((range, range));
            first.parse().unwrap()..=last.parse().unwrap()
        })
        .collect();
    ranges.into_iter()
}

fn id(server: &RedisServer) -> String {
    server.command(&["CLUSTER", "MYID"])
}
