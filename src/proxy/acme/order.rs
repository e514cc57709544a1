//! One order: from names to a certificate, or to why there is none.

use super::challenges::{Challenges, Proofs, SETTLE};
use super::client::Client;
use super::plan::{Wanted, Window};
use super::shared::Shared;
use super::state::{self, State};
use crate::clock::{Clock, MINUTE, Millis, SECOND};
use crate::config;
use crate::proxy::tls;
use instant_acme::{
    Account, AccountCredentials, AuthorizationStatus, CertificateIdentifier, ChallengeType, Error,
    Identifier, NewAccount, NewOrder, Order, OrderStatus, Problem, RetryPolicy,
};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::sleep;

/// How long the authority may take to prove names, and to make the certificate.
const DECIDES: RetryPolicy = RetryPolicy::new()
    .initial_delay(Duration::from_millis(500))
    .backoff(1.5)
    .timeout(DECIDES_WITHIN);
const DECIDES_WITHIN: Duration = Duration::from_secs(60);

/// After one name has failed the order is void. The others are still looked at, so many times, a
/// second apart, so that all that failed can be told.
const LOOKS: usize = 20;

/// Characters kept of a reason that the authority gives.
const REASON_MAX: usize = 400;

/// Why there is no certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// Because of these names, each for its own reason.
    Names(BTreeMap<String, String>),
    /// The authority refuses the order as it is; a name of it may be the reason.
    Refused(String),
    /// The authority has set a limit; it may say until when.
    Limited { why: String, until: Option<Millis> },
    /// It does not know the account any more.
    NoAccount,
    /// The authority cannot be reached, or answers otherwise than it should.
    Away(String),
}

/// A conversation with the authority.
pub struct Authority<'a> {
    pub settings: &'a config::Acme,
    pub clock: &'a Clock,
    pub challenges: &'a Challenges,
    pub shared: Option<&'a Arc<Shared>>,
    client: Client,
}

impl<'a> Authority<'a> {
    /// # Errors
    /// See [`Client::new`].
    pub fn new(
        settings: &'a config::Acme,
        clock: &'a Clock,
        challenges: &'a Challenges,
        shared: Option<&'a Arc<Shared>>,
    ) -> anyhow::Result<Self> {
        let client = Client::new(settings, clock.clone())?;
        Ok(Self { settings, clock, challenges, shared, client })
    }

    /// The account in `state`, if it can be read, or a new one, which is put there; and whether
    /// `state` has changed.
    pub async fn account(&self, state: &mut State) -> Result<(Account, bool), Failure> {
        let known = state.account.as_ref().and_then(|known| {
            let credentials = serde_json::from_value(known.credentials.clone()).ok()?;
            Some((known, credentials))
        });
        let account = match known {
            Some((known, credentials)) => self.known_account(known, credentials).await,
            None => self.new_account().await,
        };
        let (account, changed) = account.map_err(|error| self.failure(error))?;
        let is_new = changed.is_some();
        if is_new {
            state.account = changed;
        }
        Ok((account, is_new))
    }

    async fn known_account(
        &self,
        known: &state::Account,
        credentials: AccountCredentials,
    ) -> Result<(Account, Option<state::Account>), Error> {
        let builder = Account::builder_with_http(Box::new(self.client.clone()));
        let account = builder.from_credentials(credentials).await?;
        let email = &self.settings.email;
        if known.email == *email {
            return Ok((account, None));
        }
        account.update_contacts(&[&contact(email)]).await?;
        Ok((account, Some(state::Account { email: email.clone(), ..known.clone() })))
    }

    async fn new_account(&self) -> Result<(Account, Option<state::Account>), Error> {
        let email = self.settings.email.clone();
        let builder = Account::builder_with_http(Box::new(self.client.clone()));
        let new = NewAccount {
            contact: &[&contact(&email)],
            // The help of `acme.email` says that giving an address agrees to them.
            terms_of_service_agreed: true,
            only_return_existing: false,
        };
        let directory = self.settings.directory.clone();
        let (account, credentials) = builder.create(&new, directory, None).await?;
        let credentials = serde_json::to_value(&credentials)?;
        Ok((account, Some(state::Account { email, credentials })))
    }

