//! What owners set of a site while the program runs: goals, funnels, and addresses that are not
//! counted. They stand beside those of the settings file, which stay as they are.

use super::{Document, named};
use crate::model::goal::{Funnel, Goal};
use crate::model::site::Site;
use crate::report::{Invalid, Reason};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// Goals, funnels and addresses that a site may have from here; and bytes of a line.
const LIST_MAX: usize = 100;
const LINE_MAX: usize = 500;
const NAME_MAX: usize = 100;

/// As the settings file writes them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SiteSettings {
    pub goals: Vec<String>,
    pub funnels: Vec<String>,
    /// Addresses and networks of visitors who are not counted.
    pub exclude: Vec<String>,
}

impl Document for SiteSettings {
    const NAME: &'static str = "settings";
}

/// A list in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Goal,
    Funnel,
    Exclude,
}

impl SiteSettings {
    /// A site as it is set in the file, with what is set here.
    pub fn applied_to(&self, site: &Site) -> Site {
        let mut site = site.clone();
        for goal in self.goals.iter().filter_map(|line| line.parse::<Goal>().ok()) {
            if site.goals.iter().all(|known| known.name != goal.name) {
                site.goals.push(Goal { is_kept: true, ..goal });
            }
        }
        for funnel in self.funnels.iter().filter_map(|line| line.parse::<Funnel>().ok()) {
            if site.funnels.iter().all(|known| known.name != funnel.name) {
                site.funnels.push(Funnel { is_kept: true, ..funnel });
            }
        }
        site
    }

    pub fn networks(&self) -> Vec<IpNet> {
        self.exclude.iter().filter_map(|text| text.parse().ok()).collect()
    }

    pub fn list(&self, kind: Kind) -> &[String] {
        match kind {
            Kind::Goal => &self.goals,
            Kind::Funnel => &self.funnels,
            Kind::Exclude => &self.exclude,
        }
    }

    fn list_mut(&mut self, kind: Kind) -> &mut Vec<String> {
        match kind {
            Kind::Goal => &mut self.goals,
            Kind::Funnel => &mut self.funnels,
            Kind::Exclude => &mut self.exclude,
        }
    }

    /// Adds a goal, told apart from those of the file and from those here by its name.
    ///
    /// # Errors
    /// It cannot be kept.
    pub fn add_goal(&mut self, site: &Site, name: &str, target: &str) -> Result<(), Invalid> {
        let name = plain_name("a goal's name", name)?;
        let line = format!("{name} = {}", target.trim());
        line.parse::<Goal>()
            .map_err(|why| Invalid::new(why.to_string()).because(Reason::Goal(why)))?;
        let site = self.applied_to(site);
        if site.goals.iter().any(|known| *known.name == *name) {
            let line = format!("there is a goal called {name} already");
            return Err(Invalid::new(line).because(Reason::Taken { name }));
        }
        self.add(Kind::Goal, line)
    }

    /// Adds a funnel; `steps` are lines.
    ///
    /// # Errors
    /// It cannot be kept.
    pub fn add_funnel(&mut self, site: &Site, name: &str, steps: &str) -> Result<(), Invalid> {
        let name = plain_name("a funnel's name", name)?;
        let steps: Vec<&str> = steps.lines().map(str::trim).filter(|s| !s.is_empty()).collect();
        if let Some(step) = steps.iter().find(|step| step.contains('>')) {
            let wrong = Invalid::new(format!("`{step}`: a step has no `>`"));
            return Err(wrong.because(Reason::StepSign { step: (*step).to_owned() }));
        }
        let line = format!("{name} = {}", steps.join(" > "));
        line.parse::<Funnel>()
            .map_err(|why| Invalid::new(format!("the funnel {why}")).because(Reason::Goal(why)))?;
        let site = self.applied_to(site);
        if site.funnels.iter().any(|known| *known.name == *name) {
            let line = format!("there is a funnel called {name} already");
            return Err(Invalid::new(line).because(Reason::Taken { name }));
        }
        self.add(Kind::Funnel, line)
    }

