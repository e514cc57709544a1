//! The command line: from words and variables to a [`Task`] whose settings are valid.
//!
//! Flags are made from the keys of `conf/headcount.toml`, their help from its comments. Apart from
//! `main` so that what is asked for is settled before anything starts.

mod help;
mod packaged;

use clap::builder::ArgAction;
use clap::error::ErrorKind;
use clap::{Arg, ArgMatches, Command};
use headcount::config::{Config, FILE_VARIABLE, KEYS, Key, Settings, Value};
use headcount::demo::{self, Scene};
use headcount::export::{Format, columns};
use headcount::import::Import;
use headcount::import::format::NAMES;
use headcount::import::totals;
use headcount::model::site::Day;
use headcount::proxy::{Certificates, Rules, acme_status};
use headcount::store::StoreUrl;
use headcount::upkeep::{Backfill, Copy, Delete, Export};
use std::ffi::{OsStr, OsString};
use std::io::IsTerminal;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// What is asked for.
pub enum Task {
    /// With the settings it was made of; with `true`, in the place of a process that runs.
    Run(Box<Config>, Settings, bool),
    /// With so many days behind it.
    Demo(Box<Config>, Scene),
    /// Help, the version, the settings in force, or what packages take along.
    Print(String),
    Passwd,
    /// The admin port to ask at.
    Health(SocketAddr),
    Trim(Box<Config>),
    Backfill(Box<Config>, Backfill),
    /// With `true`, also where a day's events know less than what is stored.
    Migrate(Box<Config>, bool),
    Export(Box<Config>, Export),
    Delete(Box<Config>, Delete),
    Copy(Box<Config>, Copy),
    Import(Box<Config>, Import),
}

/// Reads arguments (the program's name first) and variables.
///
/// # Errors
/// One line that says what is wrong.
pub fn read(
    arguments: impl IntoIterator<Item = OsString>,
    variables: Vec<(OsString, OsString)>,
) -> Result<Task, String> {
    let mut command = command();
    let matches = match command.try_get_matches_from_mut(arguments) {
        Ok(matches) => matches,
        Err(error) => {
            let text = error.render().to_string();
            return match error.kind() {
                ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Ok(Task::Print(text)),
                _ => Err(one_line(&text)),
            };
        }
    };
    let layered = |settings, matches| layer(settings, matches, &variables);
    match matches.subcommand() {
        Some(("run", matches)) => {
            let settings = layered(Settings::defaults(), matches)?;
            let upgrade = matches.get_flag("upgrade");
            checked(&settings).map(|config| Task::Run(config, settings, upgrade))
        }
        Some(("demo", matches)) => {
            let settings = layered(Settings::demo_defaults(), matches)?;
            let days = matches.get_one("days").copied().unwrap_or(demo::DAYS);
            let scene = Scene { days, crowd: matches.get_flag("crowd") };
            config(Config::for_demo(&settings)).map(|config| Task::Demo(config, scene))
        }
        Some(("check", matches)) => {
            let settings = layered(Settings::defaults(), matches)?;
            let config = checked(&settings)?;
            Ok(Task::Print(format!("{settings}{}", acme_status(&config))))
        }
        Some(("trim", matches)) => {
            let settings = layered(Settings::defaults(), matches)?;
            config(Config::for_upkeep(&settings)).map(Task::Trim)
        }
        Some(("backfill", matches)) => {
            let (from, to) = days(matches)?;
            let what = Backfill { from, to, force: matches.get_flag("force") };
            let settings = layered(Settings::defaults(), matches)?;
            config(Config::for_upkeep(&settings)).map(|config| Task::Backfill(config, what))
        }
        Some(("migrate", matches)) => {
            let settings = layered(Settings::defaults(), matches)?;
            let force = matches.get_flag("force");
            config(Config::for_upkeep(&settings)).map(|config| Task::Migrate(config, force))
        }
        Some(("export", matches)) => {
            let (from, to) = days(matches)?;
            let format = matches.get_one::<String>("format").and_then(|f| Format::parse(f));
            let format = format.unwrap_or(Format::Csv);
            let output = matches.get_one::<PathBuf>("output").cloned();
            let settings = layered(Settings::defaults(), matches)?;
            let what = Export { from, to, format, output };
            config(Config::for_upkeep(&settings)).map(|config| Task::Export(config, what))
        }
        Some(("delete", matches)) => {
            if !matches.contains_id("site") {
                return Err("--site is missing: name the site to delete from".to_owned());
            }
            let range = matches.contains_id("from").then(|| days(matches)).transpose()?;
            let yes = matches.get_flag("yes");
            if !yes && !std::io::stdin().is_terminal() {
                return Err("nobody is here to be asked: --yes deletes without".to_owned());
            }
            let settings = layered(Settings::defaults(), matches)?;
            let what = Delete { days: range, yes };
            config(Config::for_upkeep(&settings)).map(|config| Task::Delete(config, what))
        }
        Some(("copy", matches)) => {
            let settings = layered(Settings::defaults(), matches)?;
            let config = config(Config::for_upkeep(&settings))?;
            let url = |name: &str| {
                let typed = matches.get_one::<String>(name).map_or("", String::as_str);
                let url: Result<StoreUrl, _> = typed.parse();
                let url = url.map_err(|e| format!("--{name} {}", e.problem()))?;
                Ok::<_, String>(url.trusting_as(&config.store))
            };
            let (from, to) = (url("from")?, url("to")?);
            let force = matches.get_flag("force");
            Ok(Task::Copy(config, Copy { from, to, force }))
        }
        Some(("import", matches)) => {
            let logs = matches.get_many::<PathBuf>("logs").unwrap_or_default().cloned().collect();
            let what = Import {
                format: matches.get_one::<String>("format").cloned(),
                logs,
                force: matches.get_flag("force"),
                give_up: matches.get_flag("give-up"),
            };
            let nothing = what.logs.is_empty() && !what.give_up;
            if nothing && std::io::stdin().is_terminal() {
                return Err("no log is named, and nothing comes by standard input".to_owned());
            }
            let settings = layered(Settings::defaults(), matches)?;
            config(Config::for_upkeep(&settings)).map(|config| Task::Import(config, what))
        }
        Some(("passwd", _)) => Ok(Task::Passwd),
        Some(("health", matches)) => {
            let settings = layered(Settings::defaults(), matches)?;
            Config::admin_address(&settings).map(Task::Health).map_err(|e| e.to_string())
        }
        Some(("completions", matches)) => {
            let shell = *matches.get_one("shell").expect("clap wants one");
            Ok(Task::Print(packaged::completions(self::command(), shell)))
        }
        Some(("man", matches)) => packaged::page(self::command(), matches.get_one("command"))
            .map(Task::Print)
            .map_err(|e| e.to_string()),
        _ => Ok(Task::Print(command.render_help().to_string())),
    }
}

