//! Who may look, beside those of the settings file: people with a password, invitations, tokens of
//! programs, and links that show one site.
//!
//! Nothing here is readable as it is used but the key of a link, which its owners hand out:
//! passwords are argon2 hashes, tokens and invitations are digests.

use super::{Document, named};
use crate::clock::{HOUR, Millis};
use crate::model::site::Day;
use crate::report::{Invalid, Reason};
use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};

/// Of each kind at most so many.
const MOST: usize = 500;
const NAME_MAX: usize = 100;

/// Origins of other websites that may show a link in a frame.
const ORIGINS_MAX: usize = 10;

/// How long an invitation is good.
const INVITED: Millis = 7 * 24 * HOUR;

/// All of it, of all sites together.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Access {
    last_id: u64,
    /// Raised when those who signed in with the file's password are to sign in again.
    pub epoch: u64,
    pub people: Vec<Person>,
    pub invitations: Vec<Invitation>,
    pub tokens: Vec<Token>,
    pub links: Vec<Link>,
}

impl Document for Access {
    const NAME: &'static str = crate::store::KEPT_OF_ALL;
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    pub id: u64,
    /// What they sign in with: a name or an address, compared without case.
    pub name: String,
    /// An argon2 hash in PHC form.
    pub password: String,
    pub rights: Rights,
    /// Raised when their sessions are to end.
    pub epoch: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    Viewer,
    Owner,
}

