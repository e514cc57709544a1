//! Numbers as people read them: grouped and with a decimal sign as their language has it, in SI's
//! units, which all languages share.

use super::Language;
use iso_currency::Currency;

/// Signs of currencies that no other is taken for, as CLDR has them; others go by their codes.
const SIGNS: [(Currency, &str); 16] = [
    (Currency::AUD, "A$"),
    (Currency::BRL, "R$"),
    (Currency::CAD, "CA$"),
    (Currency::CNY, "CN¥"),
    (Currency::EUR, "€"),
    (Currency::GBP, "£"),
    (Currency::HKD, "HK$"),
    (Currency::ILS, "₪"),
    (Currency::INR, "₹"),
    (Currency::JPY, "¥"),
    (Currency::KRW, "₩"),
    (Currency::MXN, "MX$"),
    (Currency::NZD, "NZ$"),
    (Currency::PHP, "₱"),
    (Currency::USD, "$"),
    (Currency::VND, "₫"),
];

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

    /// An amount, `€1,234.50`, in whatever currency the site uses if that is not known: cents up to
    /// ten thousand, from a million on `€1.2M`.
    pub fn money(self, n: f64, currency: Option<Currency>) -> String {
        match n.abs() {
            0.0 => self.in_currency("0", currency),
            0.0..10_000.0 => self.exact_money(n, currency),
            _ => self.in_currency(&self.count(n.round() as i64), currency),
        }
    }

    /// The same to the cent, however much it is.
    pub fn exact_money(self, n: f64, currency: Option<Currency>) -> String {
        let places = currency.and_then(Currency::exponent).unwrap_or(2);
        let of_unit = 10_i64.pow(places.into());
        let parts = (n * of_unit as f64).round() as i64;
        let sign = if parts < 0 { "−" } else { "" };
        let (whole, point) = (self.grouped(parts.abs() / of_unit), self.signs().1);
        let text = match places {
            0 => format!("{sign}{whole}"),
            _ => {
                let (part, width) = (parts.abs() % of_unit, usize::from(places));
                format!("{sign}{whole}{point}{part:0width$}")
            }
        };
        self.in_currency(&text, currency)
    }

    /// Where there is little room.
    pub fn short_money(self, n: f64, currency: Option<Currency>) -> String {
        match n.fract() == 0.0 {
            true => self.in_currency(&self.short(n as i64), currency),
            false => self.money(n, currency),
        }
    }

    /// A number that is written, with the sign of its currency where the language has it.
    fn in_currency(self, number: &str, currency: Option<Currency>) -> String {
        let Some(currency) = currency else { return number.to_owned() };
        let sign = SIGNS.iter().find_map(|(known, sign)| (*known == currency).then_some(*sign));
        match (self, sign) {
            // Spaces that do not break.
            (Self::German | Self::Spanish, _) => {
                format!("{number}\u{a0}{}", sign.unwrap_or(currency.code()))
            }
            (_, None) => format!("{}\u{a0}{number}", currency.code()),
            (_, Some(sign)) => match number.strip_prefix('−') {
                Some(number) => format!("−{sign}{number}"),
                None => format!("{sign}{number}"),
            },
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
    use super::Currency;
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
            assert_eq!(English.money(n, None), text);
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
    fn money_is_written_in_its_currency() {
        for (say, currency, n, text) in [
            (English, Currency::EUR, 1_234.5, "€1,234.50"),
            (English, Currency::EUR, -1_234.5, "−€1,234.50"),
            (English, Currency::EUR, 0.0, "€0"),
            (English, Currency::USD, 12_345.6, "$12,346"),
            (English, Currency::USD, 1_234_567.0, "$1.2M"),
            (English, Currency::CHF, 12.0, "CHF\u{a0}12.00"),
            (English, Currency::CAD, 12.0, "CA$12.00"),
            (English, Currency::JPY, 1_234.0, "¥1,234"),
            (English, Currency::KWD, 1.5, "KWD\u{a0}1.500"),
            (German, Currency::EUR, 1_234.5, "1.234,50\u{a0}€"),
            (German, Currency::EUR, -1_234.5, "−1.234,50\u{a0}€"),
            (German, Currency::CHF, 1_234_567.0, "1,2M\u{a0}CHF"),
            (Spanish, Currency::USD, 0.05, "0,05\u{a0}$"),
            (Spanish, Currency::JPY, 1_234.0, "1.234\u{a0}¥"),
        ] {
            assert_eq!(say.money(n, Some(currency)), text);
        }
        let euros = Some(Currency::EUR);
        assert_eq!(German.exact_money(1_234_567.891, euros), "1.234.567,89\u{a0}€");
        assert_eq!(English.exact_money(1_234_567.0, None), "1,234,567.00");
        assert_eq!(English.short_money(123_456.0, euros), "€123k");
        assert_eq!(English.short_money(0.25, euros), "€0.25");
    }

    #[test]
    fn signs_are_those_of_the_language() {
        for say in [German, Spanish] {
            assert_eq!(say.grouped(-1_234_567), "−1.234.567");
            assert_eq!([say.count(1_234), say.count(1_234_567)], ["1.234", "1,2M"]);
            assert_eq!(say.decimal(1.25, 2), "1,25");
            assert_eq!([say.percent(0.01), say.percent(4.56)], ["<0,1\u{a0}%", "4,6\u{a0}%"]);
            assert_eq!([say.bytes(1_500), say.money(-1_234.5, None)], ["1,5 kB", "−1.234,50"]);
            assert_eq!([say.millis(0.4), say.millis(1_240.0)], ["0,4 ms", "1,2 s"]);
        }
    }
}