    /// When the authority would like a certificate to be renewed, and when to ask again. `None`: it
    /// does not say.
    pub async fn window(
        &self,
        account: &Account,
        certificate: &tls::Certificate,
    ) -> Result<Option<(Window, Millis)>, Failure> {
        let Some(id) = identifier(certificate) else { return Ok(None) };
        let (info, delay) = match account.renewal_info(&id).await {
            Err(Error::Unsupported(_)) => return Ok(None),
            told => told.map_err(|error| self.failure(error))?,
        };
        let window = info.suggested_window;
        let [start, end] = [window.start, window.end].map(|at| at.unix_timestamp() * SECOND);
        // RFC 9773 §4.3.2: at least a minute, at most a day.
        let delay = Millis::try_from(delay.as_millis()).unwrap_or(Millis::MAX);
        let again = self.clock.now() + delay.clamp(MINUTE, 24 * 60 * MINUTE);
        Ok(Some((Window { start, end }, again)))
    }

    /// Orders a certificate and waits for it: its chain and its key, in PEM.
    pub async fn order(
        &self,
        account: &Account,
        wanted: &Wanted,
        replaces: Option<&tls::Certificate>,
    ) -> Result<(String, String), Failure> {
        let failed = |error| self.failure(error);
        let mut order = self.new_order(account, wanted, replaces).await.map_err(failed)?;
        let proofs = self.proofs(&mut order).await?;
        if !proofs.is_empty() {
            let shared = async {
                let Some(shared) = self.shared else { return Ok(()) };
                shared.put_challenges(&proofs, self.clock.now()).await?;
                sleep(SETTLE).await;
                anyhow::Ok(())
            };
            shared.await.map_err(|error| Failure::Away(format!("{error:#}")))?;
        }
        let in_flight = self.challenges.begin(proofs);
        self.prove(&mut order).await?;
        drop(in_flight);
        let key = order.finalize().await.map_err(failed)?;
        let chain = order.poll_certificate(&DECIDES).await.map_err(failed)?;
        Ok((chain, key))
    }

    async fn new_order(
        &self,
        account: &Account,
        wanted: &Wanted,
        replaces: Option<&tls::Certificate>,
    ) -> Result<Order, Error> {
        let names: Vec<Identifier> = wanted.names.iter().cloned().map(Identifier::Dns).collect();
        let mut new = NewOrder::new(&names);
        if let Some(profile) = &self.settings.profile {
            let known: Vec<&str> = account.profiles().map(|profile| profile.name).collect();
            if !known.contains(&profile.as_str()) {
                let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
                let why = format!("the authority has no profile {profile}; it has: {known}");
                return Err(Error::Other(why.into()));
            }
            new = new.profile(profile);
        }
        if let Some(id) = replaces.and_then(identifier) {
            let new = NewOrder::new(&names).replaces(id);
            let new = match &self.settings.profile {
                Some(profile) => new.profile(profile),
                None => new,
            };
            match account.new_order(&new).await {
                // It may not know the old certificate, have replaced it already, or not support
                // `replaces`.
                Err(Error::Api(problem)) if kind(&problem) != "rateLimited" => {
                    tracing::debug!("not taken as a renewal: {}", said(&problem));
                }
                Err(Error::Unsupported(_) | Error::Other(_)) => {}
                answer => return answer,
            }
        }
        account.new_order(&new).await
    }

    /// What is to be answered for the names that are not proven yet.
    async fn proofs(&self, order: &mut Order) -> Result<Proofs, Failure> {
        let mut proofs = Proofs::new();
        let mut unproven = BTreeMap::new();
        let mut authorizations = order.authorizations();
        while let Some(authorization) = authorizations.next().await {
            let mut authorization = authorization.map_err(|error| self.failure(error))?;
            if authorization.status != AuthorizationStatus::Pending {
                continue;
            }
            let name = authorization.identifier().to_string();
            match authorization.challenge(ChallengeType::Http01) {
                Some(challenge) => {
                    let proof = challenge.key_authorization().as_str().to_owned();
                    proofs.insert(challenge.token.clone(), proof);
                }
                None => {
                    unproven.insert(name, "the authority offers no HTTP-01 for it".to_owned());
                }
            }
        }
        if unproven.is_empty() { Ok(proofs) } else { Err(Failure::Names(unproven)) }
    }

