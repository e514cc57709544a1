//! A day of a site, as what nodes share names it.
//!
//! In a state it is a text: the day alone where there is one site, as it was before there could be
//! several, else the day and the site's name.

use crate::model::site::Day;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::sync::Arc;

/// `site` is `None` where there is one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct SiteDay {
    pub day: Day,
    pub site: Option<Arc<str>>,
}

impl Serialize for SiteDay {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match &self.site {
            None => self.day.serialize(to),
            Some(site) => to.collect_str(&format_args!("{} {site}", self.day)),
        }
    }
}

impl<'de> Deserialize<'de> for SiteDay {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = <&str>::deserialize(from)?;
        let (day, site) = match text.split_once(' ') {
            None => (text, None),
            Some((day, site)) => (day, Some(site.into())),
        };
        Ok(Self { day: day.parse().map_err(D::Error::custom)?, site })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_of_the_only_site_is_written_as_the_day() {
        let day: Day = "2026-11-24".parse().unwrap();
        let alone = SiteDay { day, site: None };
        let of_shop = SiteDay { day, site: Some("shop.example.org".into()) };
        assert_eq!(postcard::to_stdvec(&alone).unwrap(), postcard::to_stdvec(&day).unwrap());
        for one in [alone, of_shop] {
            let bytes = postcard::to_stdvec(&one).unwrap();
            assert_eq!(postcard::from_bytes::<SiteDay>(&bytes).unwrap(), one);
        }
    }
}
