//! Redis Cluster: every key has a slot, every slot a primary, and both may change at any moment.
//!
//! The client library (redis 1.8) has a cluster client of its own. That it re-sends does no harm: a
//! batch that comes twice is applied once. But it does not tell when another server takes over a
//! slot while the old one lives on, and the new one may lack what the old one had acknowledged:
//! `flush` must hear of that (see [`Meter::connections`]). A test in `tests/store/cluster.rs`
//! replaces a primary in this way and fails with that client. So this one only knows who has which
//! slot, follows a server that sends it on, and learns the slots anew after any trouble; a link per
//! server does the rest.

use super::dial::{Address, Dialer, within};
use super::link::{Link, Meter, Way};
use crate::store::{Trouble, Troubles};
use futures_util::future::try_join_all;
use redis::{Cmd, ErrorKind, Pipeline, RedisError, RedisResult, ServerErrorKind, Value, cmd};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::Mutex;

/// Slots of every cluster.
const SLOTS: u16 = 16_384;

/// How often a command is sent on, at most: once, and twice more while slots are on the move.
const HOPS: usize = 3;

/// How long one server may take to say who has which slot; there are others.
const PATIENCE: Duration = Duration::from_secs(1);

/// How long to wait behind another's asking around.
const TURN: Duration = Duration::from_secs(5);

pub struct Cluster {
    dialer: Dialer,
    seeds: Vec<Address>,
    meter: Arc<Meter>,
    troubles: Arc<Troubles>,
    doubted: AtomicBool,
    known: Mutex<Topology>,
}

#[derive(Default)]
struct Topology {
    map: Option<Arc<Map>>,
    links: HashMap<Address, Arc<Link>>,
}

/// Who has which slots.
#[derive(Default, PartialEq, Eq)]
struct Map {
    /// Last slot of a range, the first, and its primary.
    ranges: BTreeMap<u16, (u16, Address)>,
    /// Replicas too.
    servers: Vec<Address>,
}

/// Where a command goes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Stop {
    address: Address,
    /// The slot is on its way there, and only a command that says so is answered.
    asking: bool,
}

impl Cluster {
    /// Knows nothing yet but some of its servers.
    pub fn new(
        dialer: Dialer,
        seeds: Vec<Address>,
        meter: Arc<Meter>,
        troubles: Arc<Troubles>,
    ) -> Self {
        let (doubted, known) = (AtomicBool::new(false), Mutex::default());
        Self { dialer, seeds, meter, troubles, doubted, known }
    }

    /// Something went wrong: who has which slot is asked before anything else is sent.
    pub fn doubt(&self) {
        self.doubted.store(true, Ordering::Relaxed);
    }

    /// Sends commands, each with a key that says where; an answer may be the error of its own
    /// command.
    pub async fn send_all(&self, commands: &[(&str, Cmd)]) -> RedisResult<Vec<Value>> {
        let map = self.map().await?;
        let mut stops: BTreeMap<Stop, Vec<usize>> = BTreeMap::new();
        for (i, (key, _)) in commands.iter().enumerate() {
            let address = map.owner(slot(key))?.clone();
            stops.entry(Stop { address, asking: false }).or_default().push(i);
        }
        let mut answers = vec![Value::Nil; commands.len()];
        for _ in 0..=HOPS {
            let sent = stops.iter().map(|(stop, which)| {
                self.exchange(stop, which.iter().map(|i| commands[*i].1.clone()).collect())
            });
            let mut moved: BTreeMap<Stop, Vec<usize>> = BTreeMap::new();
            for ((stop, which), values) in stops.iter().zip(try_join_all(sent).await?) {
                for (i, value) in which.iter().zip(values) {
                    if let Some(next) = sent_on(&value, stop) {
                        moved.entry(next).or_default().push(*i);
                    }
                    answers[*i] = value;
                }
            }
            if moved.is_empty() {
                break;
            }
            self.troubles.note(Trouble::Moved);
            if moved.keys().any(|stop| !stop.asking) {
                self.doubt();
            }
            stops = moved;
        }
        Ok(answers)
    }

    async fn exchange(&self, stop: &Stop, commands: Vec<Cmd>) -> RedisResult<Vec<Value>> {
        let link = self.known().await?.link(&stop.address, &self.dialer, &self.meter)?;
        let mut pipeline = Pipeline::new();
        for command in commands {
            if stop.asking {
                pipeline.add_command(cmd("ASKING"));
            }
            pipeline.add_command(command);
        }
        let answers = link.send_all(&pipeline).await?;
        let each = if stop.asking { 2 } else { 1 };
        Ok(answers.into_iter().skip(each - 1).step_by(each).collect())
    }

    /// Links to all primaries.
    pub async fn primaries(&self) -> RedisResult<Vec<Arc<Link>>> {
        let map = self.map().await?;
        let mut addresses: Vec<&Address> = map.ranges.values().map(|(_, at)| at).collect();
        addresses.sort_unstable();
        addresses.dedup();
        let mut known = self.known().await?;
        addresses.into_iter().map(|at| known.link(at, &self.dialer, &self.meter)).collect()
    }