/// First and last day of a command that needs both.
fn days(matches: &ArgMatches) -> Result<(Day, Day), String> {
    let day = |name: &str| matches.get_one::<Day>(name).copied().unwrap_or_default();
    match (day("from"), day("to")) {
        (from, to) if from > to => Err("--from is after --to".to_owned()),
        days => Ok(days),
    }
}

/// Settings of `run`, with what the files that they name hold.
fn checked(settings: &Settings) -> Result<Box<Config>, String> {
    let config = config(Config::for_run(settings))?;
    let certificates = config.tls.as_ref().map(Certificates::load).transpose();
    let files = certificates
        .and_then(|_| config.sites.iter().try_for_each(|site| Rules::new(&site.rules).map(drop)));
    files.map(|_| config).map_err(|e| format!("{e:#}"))
}

fn config(read: Result<Config, impl ToString>) -> Result<Box<Config>, String> {
    read.map(Box::new).map_err(|e| e.to_string())
}

fn command() -> Command {
    let command = Command::new("headcount")
        .version(env!("CARGO_PKG_VERSION"))
        .about("Web analytics from in front of your website: a reverse proxy that counts")
        .after_help(help::EXAMPLES)
        .disable_help_subcommand(true)
        .subcommand(with_settings(
            Command::new("run")
                .about("Stand in front of a website and count its pageviews")
                .arg(upgrade_flag()),
            |_| true,
        ))
        .subcommand(with_settings(
            Command::new("demo")
                .about("Two small sites of its own behind the proxy, with sample traffic")
                // For tests, which cannot wait for visitors who come as often as on other days.
                .arg(Arg::new("crowd").long("crowd").action(ArgAction::SetTrue).hide(true))
                .arg(
                    Arg::new("days")
                        .long("days")
                        .value_name("N")
                        .value_parser(clap::value_parser!(u32).range(..=3_650))
                        .help("Days of made-up history in an empty store [default: 365; 0: none]"),
                ),
            |key| key.path != "upstream",
        ))
        .subcommand(with_settings(
            Command::new("check")
                .about("Say what is wrong with the settings, or print those in force for `run`"),
            |_| true,
        ))
        .subcommand(with_settings(
            Command::new("trim").about(
                "Do the daily job now: trim events, roll up months, let go what retention says",
            ),
            upkeep_key,
        ))
        .subcommand(with_settings(
            Command::new("backfill")
                .about("Sum up days again from their events, and replace what is stored")
                .args([day_flag("from", "First day"), day_flag("to", "Last day")])
                .arg(force_flag()),
            upkeep_key,
        ))
        .subcommand(with_settings(
            Command::new("migrate")
                .about(
                    "Move keys of the wrong type or an older layout aside, and read them in again",
                )
                .arg(force_flag()),
            upkeep_key,
        ))
        .subcommand(export())
        .subcommand(delete())
        .subcommand(copy())
        .subcommand(import())
        .subcommand(
            Command::new("passwd")
                .about("Read a password and print the line for [admin_auth] in the settings"),
        )
        .subcommand(with_settings(
            Command::new("health").about("Ask the process that runs here whether it lives"),
            |key| key.path == "admin",
        ));
    packaged::with_commands(command)
}

