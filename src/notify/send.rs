//! By mail, or to a webhook as Standard Webhooks has them (standardwebhooks.com): JSON, signed.

use super::message::Message;
use crate::clock::{Millis, SECOND};
use crate::config::{Address, Mail, Secret};
use crate::https;
use crate::telemetry::NoticeOutcome;
use anyhow::Context;
use bytes::Bytes;
use data_encoding::{BASE64, HEXLOWER};
use hmac::{Hmac, Mac};
use http::{Request, StatusCode};
use http_body_util::Full;
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use lettre::message::{Mailbox, MultiPart};
use lettre::{AsyncSmtpTransport, AsyncTransport, Tokio1Executor};
use sha2::{Digest, Sha256};
use std::fmt;
use std::time::Duration;
use tokio::time::timeout;
use url::Url;

/// How long a server may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// What became of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    Sent,
    /// It was not sent, and may be taken later.
    NotNow(String),
    /// It was not sent, and never will be taken.
    Refused(String),
    /// The connection broke off where it may have been taken.
    Unknown(String),
}

type HookClient = Client<HttpsConnector<HttpConnector>, Full<Bytes>>;

/// Sends messages.
pub struct Sender {
    mail: Option<(AsyncSmtpTransport<Tokio1Executor>, Mailbox)>,
    hooks: Option<(HookClient, Secret)>,
    dashboard: Option<String>,
}

impl Outcome {
    pub fn kind(&self) -> NoticeOutcome {
        match self {
            Self::Sent => NoticeOutcome::Sent,
            Self::NotNow(_) => NoticeOutcome::NotNow,
            Self::Refused(_) => NoticeOutcome::Refused,
            Self::Unknown(_) => NoticeOutcome::Unknown,
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sent => f.write_str("sent"),
            Self::NotNow(why) => write!(f, "not now: {why}"),
            Self::Refused(why) => write!(f, "refused: {why}"),
            Self::Unknown(why) => write!(f, "{why}; it may have arrived, and is not sent again"),
        }
    }
}

impl Sender {
    /// # Errors
    /// A system without certificates to trust.
    pub fn new(
        mail: Option<&Mail>,
        secret: Option<&Secret>,
        dashboard: Option<&str>,
    ) -> anyhow::Result<Self> {
        let mail = mail.map(|Mail { server, from }| {
            let transport = AsyncSmtpTransport::<Tokio1Executor>::from_url(server.expose());
            let transport = transport.context("mail.server")?.timeout(Some(PATIENCE)).build();
            anyhow::Ok((transport, from.clone()))
        });
        let hooks = secret.map(|secret| {
            let client = Client::builder(TokioExecutor::new()).build(https::connector()?);
            anyhow::Ok((client, secret.clone()))
        });
        Ok(Self {
            mail: mail.transpose()?,
            hooks: hooks.transpose()?,
            dashboard: dashboard.map(str::to_owned),
        })
    }

    pub fn dashboard(&self) -> Option<&str> {
        self.dashboard.as_deref()
    }

    /// Looks whether the mail server answers, so that nothing is claimed that cannot be sent. Of a
    /// webhook only sending tells.
    pub async fn reach(&self, to: &Address) -> Result<(), String> {
        let (Address::Mail(_), Some((transport, _))) = (to, &self.mail) else { return Ok(()) };
        match timeout(PATIENCE, transport.test_connection()).await {
            Ok(Ok(true)) => Ok(()),
            Ok(Ok(false)) => Err("the mail server does not answer".to_owned()),
            Ok(Err(error)) => Err(with_causes(&error)),
            Err(_) => Err("the mail server does not answer in time".to_owned()),
        }
    }

    /// `name`: what this is, the same whenever it is sent.
    pub async fn send(&self, name: &str, message: &Message, to: &Address, now: Millis) -> Outcome {
        match to {
            Address::Mail(address) => self.mail(name, message, address).await,
            Address::Hook(url) => self.hook(name, message, url, now).await,
        }
    }

    async fn mail(&self, name: &str, message: &Message, to: &lettre::Address) -> Outcome {
        let Some((transport, from)) = &self.mail else {
            return Outcome::Refused("there is no mail server".to_owned());
        };
        let id = format!("<{}@{}>", fingerprint(name), from.email.domain());
        let mail = lettre::Message::builder()
            .from(from.clone())
            .to(Mailbox::new(None, to.clone()))
            .subject(&message.subject)
            .message_id(Some(id))
            .multipart(MultiPart::alternative_plain_html(
                message.text.clone(),
                message.html.clone(),
            ));
        let mail = match mail {
            Ok(mail) => mail,
            Err(error) => return Outcome::Refused(error.to_string()),
        };
        match timeout(2 * PATIENCE, transport.send(mail)).await {
            Ok(Ok(_)) => Outcome::Sent,
            Ok(Err(error)) if error.is_transient() => Outcome::NotNow(with_causes(&error)),
            Ok(Err(error)) if error.is_permanent() || error.is_client() => {
                Outcome::Refused(with_causes(&error))
            }
            Ok(Err(error)) => Outcome::Unknown(with_causes(&error)),
            Err(_) => Outcome::Unknown("the mail server did not answer in time".to_owned()),
        }
    }

    async fn hook(&self, name: &str, message: &Message, url: &Url, now: Millis) -> Outcome {
        let Some((client, secret)) = &self.hooks else {
            return Outcome::Refused("there is no secret to sign it with".to_owned());
        };
        let (id, seconds) = (format!("msg_{}", fingerprint(name)), now / SECOND);
        let body = message.json.to_string();
        let signature = sign(secret, &id, seconds, &body);
        let request = Request::post(url.as_str())
            .header("content-type", "application/json")
            .header("user-agent", concat!("headcount/", env!("CARGO_PKG_VERSION")))
            .header("webhook-id", id)
            .header("webhook-timestamp", seconds)
            .header("webhook-signature", signature)
            .body(Full::new(Bytes::from(body)));
        let request = match request {
            Ok(request) => request,
            Err(error) => return Outcome::Refused(error.to_string()),
        };
        match timeout(PATIENCE, client.request(request)).await {
            Ok(Ok(answer)) if answer.status().is_success() => Outcome::Sent,
            Ok(Ok(answer)) => {
                let why = format!("the answer was {}", answer.status());
                let later = matches!(
                    answer.status(),
                    StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS
                );
                if later || answer.status().is_server_error() {
                    Outcome::NotNow(why)
                } else {
                    Outcome::Refused(why)
                }
            }
            Ok(Err(error)) if error.is_connect() => Outcome::NotNow(with_causes(&error)),
            Ok(Err(error)) => Outcome::Unknown(with_causes(&error)),
            Err(_) => Outcome::Unknown("no answer in time".to_owned()),
        }
    }
}

/// The signature's field: its version, and the code over id, time and body.
fn sign(secret: &Secret, id: &str, seconds: i64, body: &str) -> String {
    let mac = <Hmac<Sha256> as Mac>::new_from_slice(secret.expose().as_bytes());
    let mut mac = mac.expect("an HMAC takes keys of any length");
    mac.update(format!("{id}.{seconds}.{body}").as_bytes());
    format!("v1,{}", BASE64.encode(&mac.finalize().into_bytes()))
}

fn fingerprint(name: &str) -> String {
    HEXLOWER.encode(&Sha256::digest(name)[..12])
}

/// An error in one line, with what caused it.
fn with_causes(error: &dyn std::error::Error) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        // Some repeat what caused them.
        let next = error.to_string();
        if !line.contains(&next) {
            line = format!("{line}: {next}");
        }
        cause = error.source();
    }
    line
}