/// What somebody may do, by site; or everything.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Rights {
    pub everything: bool,
    pub sites: BTreeMap<String, Role>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invitation {
    pub id: u64,
    pub digest: String,
    /// Whom it is for; they may choose another name.
    pub name: String,
    pub rights: Rights,
    pub expires: Millis,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Scope {
    #[serde(rename = "stats:read")]
    ReadStats,
    #[serde(rename = "sites:read")]
    ReadSites,
    #[serde(rename = "sites:write")]
    WriteSites,
    #[serde(rename = "metrics:read")]
    ReadMetrics,
}

impl Scope {
    pub const ALL: [Self; 4] =
        [Self::ReadStats, Self::ReadSites, Self::WriteSites, Self::ReadMetrics];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::ReadStats => "stats:read",
            Self::ReadSites => "sites:read",
            Self::WriteSites => "sites:write",
            Self::ReadMetrics => "metrics:read",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Token {
    pub id: u64,
    pub name: String,
    pub digest: String,
    /// `None`: all sites, those to come included.
    pub sites: Option<BTreeSet<String>>,
    pub scopes: BTreeSet<Scope>,
    /// The last day it was used, in UTC.
    pub used: Option<Day>,
}

/// A way to one site's dashboard without a name: a link with a key, or the public page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    pub id: u64,
    /// `None`: the site's public page.
    pub key: Option<String>,
    pub site: String,
    pub name: String,
    /// An argon2 hash in PHC form.
    pub password: Option<String>,
    /// The segment that it is limited to.
    pub segment: Option<u64>,
    /// Origins whose pages may show it in a frame.
    pub origins: Vec<String>,
}

impl Link {
    /// Where it is.
    pub fn path(&self) -> String {
        match &self.key {
            Some(key) => format!("/share/{key}"),
            None => format!("/public/{}", self.site),
        }
    }
}

/// The digest under which a secret is stored.
fn digest(secret: &str) -> String {
    HEXLOWER.encode(&Sha256::digest(secret))
}

fn random() -> String {
    BASE64URL_NOPAD.encode(&rand::random::<[u8; 32]>())
}

impl Rights {
    pub fn all() -> Self {
        Self { everything: true, sites: BTreeMap::new() }
    }

    pub fn role(&self, site: &str) -> Option<Role> {
        if self.everything { Some(Role::Owner) } else { self.sites.get(site).copied() }
    }

    pub fn may_see(&self, site: &str) -> bool {
        self.role(site).is_some()
    }

    /// Whether they are about this site and no other.
    pub fn are_only_of(&self, site: &str) -> bool {
        !self.everything && self.sites.keys().all(|known| known == site)
    }

    pub fn owns(&self, site: &str) -> bool {
        self.role(site) == Some(Role::Owner)
    }
}

impl Access {
    fn id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    pub fn person(&self, name: &str) -> Option<&Person> {
        let name = name.trim().to_lowercase();
        self.people.iter().find(|person| person.name.to_lowercase() == name)
    }

    pub fn person_by_id(&self, id: u64) -> Option<&Person> {
        self.people.iter().find(|person| person.id == id)
    }

    pub fn person_mut(&mut self, id: u64) -> Result<&mut Person, Invalid> {
        let gone = || {
            let line = "this person was taken out meanwhile";
            Invalid::new(line).because(Reason::PersonGone)
        };
        self.people.iter_mut().find(|person| person.id == id).ok_or_else(gone)
    }

    pub fn link_by_key(&self, key: &str) -> Option<&Link> {
        // Digests are compared: how long that takes tells nothing about a key.
        let wanted = digest(key);
        let is_it = |link: &&Link| link.key.as_deref().is_some_and(|key| digest(key) == wanted);
        self.links.iter().find(is_it)
    }

    pub fn public(&self, site: &str) -> Option<&Link> {
        self.links.iter().find(|link| link.key.is_none() && link.site == site)
    }

    pub fn token(&self, token: &str) -> Option<&Token> {
        let wanted = digest(token);
        self.tokens.iter().find(|token| token.digest == wanted)
    }

    /// An invitation that is good now.
    pub fn invitation(&self, secret: &str, now: Millis) -> Option<&Invitation> {
        let wanted = digest(secret);
        let found = self.invitations.iter().find(|invitation| invitation.digest == wanted);
        found.filter(|invitation| now < invitation.expires)
    }

    /// Invites somebody; gives what their link ends with.
    ///
    /// # Errors
    /// The name is taken, or there are too many.
    pub fn invite(&mut self, name: &str, rights: Rights, now: Millis) -> Result<String, Invalid> {
        let name = named("a person's name", name, NAME_MAX)?;
        if self.person(&name).is_some() {
            let line = format!("{name} is among the people already");
            return Err(Invalid::new(line).because(Reason::Taken { name }));
        }
        if !rights.everything && rights.sites.is_empty() {
            return Err(Invalid::new("choose a site that the person may see"));
        }
        self.invitations.retain(|invitation| now < invitation.expires);
        room(&self.invitations, "invitations")?;
        let secret = random();
        let (id, expires) = (self.id(), now + INVITED);
        let digest = digest(&secret);
        self.invitations.push(Invitation { id, digest, name, rights, expires });
        Ok(secret)
    }

    /// Makes a person of an invitation, which is used up by that.
    ///
    /// # Errors
    /// The invitation is not good, or the name is taken.
    pub fn accept(
        &mut self,
        secret: &str,
        name: &str,
        password: String,
        now: Millis,
    ) -> Result<Person, Invalid> {
        let invitation = self.invitation(secret, now).cloned();
        let invitation = invitation.ok_or_else(|| {
            Invalid::new("this invitation is not good").because(Reason::InvitationGone)
        })?;
        let name = named("a name", name, NAME_MAX)?;
        if self.person(&name).is_some() {
            let line = format!("{name} is taken: choose another name");
            return Err(Invalid::new(line).because(Reason::Taken { name }));
        }
        room(&self.people, "people")?;
        self.invitations.retain(|other| other.id != invitation.id);
        let id = self.id();
        let person = Person { id, name, password, rights: invitation.rights, epoch: 0 };
        self.people.push(person.clone());
        Ok(person)
    }

    /// Makes a token; gives it, for it is not stored.
    ///
    /// # Errors
    /// The name is taken, or it would be good for nothing.
    pub fn add_token(
        &mut self,
        name: &str,
        sites: Option<BTreeSet<String>>,
        scopes: BTreeSet<Scope>,
    ) -> Result<String, Invalid> {
        let name = named("a token's name", name, NAME_MAX)?;
        if self.tokens.iter().any(|token| token.name == name) {
            let line = format!("there is a token called {name} already");
            return Err(Invalid::new(line).because(Reason::Taken { name }));
        }
        if scopes.is_empty() || sites.as_ref().is_some_and(BTreeSet::is_empty) {
            let line = "choose what the token is good for: a site and a right";
            return Err(Invalid::new(line).because(Reason::TokenForNothing));
        }
        room(&self.tokens, "tokens")?;
        let token = format!("hc_{}", random());
        let (id, digest) = (self.id(), digest(&token));
        self.tokens.push(Token { id, name, digest, sites, scopes, used: None });
        Ok(token)
    }

    /// Makes a link; gives its number.
    ///
    /// # Errors
    /// It cannot be kept.
    pub fn add_link(&mut self, link: Link) -> Result<u64, Invalid> {
        self.put_link(Link { key: Some(random()), ..link })
    }

    /// Makes a site's page public. There is one.
    ///
    /// # Errors
    /// It cannot be kept.
    pub fn add_public(&mut self, link: Link) -> Result<u64, Invalid> {
        if self.public(&link.site).is_some() {
            let line = "the site has a public page already";
            return Err(Invalid::new(line).because(Reason::PublicAlready));
        }
        self.put_link(Link { key: None, ..link })
    }

    fn put_link(&mut self, link: Link) -> Result<u64, Invalid> {
        let name = named("a link's name", &link.name, NAME_MAX)?;
        if link.password.is_some() && !link.origins.is_empty() {
            let line =
                "a link with a password cannot be shown in a frame: browsers send no cookies there";
            return Err(Invalid::new(line).because(Reason::LockedInFrame));
        }
        room(&self.links, "links")?;
        let id = self.id();
        self.links.push(Link { id, name, ..link });
        Ok(id)
    }

    pub fn has_people(&self) -> bool {
        !self.people.is_empty()
    }
}

fn room<T>(all: &[T], what: &str) -> Result<(), Invalid> {
    match all.len() < MOST {
        true => Ok(()),
        false => {
            let line = format!("there are {MOST} {what}: delete one first");
            Err(Invalid::new(line).because(Reason::Full { most: MOST }))
        }
    }
}

/// Origins from a list of them, as a content security policy takes them.
///
/// # Errors
/// One is none.
pub fn origins(text: &str) -> Result<Vec<String>, Invalid> {
    let each = text.split([' ', ',', '\n', '\r']).filter(|origin| !origin.is_empty());
    let read = |text: &str| {
        let wrong = || {
            let escaped = text.escape_debug();
            let line = format!("`{escaped}` is no origin, like https://www.example.org");
            Invalid::new(line).because(Reason::Origin { text: text.to_owned() })
        };
        let uri: http::Uri = text.parse().map_err(|_| wrong())?;
        let scheme = uri.scheme_str().filter(|scheme| matches!(*scheme, "http" | "https"));
        let (Some(scheme), Some(host)) = (scheme, uri.authority()) else { return Err(wrong()) };
        let is_plain =
            |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '[' | ']');
        let bare = uri.path() == "/" && uri.query().is_none() && !text.contains('#');
        if !bare || !host.as_str().chars().all(is_plain) {
            return Err(wrong());
        }
        Ok(format!("{scheme}://{}", host.as_str().to_ascii_lowercase()))
    };
    let origins: Vec<String> = each.map(read).collect::<Result<_, _>>()?;
    match origins.len() <= ORIGINS_MAX {
        true => Ok(origins),
        false => {
            let line = format!("a link has at most {ORIGINS_MAX} origins");
            Err(Invalid::new(line).because(Reason::Origins { most: ORIGINS_MAX }))
        }
    }
}
