//! Which channel an arrival came by, from source, medium and campaign.
//!
//! The rules and names are those that Plausible and Google Analytics 4 share (default channel
//! group), with AI assistants told apart from other referrals.

use super::known_sources::Kind;
use crate::model::AI_CHANNEL;

/// What is known of an arrival, to choose its channel.
#[derive(Debug, Clone, Copy, Default)]
pub struct Clues<'a> {
    /// What kind of thing the source is; `None`: there is none, or only a name we don't know.
    pub kind: Option<Kind>,
    pub medium: &'a str,
    pub campaign: &'a str,
    pub source: &'a str,
    /// An advertiser's click id came along, or the source is a word for advertisements.
    pub paid: bool,
    pub has_referrer: bool,
}

/// Chooses a channel: the first rule that fits.
pub fn channel(clues: Clues<'_>) -> &'static str {
    let Clues { kind, medium, campaign, source, paid, has_referrer } = clues;
    if [medium, campaign, source] == [""; 3] && kind.is_none() && !paid && !has_referrer {
        return "Direct";
    }
    let medium = medium.trim().to_ascii_lowercase();
    let medium = medium.as_str();
    let campaign = campaign.to_ascii_lowercase();
    let is_source = |word: &str| source.eq_ignore_ascii_case(word);
    let one_of = |words: &[&str]| words.contains(&medium);

    let paid = paid
        || medium.starts_with("paid")
        || one_of(&["ppc", "retargeting", "remarketing", "sem"])
        || medium.contains("cpc")
        || one_of(&["cpa", "cpv", "cpp", "cps", "cpl", "cpi", "cpo"]);
    let shop = kind == Some(Kind::Shopping)
        || campaign.split(|c: char| !c.is_alphanumeric()).any(|w| w == "shop" || w == "shopping");

    if campaign.contains("cross-network") {
        return "Cross-network";
    }
    if one_of(&["display", "banner", "expandable", "interstitial", "cpm"]) {
        return "Display";
    }
    if paid {
        return match kind {
            _ if shop => "Paid Shopping",
            Some(Kind::Search) => "Paid Search",
            Some(Kind::Social) => "Paid Social",
            Some(Kind::Video) => "Paid Video",
            _ => match medium {
                "paidsearch" | "paid-search" | "paid_search" | "paid search" | "sem" => {
                    "Paid Search"
                }
                "paidsocial" | "paid-social" | "paid_social" | "paid social" => "Paid Social",
                _ => "Paid Other",
            },
        };
    }
    // What the owner wrote into the link is better known than what kind of site it stood on.
    if one_of(&["email", "e-mail", "e_mail", "e mail", "newsletter", "mail"]) {
        return "Email";
    }
    if one_of(&["affiliate", "affiliates"]) {
        return "Affiliates";
    }
    if medium == "audio" {
        return "Audio";
    }
    if medium == "sms" || is_source("sms") {
        return "SMS";
    }
    if medium.ends_with("push") || medium.contains("notification") || is_source("firebase") {
        return "Mobile Push Notifications";
    }
    if shop {
        return "Organic Shopping";
    }
    match kind {
        Some(Kind::Social) => "Organic Social",
        Some(Kind::Video) => "Organic Video",
        Some(Kind::Search) => "Organic Search",
        Some(Kind::Ai) => AI_CHANNEL,
        Some(Kind::Email) => "Email",
        Some(Kind::Audio) => "Audio",
        _ if one_of(&[
            "social",
            "social-network",
            "social-media",
            "sm",
            "social network",
            "social media",
            "social_network",
            "social_media",
        ]) =>
        {
            "Organic Social"
        }
        _ if medium.contains("video") => "Organic Video",
        _ if medium == "organic" => "Organic Search",
        _ if ["email", "e-mail", "newsletter"].into_iter().any(is_source) => "Email",
        _ if has_referrer || one_of(&["referral", "app", "link"]) => "Referral",
        // Tagged by the owner, though we know no such source.
        _ if !source.is_empty() || !medium.is_empty() => "Referral",
        _ => "Direct",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_rule_that_fits_decides() {
        let of = |kind, medium, campaign, source| {
            channel(Clues { kind, medium, campaign, source, ..Clues::default() })
        };
        use Kind::*;
        for (kind, medium, campaign, source, expected) in [
            (None, "", "", "", "Direct"),
            (Some(Search), "", "", "Google", "Organic Search"),
            (Some(Search), "CPC", "", "Google", "Paid Search"),
            (Some(Search), "cpc", "spring-shop", "Google", "Paid Shopping"),
            (Some(Search), "cpc", "workshops", "Google", "Paid Search"),
            (Some(Search), "cpc", "x-cross-network-y", "Google", "Cross-network"),
            (Some(Search), "display", "", "Google", "Display"),
            (Some(Social), "", "", "Facebook", "Organic Social"),
            (Some(Social), "paid", "", "Facebook", "Paid Social"),
            (Some(Social), "email", "", "Facebook", "Email"),
            (Some(Video), "", "", "YouTube", "Organic Video"),
            (Some(Video), "cpv", "", "YouTube", "Paid Video"),
            (Some(Ai), "", "", "ChatGPT", "AI Assistants"),
            (Some(Shopping), "", "", "Amazon", "Organic Shopping"),
            (None, "paid_social", "", "acme", "Paid Social"),
            (None, "ppc", "", "acme", "Paid Other"),
            (None, "banner", "", "acme", "Display"),
            (None, "affiliate", "", "acme", "Affiliates"),
            (None, "audio", "", "acme", "Audio"),
            (None, "sms", "", "acme", "SMS"),
            (None, "web-push", "", "acme", "Mobile Push Notifications"),
            (None, "Social-Media", "", "acme", "Organic Social"),
            (None, "video", "", "acme", "Organic Video"),
            (None, "organic", "", "acme", "Organic Search"),
            (None, "", "", "newsletter", "Email"),
            (None, "referral", "", "acme", "Referral"),
            (None, "", "", "acme", "Referral"),
        ] {
            let channel = of(kind, medium, campaign, source);
            assert_eq!(channel, expected, "{source} {medium} {campaign}");
        }
    }
}
