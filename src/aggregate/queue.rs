//! A lane's queue: hits on their way to a shard, in an order that can be written down.
//!
//! A [`Ticket`] is a hit's place in the order. It is taken before the hit is journalled and
//! redeemed after, so replay can give the shard the same hits in the same order. Taking one never
//! waits; the reader stops at a ticket that is not redeemed yet, which another thread is about to
//! do. A ticket that is dropped instead (its thread panicked) is passed over, or the queue would
//! stand still for good.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

pub struct Queue<T> {
    /// A slot's lock is only ever held for a move, and by one of two: its writer, the reader.
    slots: Box<[Mutex<Slot<T>>]>,
    /// The next ticket to be taken.
    next: AtomicU64,
    /// The next ticket to be read.
    read: AtomicU64,
}

/// What is where a ticket says.
enum Slot<T> {
    /// Not yet anything.
    Empty,
    Hit(T),
    /// Nothing, and nothing comes.
    PassedOver,
}

/// A hit's place in a queue.
pub struct Ticket<'q, T> {
    queue: &'q Queue<T>,
    number: u64,
    redeemed: bool,
}

impl<T> Ticket<'_, T> {
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Puts the hit where the ticket says.
    pub fn redeem(mut self, hit: T) {
        self.redeemed = true;
        self.queue.put(self.number, Slot::Hit(hit));
    }
}

impl<T> Drop for Ticket<'_, T> {
    fn drop(&mut self) {
        if !self.redeemed {
            self.queue.put(self.number, Slot::PassedOver);
        }
    }
}

impl<T> Queue<T> {
    /// Holds `size` hits; tickets begin with `first`.
    pub fn new(size: usize, first: u64) -> Self {
        Self {
            slots: (0..size.max(1)).map(|_| Mutex::new(Slot::Empty)).collect(),
            next: AtomicU64::new(first),
            read: AtomicU64::new(first),
        }
    }

    /// Takes the next ticket. `None`: the queue is full.
    pub fn ticket(&self) -> Option<Ticket<'_, T>> {
        let mut next = self.next.load(Ordering::Relaxed);
        loop {
            // Read before `next` is confirmed, so never ahead of it.
            if next.saturating_sub(self.read.load(Ordering::Acquire)) >= self.slots.len() as u64 {
                return None;
            }
            match self.next.compare_exchange_weak(
                next,
                next + 1,
                Ordering::AcqRel,
                Ordering::Relaxed,
            ) {
                Ok(number) => return Some(Ticket { queue: self, number, redeemed: false }),
                Err(now) => next = now,
            }
        }
    }

    fn put(&self, ticket: u64, what: Slot<T>) {
        *self.slot(ticket) = what;
    }

    /// The next hit with its ticket's number, if it is there. For one reader at a time.
    pub fn pop(&self) -> Option<(u64, T)> {
        loop {
            let read = self.read.load(Ordering::Relaxed);
            if read == self.next.load(Ordering::Acquire) {
                return None;
            }
            let there = std::mem::replace(&mut *self.slot(read), Slot::Empty);
            if matches!(there, Slot::Empty) {
                return None;
            }
            self.read.store(read + 1, Ordering::Release);
            if let Slot::Hit(hit) = there {
                return Some((read, hit));
            }
        }
    }

    pub fn is_empty(&self) -> bool {
        self.read() == self.next()
    }

    /// All hits with smaller tickets have been read.
    pub fn read(&self) -> u64 {
        self.read.load(Ordering::Acquire)
    }

    /// No ticket from this one on has been given out.
    pub fn next(&self) -> u64 {
        self.next.load(Ordering::Acquire)
    }

    fn slot(&self, ticket: u64) -> MutexGuard<'_, Slot<T>> {
        let slot = &self.slots[(ticket % self.slots.len() as u64) as usize];
        slot.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Hit, What};
    use std::sync::Arc;

    fn hit(at: i64) -> Hit {
        let what = What::BotBeacon { name: "b".into(), class: "c".into(), proof: None };
        Hit { at, site: Default::default(), lane: 0, visitor: None, before_midnight: None, what }
    }

    #[test]
    fn order_is_that_of_tickets() {
        let queue = Queue::new(3, 40);
        let [first, second, third] = [(); 3].map(|()| queue.ticket().unwrap());
        assert_eq!([first.number(), second.number(), third.number()], [40, 41, 42]);
        assert!(queue.ticket().is_none(), "full");
        second.redeem(hit(1));
        assert!(queue.pop().is_none(), "the first is not there yet");
        first.redeem(hit(0));
        let popped = [(); 2].map(|()| queue.pop().unwrap()).map(|(ticket, hit)| (ticket, hit.at));
        assert_eq!(popped, [(40, 0), (41, 1)]);
        assert_eq!((queue.read(), queue.next()), (42, 43));
        assert_eq!(queue.ticket().unwrap().number(), 43);
    }

    #[test]
    fn a_ticket_that_is_never_redeemed_stops_nobody() {
        let queue = Queue::new(2, 0);
        for round in 0..5 {
            let lost = std::thread::scope(|scope| {
                let panics = || {
                    let _ticket = queue.ticket();
                    panic!("on purpose");
                };
                scope.spawn(panics).join()
            });
            assert!(lost.is_err());
            assert!(queue.pop().is_none());
            queue.ticket().unwrap().redeem(hit(round));
            assert_eq!(queue.pop().map(|(_, hit)| hit.at), Some(round));
        }
        assert!(queue.is_empty());
    }

    #[test]
    fn many_writers_lose_nothing() {
        let queue = Arc::new(Queue::new(64, 0));
        let writers: Vec<_> = (0..4)
            .map(|writer| {
                let queue = queue.clone();
                std::thread::spawn(move || {
                    for n in 0..20_000 {
                        let ticket = loop {
                            match queue.ticket() {
                                Some(ticket) => break ticket,
                                None => std::thread::yield_now(),
                            }
                        };
                        ticket.redeem(hit(writer * 1_000_000 + n));
                    }
                })
            })
            .collect();
        let mut last = [-1; 4];
        for _ in 0..80_000 {
            let hit = loop {
                match queue.pop() {
                    Some((_, hit)) => break hit,
                    None => std::thread::yield_now(),
                }
            };
            let (writer, n) = ((hit.at / 1_000_000) as usize, hit.at % 1_000_000);
            assert_eq!(n, last[writer] + 1, "a writer's own order holds");
            last[writer] = n;
        }
        writers.into_iter().for_each(|w| w.join().unwrap());
        assert!(queue.is_empty());
    }
}
