//! Money as Plausible's API shows it: a value, its currency, and both written for people.

use crate::report::Value;
use iso_currency::Currency;
use serde_json::{Value as Json, json};

/// `{"value": 1234.5, "currency": "EUR", "short": "€1.2K", "long": "€1,234.50"}`.
pub(super) fn shown(currency: Currency, value: Value) -> Json {
    let Some(amount) = value.number() else { return Json::Null };
    json!({
        "value": amount,
        "currency": currency.code(),
        "short": short(currency, amount),
        "long": long(currency, amount),
    })
}

fn signed(currency: Currency, amount: f64, digits: String) -> String {
    let sign = if amount < 0.0 { "-" } else { "" };
    let symbol = currency.symbol().to_string();
    // A symbol of letters is told apart from the number.
    let space = if symbol.ends_with(char::is_alphabetic) { " " } else { "" };
    format!("{sign}{symbol}{space}{digits}")
}

fn short(currency: Currency, amount: f64) -> String {
    let size = amount.abs();
    // What would be shown as 1000.0K is 1.0M.
    let (unit, letter) = match size {
        ..999.95 => return long(currency, amount),
        ..999_950.0 => (1e3, "K"),
        ..999_950_000.0 => (1e6, "M"),
        _ => (1e9, "B"),
    };
    signed(currency, amount, format!("{:.1}{letter}", size / unit))
}

fn long(currency: Currency, amount: f64) -> String {
    let places = usize::from(currency.exponent().unwrap_or(2));
    let number = format!("{:.places$}", amount.abs());
    let (whole, fraction) = number.split_at(number.find('.').unwrap_or(number.len()));
    let mut grouped = String::new();
    for (i, digit) in whole.chars().enumerate() {
        if i > 0 && (whole.len() - i) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    signed(currency, amount, grouped + fraction)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_written_for_people() {
        for (currency, amount, short_, long_) in [
            (Currency::USD, 96_336_315.0, "$96.3M", "$96,336,315.00"),
            (Currency::EUR, 500_200_700.25, "€500.2M", "€500,200,700.25"),
            (Currency::EUR, 99.5, "€99.50", "€99.50"),
            (Currency::EUR, 999.96, "€1.0K", "€999.96"),
            (Currency::EUR, 999_960.0, "€1.0M", "€999,960.00"),
            (Currency::USD, 2e9, "$2.0B", "$2,000,000,000.00"),
            (Currency::JPY, 1234.0, "¥1.2K", "¥1,234"),
            (Currency::USD, -12.5, "-$12.50", "-$12.50"),
            (Currency::USD, 0.0, "$0.00", "$0.00"),
            (Currency::SEK, 12.0, "kr 12.00", "kr 12.00"),
        ] {
            assert_eq!(
                (short(currency, amount), long(currency, amount)),
                (short_.into(), long_.into())
            );
        }
        assert_eq!(shown(Currency::EUR, Value::Unknown), Json::Null);
    }
}
