//! What can be wrong with a store: by kind, with what to do about it, and how often it happened.
//!
//! An operator reads the log line once and the metric for ever, so both name the same kinds.

use crate::counter::Counter;
use crate::words::words;

words! {
    /// A kind of trouble, as `headcount_store_errors_total{kind}` names it.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub enum Trouble {
        /// No connection: nobody listens, or the name is unknown.
        Connect = "connect",
        /// No answer in time: a stalled server, or a connection whose other end is gone.
        Timeout = "timeout",
        /// The connection broke.
        Closed = "closed",
        /// The certificate or the handshake.
        Tls = "tls",
        /// User, password or permissions.
        Auth = "auth",
        /// Too many clients.
        Clients = "clients",
        /// A replica was asked to write.
        ReadOnly = "readonly",
        /// It reads its data after a start.
        Loading = "loading",
        /// `maxmemory` is reached.
        OutOfMemory = "oom",
        /// It cannot write its snapshot.
        Misconfigured = "misconf",
        /// A script of somebody's runs too long.
        Busy = "busy",
        /// Replicas or the cluster's state do not allow it.
        Replication = "replication",
        /// The server had forgotten our script; it was sent again, and nothing was lost.
        NoScript = "noscript",
        /// A cluster's slot is on another server now; it was followed there, and nothing was lost.
        Moved = "moved",
        /// A key of another type stands where a count belongs.
        WrongType = "wrongtype",
        /// Anything else.
        Other = "other",
    }
}

impl Trouble {
    /// What to do, as a sentence's end; nothing where there is nothing to do but wait.
    pub fn advice(self) -> &'static str {
        match self {
            Self::Connect => "; is it running, and is the address in `store` right?",
            Self::Timeout => "; is it overloaded, or is a firewall between?",
            Self::Tls => "; `store_ca` names the certificates to trust, rediss:// wants TLS",
            Self::Auth => {
                "; check user and password in `store` (sentinels' is sentinel_password); the user \
                 needs +@read +@write +@scripting +@connection (and +cluster|slots in a cluster) on \
                 visits:*, unique:*, sessions:*, staging:* and legacy:*"
            }
            Self::Clients => "; raise its `maxclients`, or close connections of others",
            Self::ReadOnly => {
                "; it is a replica: `store` must name the primary, or sentinels that know it"
            }
            Self::Loading => "; it reads its data after a start, and will answer soon",
            Self::OutOfMemory => {
                "; raise its `maxmemory`, or keep less (limits.events_cap, rows_days, retention_days); an \
                 eviction policy other than noeviction would lose counts"
            }
            Self::Misconfigured => "; it cannot write its snapshot: look at its disk and its log",
            Self::Busy => "; a script of another program runs: SCRIPT KILL ends it",
            Self::Replication => {
                "; too few of its replicas or of its cluster are up, or a slot is on the move"
            }
            Self::Moved => "; it is one server of a cluster: write redis+cluster:// in `store`",
            Self::WrongType => "; run `headcount migrate`",
            Self::Closed | Self::NoScript | Self::Other => "",
        }
    }

    /// From the code an error begins with, as the server spells it.
    pub fn from_code(code: &str) -> Option<Self> {
        Some(match code {
            "READONLY" => Self::ReadOnly,
            "LOADING" => Self::Loading,
            "OOM" => Self::OutOfMemory,
            "MISCONF" => Self::Misconfigured,
            "BUSY" => Self::Busy,
            "NOREPLICAS" | "MASTERDOWN" | "CLUSTERDOWN" | "TRYAGAIN" => Self::Replication,
            "NOSCRIPT" => Self::NoScript,
            "MOVED" | "ASK" | "CROSSSLOT" => Self::Moved,
            "WRONGTYPE" => Self::WrongType,
            "NOAUTH" | "WRONGPASS" | "NOPERM" => Self::Auth,
            _ => return None,
        })
    }

    /// Whether another server may be the one to ask now.
    pub fn is_of_place(self) -> bool {
        matches!(
            self,
            Self::Connect | Self::Timeout | Self::Closed | Self::ReadOnly | Self::Replication
        )
    }

    /// Whether the same may work in a while, with nothing done to what is stored.
    pub fn is_passing(self) -> bool {
        !matches!(self, Self::WrongType | Self::NoScript | Self::Other)
    }
}

/// How often each kind has happened.
#[derive(Debug, Default)]
pub struct Troubles([Counter; Trouble::ALL.len()]);

impl Troubles {
    /// Counts one more.
    pub fn note(&self, trouble: Trouble) {
        self.0[trouble as usize].inc();
    }

    /// How many there were of a kind.
    pub fn count(&self, trouble: Trouble) -> u64 {
        self.0[trouble as usize].get()
    }
}
