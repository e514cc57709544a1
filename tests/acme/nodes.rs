//! Several nodes that share one account and its certificates through Redis.

use crate::between::Between;
use crate::common::pebble::Pebble;
use crate::common::ports::free_port;
use crate::common::redis::RedisServer;
use crate::common::wait_for;
use crate::scene::Scene;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

const NAME: &str = "one.example";
const SECRET: &str = "a secret that all of the nodes know";

/// What stands before the nodes, and lets all connections go to one of them.
struct Balancer {
    port: u16,
    to: Arc<AtomicU16>,
}

impl Balancer {
    fn start() -> Self {
        let (port, to) = (free_port(), Arc::new(AtomicU16::new(0)));
        let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
        let chosen = to.clone();
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let (client, to) = (client.unwrap(), chosen.load(Ordering::SeqCst));
                let Ok(node) = TcpStream::connect(("127.0.0.1", to)) else { continue };
                let pairs = [(client.try_clone(), node.try_clone()), (Ok(node), Ok(client))];
                for (from, to) in pairs {
                    let (mut from, mut to) = (from.unwrap(), to.unwrap());
                    std::thread::spawn(move || {
                        let _ = std::io::copy(&mut from, &mut to);
                        let _ = to.shutdown(Shutdown::Write);
                    });
                }
            }
        });
        Self { port, to }
    }

    fn all_to(&self, node: &Scene) {
        self.to.store(node.http(), Ordering::SeqCst);
    }
}

fn node(redis: &RedisServer) -> Scene {
    Scene::prepare(&[NAME], &["--store", &redis.url(), "--acme-shared-secret", SECRET])
}

#[test]
fn one_orders_and_any_other_proves_it_and_has_the_certificate() {
    let redis = RedisServer::start();
    let (mut first, mut second) = (node(&redis), node(&redis));
    let balancer = Balancer::start();
    let pebble = Pebble::start(balancer.port);
    let between = Between::start(&pebble, |_, _| None);
    // The first is in the midst of its order when the second comes, which is then asked for the
    // proof.
    between.hold(Some("/order-plz"));
    first.start(&between.directory, &between.ca());
    wait_for("the first to order", || (!between.asked("/order-plz").is_empty()).then_some(()));
    balancer.all_to(&second);
    second.start(&between.directory, &between.ca());
    between.hold(None);
    for node in [&first, &second] {
        node.served(NAME, &pebble.root());
    }
    assert_eq!((first.orders("issued"), second.orders("issued")), (1, 0));
    assert_eq!(between.taken("/order-plz").len(), 1);
    assert_eq!(between.taken("/sign-me-up").len(), 1);
    assert_eq!(first.expiry(NAME), second.expiry(NAME));
    // The website of the node that was asked for proofs has only seen what was counted.
    wait_for("its views", || {
        let counted = second.headcount.metric("headcount_pageviews_total");
        (second.website.paths().len() as i64 == counted).then_some(())
    });

    // In the store there is nothing that its readers could use.
    let keys: Vec<String> = redis.keys().into_iter().filter(|key| key.contains("acme")).collect();
    assert!(keys.iter().any(|key| key.ends_with(":state")), "{keys:?}");
    for key in &keys {
        let stored: Vec<u8> = redis.command(&["GET", key]);
        let stored = String::from_utf8_lossy(&stored);
        for word in ["BEGIN", "PRIVATE", NAME, "key_pkcs8"] {
            assert!(!stored.contains(word), "{key} tells {word}");
        }
    }

    // One that comes later, or has lost its disk, has all of it from the store.
    first.headcount.kill();
    let mut third = node(&redis);
    third.start(&between.directory, &between.ca());
    third.served(NAME, &pebble.root());
    assert_eq!(between.taken("/order-plz").len(), 1);
    // While the store is away, each serves what it has.
    drop(redis);
    second.headcount.term();
    second.headcount.restart_on_same_ports();
    assert_eq!(second.ask(NAME, &pebble.root()).status, 200);
}

#[test]
fn a_node_that_dies_in_the_midst_of_an_order_is_replaced() {
    let redis = RedisServer::start();
    let (mut first, mut second) = (node(&redis), node(&redis));
    let balancer = Balancer::start();
    let pebble = Pebble::start(balancer.port);
    let between = Between::start(&pebble, |_, _| None);
    between.hold(Some("/order-plz"));
    first.start(&between.directory, &between.ca());
    wait_for("the first to order", || (!between.asked("/order-plz").is_empty()).then_some(()));
    first.headcount.kill();
    between.hold(None);
    balancer.all_to(&second);
    // As if the lease had run out, which takes minutes.
    let lease = redis.keys().into_iter().find(|key| key.ends_with(":lease")).unwrap();
    let () = redis.command(&["DEL", &lease]);
    second.start(&between.directory, &between.ca());
    second.served(NAME, &pebble.root());
    assert_eq!(second.orders("issued"), 1);
    assert_eq!(between.taken("/sign-me-up").len(), 1, "the account is everybody's");
}

#[test]
fn without_the_secret_nothing_is_shared() {
    let redis = RedisServer::start();
    let mut own = node(&redis);
    let mut other = Scene::prepare(
        &[NAME],
        &["--store", &redis.url(), "--acme-shared-secret", "another secret of another deployment"],
    );
    let mut alone = Scene::prepare(&[NAME], &["--store", &redis.url()]);
    let balancer = Balancer::start();
    let pebble = Pebble::start(balancer.port);
    for node in [&mut own, &mut other, &mut alone] {
        balancer.all_to(node);
        node.start(&pebble.directory(), &pebble.ca());
        node.served(NAME, &pebble.root());
        assert_eq!(node.orders("issued"), 1);
    }
    let keys: Vec<String> = redis.keys().into_iter().filter(|key| key.contains("acme")).collect();
    assert_eq!(keys.iter().filter(|key| key.ends_with(":state")).count(), 2, "{keys:?}");
}
