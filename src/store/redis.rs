//! Redis and Valkey.
pub struct RedisStore {}
