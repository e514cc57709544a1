//! A lane's queue: hits on their way to a shard, in an order that can be written down.
//!
//! A [`Ticket`](Queue::ticket) is a hit's place in the order. It is taken before the hit is
//! journalled and redeemed after, so replay can give the shard the same hits in the same order.
//! Taking one never waits; the reader stops at a ticket that is not redeemed yet, which another
//! thread is about to do.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

pub struct Queue<T> {
    /// A slot's lock is only ever held for a move, and by one of two: its writer, the reader.
    slots: Box<[Mutex<Option<T>>]>,
    /// The next ticket to be taken.
    next: AtomicU64,
    /// The next ticket to be read.
    read: AtomicU64,
}

impl<T> Queue<T> {
    /// Holds `size` hits; tickets begin with `first`.
    pub fn new(size: usize, first: u64) -> Self {
        Self {
            slots: (0..size.max(1)).map(|_| Mutex::new(None)).collect(),
            next: AtomicU64::new(first),
            read: AtomicU64::new(first),
        }
    }

    /// Takes the next ticket, which must be redeemed. `None`: the queue is full.
    pub fn ticket(&self) -> Option<u64> {
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
                Ok(_) => return Some(next),
                Err(now) => next = now,
            }
        }
    }

    /// Puts the hit where its ticket says.
    pub fn redeem(&self, ticket: u64, hit: T) {
        *self.slot(ticket).lock().unwrap_or_else(PoisonError::into_inner) = Some(hit);
    }

    /// The next hit, if it is there. For one reader at a time.
    pub fn pop(&self) -> Option<T> {
        let read = self.read.load(Ordering::Relaxed);
        if read == self.next.load(Ordering::Acquire) {
            return None;
        }
        let hit = self.slot(read).lock().unwrap_or_else(PoisonError::into_inner).take()?;
        self.read.store(read + 1, Ordering::Release);
        Some(hit)
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

    fn slot(&self, ticket: u64) -> &Mutex<Option<T>> {
        &self.slots[(ticket % self.slots.len() as u64) as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::{Hit, What};
    use std::sync::Arc;

    fn hit(at: i64) -> Hit {
        let what = What::BotBeacon { name: "b".into(), class: "c".into() };
        Hit { at, site: 0, lane: 0, visitor: None, before_midnight: None, what }
    }

    #[test]
    fn order_is_that_of_tickets() {
        let queue = Queue::new(3, 40);
        let tickets: Vec<u64> = (0..3).map(|_| queue.ticket().unwrap()).collect();
        assert_eq!(tickets, [40, 41, 42]);
        assert_eq!(queue.ticket(), None, "full");
        queue.redeem(41, hit(1));
        assert!(queue.pop().is_none(), "the first is not there yet");
        queue.redeem(40, hit(0));
        assert_eq!((queue.pop().unwrap().at, queue.pop().unwrap().at), (0, 1));
        assert_eq!((queue.read(), queue.next()), (42, 43));
        assert_eq!(queue.ticket(), Some(43));
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
                        queue.redeem(ticket, hit(writer * 1_000_000 + n));
                    }
                })
            })
            .collect();
        let mut last = [-1; 4];
        for _ in 0..80_000 {
            let hit = loop {
                match queue.pop() {
                    Some(hit) => break hit,
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
