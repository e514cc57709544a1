//! A page of text as a PDF: the files that the demo's visitors download.

use std::fmt::Write;

/// One page, with one of the typefaces every reader has. Texts without brackets and backslashes,
/// which mean something there.
pub fn page<'a>(title: &str, about: &str, lines: impl IntoIterator<Item = &'a str>) -> Vec<u8> {
    let mut text = format!("BT /F1 26 Tf 72 760 Td ({title}) Tj\n");
    let _ = writeln!(text, "/F1 11 Tf 0 -24 Td ({about}) Tj");
    text.push_str("/F1 14 Tf 0 -20 Td 24 TL\n");
    for line in lines {
        let _ = writeln!(text, "T* ({line}) Tj");
    }
    text.push_str("ET");
    let objects = [
        "<< /Type /Catalog /Pages 2 0 R >>".to_owned(),
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>".to_owned(),
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R \
         /Resources << /Font << /F1 5 0 R >> >> >>"
            .to_owned(),
        format!("<< /Length {} >>\nstream\n{text}\nendstream", text.len()),
        "<< /Type /Font /Subtype /Type1 /BaseFont /Times-Roman >>".to_owned(),
    ];

    let mut pdf = String::from("%PDF-1.4\n");
    let mut table = String::from("0000000000 65535 f \n");
    for (number, object) in (1..).zip(&objects) {
        let _ = writeln!(table, "{:010} 00000 n ", pdf.len());
        let _ = write!(pdf, "{number} 0 obj\n{object}\nendobj\n");
    }
    let (size, start) = (objects.len() + 1, pdf.len());
    let _ = write!(
        pdf,
        "xref\n0 {size}\n{table}trailer\n<< /Size {size} /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n"
    );
    pdf.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_table_points_at_its_objects() {
        let pdf = String::from_utf8(page("A", "B", ["one", "two"])).unwrap();
        let start = pdf.split("startxref\n").nth(1).unwrap().lines().next().unwrap();
        let table = &pdf[start.parse::<usize>().unwrap()..];
        let entries: Vec<_> = table.lines().skip(3).take(5).collect();
        for (number, entry) in (1..).zip(entries) {
            assert_eq!(entry.len(), 19, "with its line end, 20 bytes each");
            let offset: usize = entry[..10].parse().unwrap();
            assert!(pdf[offset..].starts_with(&format!("{number} 0 obj\n")));
        }
    }
}
