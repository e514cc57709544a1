//! What a package puts beside the program: completions for shells, and manual pages.
//!
//! Both are made from the description by which the command line is read, so they know every
//! setting. Apart because nothing else needs them.

use clap::{Arg, Command, value_parser};
use clap_complete::Shell;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};
use std::io;

/// Adds `completions` and `man`, which knows the names of all commands.
pub fn with_commands(command: Command) -> Command {
    let shell = Arg::new("shell")
        .value_name("SHELL")
        .required(true)
        .value_parser(value_parser!(Shell))
        .help("The shell that reads them");
    let completions = Command::new("completions")
        .about("Print completions of commands and flags, for a shell to read")
        .arg(shell);
    let command = command.subcommand(completions);
    let before = command.get_subcommands().map(|of| of.get_name().to_owned());
    let names: Vec<String> = before.chain(["man".to_owned()]).collect();
    let of = Arg::new("command")
        .value_name("COMMAND")
        .value_parser(names)
        .help("The command it is about; none: headcount itself");
    let man = Command::new("man").about("Print a manual page, in roff: `man -l` shows it").arg(of);
    command.subcommand(man)
}

pub fn completions(mut command: Command, shell: Shell) -> String {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut command, "headcount", &mut text);
    String::from_utf8_lossy(&text).into_owned()
}

/// The page of a command, or of the program.
///
/// # Errors
/// None in practice: it is written into memory.
pub fn page(mut command: Command, of: Option<&String>) -> io::Result<String> {
    command.build();
    let mut command = match of.and_then(|of| command.find_subcommand(of)) {
        Some(of) => of.clone(),
        None => command,
    };
    let (usage, rest) = synopsis(&mut command);
    let has_more = command.get_after_help().or(command.get_after_long_help()).is_some();
    let commands = command.has_subcommands();
    let name = command.get_display_name().unwrap_or("headcount").to_owned();
    let man = Man::new(command);
    // The library's own leaves the empty date out, and what follows would take its place.
    let version = env!("CARGO_PKG_VERSION");
    let mut text = format!(".TH {name} 1 \"\" \"headcount {version}\" headcount\n").into_bytes();
    man.render_name_section(&mut text)?;
    // The library's own would name all of some two hundred flags.
    let mut roff = Roff::new();
    roff.control("SH", ["SYNOPSIS"]).text([bold(usage), roman(rest)]);
    roff.to_writer(&mut text)?;
    man.render_description_section(&mut text)?;
    man.render_options_section(&mut text)?;
    if commands {
        man.render_subcommands_section(&mut text)?;
    }
    if has_more {
        man.render_extra_section(&mut text)?;
    }
    Ok(String::from_utf8_lossy(&text).into_owned())
}

/// `headcount run` and ` [OPTIONS]`.
fn synopsis(command: &mut Command) -> (String, String) {
    let usage = command.render_usage().to_string();
    let usage = usage.trim_start_matches("Usage: ");
    let (name, rest) = usage.split_at(usage.find(['[', '<', '-']).unwrap_or(usage.len()));
    (name.trim_end().to_owned(), format!(" {rest}"))
}