    /// Has the authority check the proofs, and waits until it has.
    async fn prove(&self, order: &mut Order) -> Result<(), Failure> {
        let mut authorizations = order.authorizations();
        while let Some(authorization) = authorizations.next().await {
            let mut authorization = authorization.map_err(|error| self.failure(error))?;
            if authorization.status == AuthorizationStatus::Pending
                && let Some(mut challenge) = authorization.challenge(ChallengeType::Http01)
            {
                let Err(error) = challenge.set_ready().await else { continue };
                let of_the_proof = matches!(error, Error::Api(_));
                match self.failure(error) {
                    failure @ (Failure::Limited { .. } | Failure::NoAccount) => {
                        return Err(failure);
                    }
                    failure if !of_the_proof => return Err(failure),
                    // Why names could not be proven is gathered below.
                    _ => {}
                }
            }
        }
        let void = match order.poll_ready(&DECIDES).await {
            Ok(OrderStatus::Ready) => return Ok(()),
            Ok(_) => Failure::Refused("the order is void".to_owned()),
            Err(Error::Timeout(_)) => {
                Failure::Away(format!("the authority did not decide within {DECIDES_WITHIN:?}"))
            }
            Err(error) => self.failure(error),
        };
        let unproven = unproven(order).await.map_err(|error| self.failure(error))?;
        Err(if unproven.is_empty() { void } else { Failure::Names(unproven) })
    }

    fn failure(&self, error: Error) -> Failure {
        let problem = match error {
            Error::Api(problem) => problem,
            error => {
                let why = one_line(&format!("{:#}", anyhow::Error::from(error)));
                return match self.client.limited() {
                    Some(until) => Failure::Limited { why, until: Some(until) },
                    None => Failure::Away(why),
                };
            }
        };
        let why = said(&problem);
        if kind(&problem) == "rateLimited" || self.client.limited().is_some() {
            return Failure::Limited { why, until: self.client.limited() };
        }
        match kind(&problem) {
            "accountDoesNotExist" => Failure::NoAccount,
            "rejectedIdentifier" | "unsupportedIdentifier" | "malformed" | "dns" | "caa" => {
                let names: BTreeMap<String, String> = (problem.subproblems.iter())
                    .filter_map(|problem| {
                        let Some(Identifier::Dns(name)) = &problem.identifier else { return None };
                        let why = problem.detail.as_deref().unwrap_or(&why);
                        Some((name.clone(), one_line(why)))
                    })
                    .collect();
                if names.is_empty() { Failure::Refused(why) } else { Failure::Names(names) }
            }
            _ => Failure::Away(why),
        }
    }
}

/// The names of an order that could not be proven, each with the reason.
async fn unproven(order: &mut Order) -> Result<BTreeMap<String, String>, Error> {
    let mut names = BTreeMap::new();
    for _ in 0..LOOKS {
        let mut waiting = false;
        let mut authorizations = order.authorizations();
        while let Some(authorization) = authorizations.next().await {
            let mut authorization = authorization?;
            if authorization.status == AuthorizationStatus::Pending {
                authorization.refresh().await?;
            }
            match authorization.status {
                AuthorizationStatus::Pending => waiting = true,
                AuthorizationStatus::Valid => {}
                _ => {
                    let why = authorization.challenges.iter().find_map(|c| c.error.as_ref());
                    let why = why.map_or_else(|| "it could not be proven".to_owned(), said);
                    names.insert(authorization.identifier().to_string(), why);
                }
            }
        }
        if !waiting {
            break;
        }
        sleep(Duration::from_secs(1)).await;
    }
    Ok(names)
}

fn contact(email: &str) -> String {
    format!("mailto:{email}")
}

/// How RFC 9773 names a certificate. `None`: it does not say who has signed it.
fn identifier(certificate: &tls::Certificate) -> Option<CertificateIdentifier<'static>> {
    let leaf = certificate.key.end_entity_cert().ok()?;
    Some(CertificateIdentifier::try_from(leaf).ok()?.into_owned())
}

/// The kind of a problem, without what all kinds begin with.
fn kind(problem: &Problem) -> &str {
    let kind = problem.r#type.as_deref().unwrap_or_default();
    kind.strip_prefix("urn:ietf:params:acme:error:").unwrap_or(kind)
}

/// What the authority says of a problem, for the log.
fn said(problem: &Problem) -> String {
    match &problem.detail {
        Some(detail) => one_line(&format!("{detail} ({})", kind(problem))),
        None => one_line(kind(problem)),
    }
}

/// A stranger's text in one line of bounded length.
fn one_line(text: &str) -> String {
    text.chars().take(REASON_MAX).map(|c| if c.is_control() { ' ' } else { c }).collect()
}