fn export() -> Command {
    let formats: Vec<&str> = Format::ALL.iter().map(|format| format.as_str()).collect();
    let format = Arg::new("format")
        .long("format")
        .value_name("FORMAT")
        .value_parser(formats)
        .default_value("csv")
        .help("How rows are written");
    let output = Arg::new("output")
        .long("output")
        .value_name("FILE")
        .value_parser(clap::value_parser!(PathBuf))
        .help("Where to, instead of standard output");
    let about =
        "Write event rows out as CSV, NDJSON or (where built with it) Parquet, for other programs";
    let command = Command::new("export")
        .about(about)
        .long_about(format!("{about}.\n\n{}", help::EXPORT))
        .args([day_flag("from", "First day"), day_flag("to", "Last day"), format, output]);
    with_settings(command, store_key).after_long_help(format!("Columns:\n{}", columns::list()))
}

fn delete() -> Command {
    let yes = Arg::new("yes")
        .long("yes")
        .action(ArgAction::SetTrue)
        .help("Ask nothing; needed where there is no terminal");
    let about = "Delete what is kept of a site: some days, or everything";
    let day = |name, other, help| day_flag(name, help).required(false).requires(other);
    let command = Command::new("delete")
        .about(about)
        .long_about(format!("{about}.\n\n{}", help::DELETE))
        .args([day("from", "to", "First day"), day("to", "from", "Last day"), yes]);
    with_settings(command, store_key)
}

fn copy() -> Command {
    let url = |name, help| Arg::new(name).long(name).value_name("URL").required(true).help(help);
    let about = "Copy sites from one store into another";
    let command = Command::new("copy")
        .about(about)
        .long_about(format!("{about}.\n\n{}", help::COPY))
        .args([url("from", "Store to read"), url("to", "Store to write, as `store` names one")])
        .arg(force_flag().help("Replace what is there; copy days without visitors' hashes"));
    with_settings(command, |key| store_key(key) && key.path != "store")
}

fn import() -> Command {
    let logs = Arg::new("logs")
        .value_name("LOG")
        .num_args(0..)
        .value_parser(clap::value_parser!(PathBuf))
        .help("Logs, plain or packed (.gz, .zst); - or none: standard input");
    let format = Arg::new("format")
        .long("format")
        .value_name("NAME|PATTERN")
        .help("How their lines are written [default: found out]");
    let give_up = Arg::new("give-up")
        .long("give-up")
        .action(ArgAction::SetTrue)
        .help("End an import that was interrupted; what it has counted stays");
    let about = "Count the access logs of another server, for the days before headcount";
    let names: Vec<String> = NAMES
        .iter()
        .chain(&totals::NAMES)
        .map(|(name, what)| format!("  {name:<15} {what}"))
        .collect();
    let command = Command::new("import")
        .about(about)
        .long_about(format!("{about}.\n\n{}", help::IMPORT))
        .args([logs, format, force_flag().help("Add to days that have counts already"), give_up]);
    with_settings(command, import_key).after_long_help(format!(
        "Formats:\n{}\n\nA pattern is written as nginx's log_format or Apache's LogFormat.",
        names.join("\n")
    ))
}

/// The settings that decide how a log is counted.
fn import_key(key: &Key) -> bool {
    let root = [
        "hosts",
        "trusted_proxies",
        "geoip",
        "place_headers",
        "crawler_ranges",
        "networks",
        "hosting_networks",
        "keep_query",
        "goals",
        "funnels",
        "new_visit_on_source",
    ];
    upkeep_key(key)
        || store_key(key)
        || root.contains(&key.path.as_str())
        || key.path.starts_with("exclude.")
        || ["limits.visitors", "limits.value_length", "privacy.respect_gpc"]
            .contains(&key.path.as_str())
}

