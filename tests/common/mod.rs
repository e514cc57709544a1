//! What several test programs need: real servers, started and stopped by the test.

// Each test program uses its own part of this.
#![allow(dead_code)]

pub mod redis;
pub mod traffic;
