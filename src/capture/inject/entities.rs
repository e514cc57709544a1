//! Character references in an attribute: as many of them as a policy in a `meta` element is written
//! with.

/// The text that an attribute's value stands for. `None`: it has a reference that is not known
/// here.
pub fn decoded(value: &str) -> Option<String> {
    let mut text = String::with_capacity(value.len());
    let mut rest = value;
    while let Some(at) = rest.find('&') {
        text.push_str(&rest[..at]);
        let (name, after) = rest[at + 1..].split_once(';')?;
        text.push(character(name)?);
        rest = after;
    }
    text.push_str(rest);
    Some(text)
}

fn character(name: &str) -> Option<char> {
    let number = |digits: &str, radix| {
        // A sign is no digit; and some numbers stand for other characters than their own.
        let all = digits.chars().all(|digit| digit.is_digit(radix));
        let number = u32::from_str_radix(digits, radix).ok().filter(|_| all);
        number.filter(|number| !matches!(number, 0 | 0x80..=0x9f)).and_then(char::from_u32)
    };
    match name {
        "amp" => Some('&'),
        "apos" => Some('\''),
        "quot" => Some('"'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "colon" => Some(':'),
        "semi" => Some(';'),
        "sol" => Some('/'),
        "ast" => Some('*'),
        "comma" => Some(','),
        "equals" => Some('='),
        "plus" => Some('+'),
        _ => match name.strip_prefix('#')? {
            hex if hex.starts_with(['x', 'X']) => number(&hex[1..], 16),
            decimal => number(decimal, 10),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_frameworks_escape_in_a_policy_is_read() {
        let read = |text: &str| decoded(text);
        assert_eq!(read("script-src 'self'").as_deref(), Some("script-src 'self'"));
        let escaped =
            "script-src &#39;self&#x27; &#X27;a&apos; https&colon;//h&sol;&semi; &amp;&quot;";
        assert_eq!(read(escaped).as_deref(), Some("script-src 'self' 'a' https://h/; &\""));
        for unknown in [
            "&",
            "a & b",
            "&nosuch;",
            "&#;",
            "&#x;",
            "&#xD800;",
            "&#99999999999;",
            "&amp",
            "&#+39;",
            "&#x+27;",
            "&#0;",
            "&#128;",
        ] {
            assert_eq!(read(unknown), None, "{unknown}");
        }
    }
}