/// The settings that say which store, and what lies in it.
fn store_key(key: &Key) -> bool {
    ["store", "store_ca", "site", "timezone", "data_dir", "log"].contains(&key.path.as_str())
}

/// The settings that matter to whoever only looks after the store.
fn upkeep_key(key: &Key) -> bool {
    let keys = [
        "store",
        "site",
        "timezone",
        "data_dir",
        "log",
        "retention_days",
        "rows_days",
        "limits.events_cap",
        "limits.rows_per_dimension",
    ];
    keys.contains(&key.path.as_str())
}

fn upgrade_flag() -> Arg {
    Arg::new("upgrade")
        .long("upgrade")
        .action(ArgAction::SetTrue)
        .help("Take over from a process with the same settings, which then gets SIGQUIT")
}

fn force_flag() -> Arg {
    Arg::new("force")
        .long("force")
        .action(ArgAction::SetTrue)
        .help("Replace a day even by less than what is stored")
}

fn day_flag(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name)
        .long(name)
        .value_name("DAY")
        .required(true)
        .value_parser(clap::value_parser!(Day))
        .help(format!("{help}, like 2026-11-24, in the site's time zone"))
}

fn with_settings(command: Command, wanted: impl Fn(&Key) -> bool) -> Command {
    let file = Arg::new("config")
        .long("config")
        .value_name("FILE")
        .value_parser(clap::value_parser!(PathBuf))
        .help(format!("File with settings [also: {FILE_VARIABLE}]"));
    command
        .arg(file)
        .args(KEYS.iter().filter(|key| wanted(key)).map(flag))
        .after_help("Every flag is also a variable: --flush-interval is HEADCOUNT_FLUSH_INTERVAL.")
}

/// The flag of a key. Short help shows the common ones, which stand at the file's root.
fn flag(key: &'static Key) -> Arg {
    let arg = Arg::new(key.path.as_str()).long(key.flag());
    let arg = match key.path.as_str() {
        // Alone it is all that a website needs, besides its hosts.
        "acme.email" => arg.visible_alias("acme"),
        _ => arg,
    };
    let arg = match key.table() {
        None => arg,
        Some(table) => arg.help_heading(format!("[{table}]")).hide_short_help(true),
    };
    let default = match &key.default {
        empty if empty.is_empty() => String::new(),
        Value::Text(default) => format!(" [default: {default}]"),
        default => format!(" [default: {default}]"),
    };
    let first = key.help.split_inclusive(". ").next().unwrap_or_default();
    let arg = arg
        .help(format!("{}{default}", first.trim_end()))
        .long_help(format!("{}{default}", key.help));
    match key.default {
        Value::Text(_) => arg.value_name("VALUE"),
        Value::Number(_) => arg.value_name("N").allow_negative_numbers(true),
        Value::List(_) => arg.value_name("A,B").action(ArgAction::Append),
        Value::Switch(_) => arg
            .value_name("true|false")
            .num_args(0..=1)
            .require_equals(true)
            .default_missing_value("true"),
    }
}

/// Lays file, variables and flags over defaults, in this order.
fn layer(
    mut settings: Settings,
    matches: &ArgMatches,
    variables: &[(OsString, OsString)],
) -> Result<Settings, String> {
    let variable =
        variables.iter().find(|(name, file)| name == OsStr::new(FILE_VARIABLE) && !file.is_empty());
    let file = matches
        .get_one::<PathBuf>("config")
        .map(PathBuf::as_path)
        .or_else(|| variable.map(|(_, file)| Path::new(file)));
    let mut lay = || {
        if let Some(file) = file {
            settings.file(file)?;
        }
        settings.variables(variables)?;
        for key in KEYS.iter() {
            // A subcommand may lack a key (`demo` has no upstream): then it was not given.
            if let Ok(Some(values)) = matches.try_get_many::<String>(&key.path) {
                let values: Vec<&str> = values.map(String::as_str).collect();
                settings.flag(key, &values.join(","))?;
            }
        }
        Ok::<_, headcount::config::ConfigError>(())
    };
    lay().map_err(|e| e.to_string())?;
    settings.settle();
    Ok(settings)
}

/// The parser's message without its paragraphs and without the usage below it.
fn one_line(message: &str) -> String {
    let lines = message
        .lines()
        .map(str::trim)
        .take_while(|line| !line.starts_with("Usage:") && !line.starts_with("For more information"))
        .filter(|line| !line.is_empty());
    let text = lines.collect::<Vec<_>>().join("; ");
    text.strip_prefix("error: ").unwrap_or(&text).to_owned()
}