    /// Adds an address or a network whose visitors are not counted.
    ///
    /// # Errors
    /// It is none, or leaves out everybody.
    pub fn add_exclusion(&mut self, text: &str) -> Result<(), Invalid> {
        let text = text.trim();
        let network = text
            .parse::<IpNet>()
            .or_else(|_| text.parse::<IpAddr>().map(IpNet::from))
            .map_err(|_| {
                Invalid::new(format!("`{}` is no address", text.escape_debug()))
                    .because(Reason::Address { text: text.to_owned() })
            })?;
        if network.prefix_len() == 0 {
            return Err(Invalid::new("this would leave out everybody").because(Reason::Everybody));
        }
        self.add(Kind::Exclude, network.trunc().to_string())
    }

    fn add(&mut self, kind: Kind, line: String) -> Result<(), Invalid> {
        if line.len() > LINE_MAX {
            let long = Invalid::new(format!("it takes more than {LINE_MAX} bytes"));
            return Err(long.because(Reason::Long { most: LINE_MAX }));
        }
        let list = self.list_mut(kind);
        if list.len() >= LIST_MAX {
            let full = Invalid::new(format!("there are {LIST_MAX} of them: delete one first"));
            return Err(full.because(Reason::Full { most: LIST_MAX }));
        }
        if !list.contains(&line) {
            list.push(line);
        }
        Ok(())
    }

    /// Takes a line out; one that is gone already is no trouble.
    pub fn remove(&mut self, kind: Kind, line: &str) {
        self.list_mut(kind).retain(|known| known != line);
    }
}

/// A name that a line of the settings can begin with.
fn plain_name(what: &str, name: &str) -> Result<String, Invalid> {
    let name = named(what, name, NAME_MAX)?;
    match name.contains('=') {
        true => Err(Invalid::new(format!("{what} has no `=`")).because(Reason::NameSign)),
        false => Ok(name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_values_stay_and_names_are_kept_once() {
        let file = Site {
            goals: vec!["Signup = event Signup".parse().unwrap()],
            funnels: vec!["Buy = page /cart > event Purchase".parse().unwrap()],
            ..Site::default()
        };
        let mut kept = SiteSettings::default();
        kept.add_goal(&file, " Docs ", "page /docs*").unwrap();
        kept.add_funnel(&file, "Read", "page /\n\npage /docs*\n").unwrap();
        let site = kept.applied_to(&file);
        let goals: Vec<_> = site.goals.iter().map(|goal| (&*goal.name, goal.is_kept)).collect();
        assert_eq!(goals, [("Signup", false), ("Docs", true)]);
        assert_eq!(site.funnels[1].steps.len(), 2);
        for (name, target) in [
            ("Signup", "event X"),
            ("Docs", "event X"),
            ("A=B", "event X"),
            ("", "event X"),
            ("New", "click"),
        ] {
            assert!(kept.add_goal(&file, name, target).is_err(), "{name} {target}");
        }
        for (name, steps) in
            [("Buy", "page /\npage /a"), ("One", "page /"), ("A", "page / > page /")]
        {
            assert!(kept.add_funnel(&file, name, steps).is_err(), "{name} {steps}");
        }
        kept.remove(Kind::Goal, "Docs = page /docs*");
        assert!(kept.goals.is_empty());
    }

    #[test]
    fn addresses_are_networks() {
        let mut kept = SiteSettings::default();
        for good in ["192.0.2.7", "192.0.2.9/24", "2001:db8::1/64", "192.0.2.0/24"] {
            kept.add_exclusion(good).unwrap();
        }
        assert_eq!(kept.exclude, ["192.0.2.7/32", "192.0.2.0/24", "2001:db8::/64"]);
        for wrong in ["", "x", "0.0.0.0/0", "::/0", "192.0.2.0/33"] {
            assert!(kept.add_exclusion(wrong).is_err(), "{wrong}");
        }
    }
}
