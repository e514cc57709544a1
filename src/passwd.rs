//! `headcount passwd`: a password goes in, the line for the settings comes out.
//!
//! Apart because it is the only part that talks to a person at a terminal.

use anyhow::{Context, bail};
use argon2::{Argon2, PasswordHasher};
use std::io::{IsTerminal, Write, stdin, stdout};

/// Reads a password, twice and unseen at a terminal, else the first line of standard input, and
/// prints `password_hash = "…"`.
pub fn run() -> anyhow::Result<()> {
    let password = if stdin().is_terminal() {
        let password = rpassword::prompt_password("Password: ")?;
        if rpassword::prompt_password("Again: ")? != password {
            bail!("the two passwords differ");
        }
        eprintln!("Put this line under [admin_auth]:");
        password
    } else {
        let mut line = String::new();
        stdin().read_line(&mut line).context("cannot read the password")?;
        line.trim_end_matches(['\r', '\n']).to_owned()
    };
    if password.is_empty() {
        bail!("the password is empty");
    }
    let hash = Argon2::default()
        .hash_password(password.as_bytes())
        .map_err(|e| anyhow::anyhow!("cannot hash the password: {e}"))?;
    writeln!(stdout(), "password_hash = \"{hash}\"").context("cannot print the hash")
}
