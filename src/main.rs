//! The program: reads what is asked for, and does it.
//!
//! Exit codes: 0 done, 1 it went wrong while running, 2 the command line or a setting is wrong;
//! then nothing has been opened yet. Either way standard error gets one line.

mod cli;
mod health;
mod passwd;

use cli::Task;
use headcount::config::{Config, Settings};
use headcount::proxy::{Reload, SetLog};
use headcount::tls;
use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, reload};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // No transparent huge pages: the allocator asks for them, and then each of its small pages in
    // use takes 2 MiB. A kernel without them has nothing to turn off.
    let _ = nix::sys::prctl::set_thp_disable(true);
    let task = match cli::read(std::env::args_os(), std::env::vars_os().collect()) {
        Ok(task) => task,
        Err(wrong) => return fail(2, &wrong),
    };
    let done = match task {
        Task::Print(text) => std::io::stdout().write_all(text.as_bytes()).map_err(Into::into),
        Task::Run(config, settings, upgrade) => start(&config).and_then(|log| {
            let reload = Reload { settings, read: Box::new(read_again), log };
            headcount::proxy::run(*config, upgrade, Some(reload))
        }),
        Task::Demo(config, scene) => {
            start(&config).and_then(|_| headcount::demo::run(*config, scene))
        }
        Task::Trim(config) => start(&config).and_then(|_| headcount::upkeep::trim(&config)),
        Task::Backfill(config, what) => {
            start(&config).and_then(|_| headcount::upkeep::backfill(&config, what))
        }
        Task::Migrate(config, force) => {
            start(&config).and_then(|_| headcount::upkeep::migrate(&config, force))
        }
        Task::Export(config, what) => start(&config).and_then(|_| what.run(&config)),
        Task::Delete(config, what) => start(&config).and_then(|_| what.run(&config)),
        Task::Copy(config, what) => start(&config).and_then(|_| what.run(&config)),
        Task::Import(config, what) => start(&config).and_then(|_| what.run(&config)),
        Task::Passwd => passwd::run(),
        Task::Health(admin) => health::run(admin),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(1, &format!("{error:#}")),
    }
}

fn fail(code: u8, why: &str) -> ExitCode {
    eprintln!("headcount: {why}");
    code.into()
}

/// The settings of `run` as they are now.
fn read_again() -> Result<(Config, Settings), String> {
    match cli::read(std::env::args_os(), std::env::vars_os().collect())? {
        Task::Run(config, settings, _) => Ok((*config, settings)),
        _ => Err("this is not `run`".to_owned()),
    }
}

/// What all rooms find in place: TLS and a log. Gives what sets the log's levels anew.
fn start(config: &Config) -> anyhow::Result<SetLog> {
    if !tls::install() {
        anyhow::bail!("a TLS provider is already installed");
    }
    let stderr = std::io::stderr;
    let colours = stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let (filter, handle) = reload::Layer::new(levels(&config.log)?);
    let lines = tracing_subscriber::fmt::layer().with_writer(stderr).with_ansi(colours);
    tracing_subscriber::registry().with(filter).with(lines).init();
    Ok(Box::new(move |log| Ok(handle.reload(levels(log)?)?)))
}

/// What libraries may say. Pingora and h2 tell of every connection that breaks, some as an error,
/// and rustls of every odd handshake: that is a website's daily life, and a line that any client
/// can write.
const LIBRARIES: &str = "pingora=warn,pingora_proxy=off,pingora_core::apps=off,\
                         pingora_core::connectors=off,pingora_core::protocols=off,\
                         h2=error,rustls=error";

fn levels(log: &str) -> anyhow::Result<EnvFilter> {
    Ok(EnvFilter::try_new(format!("{LIBRARIES},{log}"))?)
}
