//! Numbers as people read them: grouped and with a decimal sign as their language has it, in SI's
//! units, which all languages share.

use super::Language;

/// What stands where there is no number.
pub const NOTHING: &str = "–";

impl Language {
    /// The sign between thousands, and the one before decimals.
    fn signs(self) -> (char, &'static str) {
        match self {
            Self::German | Self::Spanish => ('.', ","),
            _ => (',', "."),
        }
    }

    /// With so many decimals.
    pub fn decimal(self, n: f64, places: usize) -> String {
        format!("{n:.places$}").replace('.', self.signs().1)
    }

    /// `1,234,567`.
    pub fn grouped(self, n: i64) -> String {
        let digits = n.unsigned_abs().to_string();
        let mut out = String::from(if n < 0 { "−" } else { "" });
        for (i, digit) in digits.chars().enumerate() {
            if i > 0 && (digits.len() - i).is_multiple_of(3) {
                out.push(self.signs().0);
            }
            out.push(digit);
        }
        out
    }

    /// `1,234`, from a million on `1.2M`.
    pub fn count(self, n: i64) -> String {
        if n.abs() < 1_000_000 { self.grouped(n) } else { self.short(n) }
    }

    /// Where there is little room: from a hundred thousand on `123k`.
    pub fn short(self, n: i64) -> String {
        let scaled = |unit: f64, letter| {
            let n = n as f64 / unit;
            // 999,950 and more would round up to a thousand of the unit; that is still readable.
            let places = usize::from(n.abs() < 99.95);
            format!("{}{letter}", self.decimal(n, places))
        };
        match n.abs() {
            0..100_000 => self.grouped(n),
            100_000..1_000_000 => scaled(1e3, "k"),
            1_000_000..1_000_000_000 => scaled(1e6, "M"),
            _ => scaled(1e9, "G"),
        }
    }

    /// `81%`, `4.5%`, `<0.1%`: one decimal below ten.
    pub fn percent(self, n: f64) -> String {
        let number = match n.abs() {
            0.0 => "0".to_owned(),
            ..0.05 => format!("<{}", self.decimal(0.1, 1)),
            ..9.95 => ((n * 10.0).round() / 10.0).to_string().replace('.', self.signs().1),
            _ => self.decimal(n, 0),
        };
        self.as_percent(&number)
    }

    /// A number that is written, with the sign behind it.
    pub fn as_percent(self, number: &str) -> String {
        match self {
            // A space that does not break.
            Self::German | Self::Spanish => format!("{number}\u{a0}%"),
            _ => format!("{number}%"),
        }
    }

    /// `999 B`, `1.5 kB`, `20 MB`.
    pub fn bytes(self, n: i64) -> String {
        let units = [(1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB")];
        let unit = units.into_iter().find(|(unit, _)| n as f64 >= *unit * 0.9995);
        match unit.map(|(unit, name)| (n as f64 / unit, name)) {
            Some((n, name)) => format!("{} {name}", self.decimal(n, usize::from(n < 9.95))),
            None => format!("{n} B"),
        }
    }

    /// An amount in whatever currency the site uses: cents up to ten thousand.
    pub fn money(self, n: f64) -> String {
        match n.abs() {
            0.0 => "0".into(),
            0.0..10_000.0 => {
                let cents = (n * 100.0).round() as i64;
                let sign = if cents < 0 { "−" } else { "" };
                let (whole, point) = (self.grouped(cents.abs() / 100), self.signs().1);
                format!("{sign}{whole}{point}{:02}", cents.abs() % 100)
            }
            _ => self.count(n.round() as i64),
        }
    }

    /// Milliseconds: `85 ms`, `1.2 s`.
    pub fn millis(self, ms: f64) -> String {
        match ms {
            ..9.95 => format!("{} ms", self.decimal(ms, 1)),
            ..999.5 => format!("{} ms", self.decimal(ms, 0)),
            _ => format!("{} s", self.decimal(ms / 1000.0, 1)),
        }
    }

    /// `59s`, `1m 01s`, `1h 01m`.
    pub fn duration(self, seconds: i64) -> String {
        match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
            (0, 0, s) => format!("{s}s"),
            (0, m, s) => format!("{m}m {s:02}s"),
            (h, m, _) => format!("{}h {m:02}m", self.grouped(h)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Language::{English, German, Spanish};

    #[test]
    fn numbers_are_readable() {
        for (n, text) in [
            (0, "0"),
            (999, "999"),
            (1_234, "1,234"),
            (-1_234, "−1,234"),
            (99_999, "99,999"),
            (123_456, "123,456"),
            (1_234_567, "1.2M"),
            (234_567_890, "235M"),
            (5_000_000_000, "5.0G"),
        ] {
            assert_eq!(English.count(n), text);
        }
        assert_eq!([English.short(99_999), English.short(123_456)], ["99,999", "123k"]);
        assert_eq!(English.grouped(1_234_567), "1,234,567");
        for (n, text) in [
            (0, "0 B"),
            (999, "999 B"),
            (1_500, "1.5 kB"),
            (9_999, "10 kB"),
            (999_999, "1.0 MB"),
            (20_000_000, "20 MB"),
        ] {
            assert_eq!(English.bytes(n), text);
        }
        for (n, text) in
            [(0.0, "0"), (19.9, "19.90"), (-1_234.5, "−1,234.50"), (123_456.0, "123,456")]
        {
            assert_eq!(English.money(n), text);
        }
        for (ms, text) in [(0.4, "0.4 ms"), (85.2, "85 ms"), (1_240.0, "1.2 s")] {
            assert_eq!(English.millis(ms), text);
        }
        for (n, text) in [
            (0.0, "0%"),
            (0.01, "<0.1%"),
            (4.56, "4.6%"),
            (9.96, "10%"),
            (12.5, "12%"),
            (100.0, "100%"),
        ] {
            assert_eq!(English.percent(n), text);
        }
        for (seconds, text) in [(0, "0s"), (59, "59s"), (61, "1m 01s"), (3_660, "1h 01m")] {
            assert_eq!(English.duration(seconds), text);
        }
    }

    #[test]
    fn signs_are_those_of_the_language() {
        for say in [German, Spanish] {
            assert_eq!(say.grouped(-1_234_567), "−1.234.567");
            assert_eq!([say.count(1_234), say.count(1_234_567)], ["1.234", "1,2M"]);
            assert_eq!(say.decimal(1.25, 2), "1,25");
            assert_eq!([say.percent(0.01), say.percent(4.56)], ["<0,1\u{a0}%", "4,6\u{a0}%"]);
            assert_eq!([say.bytes(1_500), say.money(-1_234.5)], ["1,5 kB", "−1.234,50"]);
            assert_eq!([say.millis(0.4), say.millis(1_240.0)], ["0,4 ms", "1,2 s"]);
        }
    }
}