    async fn known(&self) -> RedisResult<tokio::sync::MutexGuard<'_, Topology>> {
        within(TURN, async { Ok(self.known.lock().await) }).await
    }

    /// Who has which slot, asked anew if that is in doubt.
    async fn map(&self) -> RedisResult<Arc<Map>> {
        let mut known = self.known().await?;
        let doubted = self.doubted.swap(false, Ordering::Relaxed);
        if let Some(map) = known.map.as_ref().filter(|_| !doubted) {
            return Ok(map.clone());
        }
        let learnt = known.map.as_ref().map(|map| map.servers.clone()).unwrap_or_default();
        let mut servers: Vec<Address> = learnt.iter().chain(&self.seeds).cloned().collect();
        // Whoever is out of touch with the others must not be the one that is always asked.
        fastrand::shuffle(&mut servers);
        let mut error = RedisError::from((ErrorKind::Client, "no servers are named"));
        for server in servers {
            let link = known.link(&server, &self.dialer, &self.meter)?;
            let answer = within(PATIENCE, link.send(cmd("CLUSTER").arg("SLOTS").take())).await;
            match answer.and_then(|answer| Map::read(answer, &server.0)) {
                Ok(map) => return Ok(self.learn(&mut known, map)),
                Err(e) => error = e,
            }
        }
        self.doubt();
        Err(error)
    }

    fn learn(&self, known: &mut Topology, map: Map) -> Arc<Map> {
        let map = Arc::new(map);
        if known.map.as_ref().is_some_and(|before| before.ranges != map.ranges) {
            // Another server has taken over, perhaps over a connection that was there already.
            self.meter.connections.fetch_add(1, Ordering::Relaxed);
        }
        known.links.retain(|at, _| map.servers.contains(at) || self.seeds.contains(at));
        known.map = Some(map.clone());
        map
    }
}

impl Topology {
    fn link(
        &mut self,
        at: &Address,
        dialer: &Dialer,
        meter: &Arc<Meter>,
    ) -> RedisResult<Arc<Link>> {
        if let Some(link) = self.links.get(at) {
            return Ok(link.clone());
        }
        let link = Arc::new(Link::new(Way::Known(dialer.client_to(at)?), meter.clone()));
        self.links.insert(at.clone(), link.clone());
        Ok(link)
    }
}

impl Map {
    /// Reads `CLUSTER SLOTS`: ranges, each with its primary and then its replicas. A server that
    /// does not know its own name leaves it out.
    fn read(answer: Value, asked: &str) -> RedisResult<Self> {
        let mut map = Self::default();
        for range in redis::from_redis_value::<Vec<Vec<Value>>>(answer)? {
            let mut range = range.into_iter();
            let mut number = || redis::from_redis_value(range.next().unwrap_or_default());
            let (first, last): (u16, u16) = (number()?, number()?);
            let mut primary = None;
            for server in range {
                let server: Vec<Value> = redis::from_redis_value(server)?;
                let mut server = server.into_iter();
                let mut next = || server.next().unwrap_or_default();
                let host: Option<String> = redis::from_redis_value(next())?;
                let port: u16 = redis::from_redis_value(next())?;
                let host = host.filter(|host| !host.is_empty());
                let address = (host.unwrap_or_else(|| asked.to_owned()), port);
                if address.0 == "?" {
                    continue;
                }
                primary.get_or_insert_with(|| address.clone());
                if !map.servers.contains(&address) {
                    map.servers.push(address);
                }
            }
            if let Some(primary) = primary {
                map.ranges.insert(last, (first, primary));
            }
        }
        Ok(map)
    }

    fn owner(&self, slot: u16) -> RedisResult<&Address> {
        let range = self.ranges.range(slot..).next();
        let owner = range.filter(|(_, (first, _))| *first <= slot).map(|(_, (_, at))| at);
        owner.ok_or_else(|| {
            let kind = ErrorKind::Server(ServerErrorKind::ClusterDown);
            (kind, "no server has the slot", slot.to_string()).into()
        })
    }
}

/// The slot of a key: of what stands between its first braces, or of all of it.
fn slot(key: &str) -> u16 {
    let tag = key.split_once('{').and_then(|(_, rest)| rest.split_once('}'));
    let hashed = tag.map(|(tag, _)| tag).filter(|tag| !tag.is_empty()).unwrap_or(key);
    crc16::State::<crc16::XMODEM>::calculate(hashed.as_bytes()) % SLOTS
}

/// Where an answer says to go instead.
fn sent_on(answer: &Value, from: &Stop) -> Option<Stop> {
    let Value::ServerError(error) = answer else { return None };
    let error = RedisError::from(error.clone());
    let (address, _) = error.redirect_node()?;
    let (host, port) = address.rsplit_once(':')?;
    let host = if host.is_empty() { &from.address.0 } else { host };
    let asking = error.kind() == ErrorKind::Server(ServerErrorKind::Ask);
    Some(Stop { address: (host.to_owned(), port.parse().ok()?), asking })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_those_of_the_specification() {
        assert_eq!(slot("123456789"), 0x31c3 % SLOTS);
        assert_eq!(slot("visits:daily:{a.com:2026-11-24}"), slot("a.com:2026-11-24"));
        assert_eq!(slot("foo{}{bar}"), slot("foo{}{bar}"));
        assert_ne!(slot("foo{}{bar}"), slot("bar"));
    }

    #[test]
    fn a_map_is_read_whole_and_gaps_have_no_owner() {
        let text = |text: &str| Value::BulkString(text.as_bytes().to_vec());
        let server = |host: Value, port| Value::Array(vec![host, Value::Int(port), text("id")]);
        let range = |first, last, servers: Vec<Value>| {
            Value::Array([vec![Value::Int(first), Value::Int(last)], servers].concat())
        };
        let answer = Value::Array(vec![
            range(0, 99, vec![server(text("a"), 1), server(text("b"), 2)]),
            range(200, 16_383, vec![server(Value::Nil, 3), server(text("?"), 4)]),
        ]);
        let map = Map::read(answer, "asked").unwrap();
        for (slot, owner) in [(0, "a"), (99, "a"), (200, "asked"), (16_383, "asked")] {
            assert_eq!(map.owner(slot).unwrap().0, owner);
        }
        assert!(map.owner(100).is_err() && map.owner(199).is_err());
        assert_eq!(map.servers.len(), 3);
    }
}
