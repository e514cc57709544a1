//! Two columns of cards that end together, whatever cards there are.
//!
//! Nothing measures them: how high a card is follows from its rows. Each goes to the column in
//! which both end as close to each other as they can, and lists show a few rows more or less to
//! make up for the rest. In the document they come in the order of their upper edges, so that
//! reading, the Tab key and a phone's one column follow what is seen.

use maud::{Markup, html};

/// Heights in pixels, as the style sheet makes them on a wide screen.
pub(super) const ROW: f64 = 35.0;
/// What a list has around its rows: its title with tabs, names of columns, the link to all of it.
pub(super) const AROUND: f64 = 129.0;
/// What any card has around what it says: its title.
pub(super) const TITLE: f64 = 66.0;
/// The link to the whole, of a card that is no list.
pub(super) const ENDS: f64 = 32.0;
/// A card without rows, with the one or two lines that say so.
const EMPTY: f64 = 182.0;
const GAP: f64 = 20.0;

/// Rows of a list, and how many it may have where its column is too long or too short.
pub(super) const ROWS: usize = 8;
const FEWEST: usize = 5;
const MOST: usize = 12;

/// Every way to share out the first cards is tried, of this many; the others go to the shorter
/// column.
const TRIED: usize = 8;

/// A card before it is drawn.
pub(super) struct Piece<'a> {
    id: Option<String>,
    /// Without the rows of its list.
    height: f64,
    /// Of its list; 0: it is no list.
    rows: usize,
    is_wide: bool,
    draw: Box<dyn FnOnce(usize) -> Markup + 'a>,
}

impl<'a> Piece<'a> {
    /// A card whose height is known.
    pub fn fixed(height: f64, markup: Markup) -> Self {
        let draw = Box::new(move |_| markup);
        Self { id: None, height, rows: 0, is_wide: false, draw }
    }

    /// A card with a list of so many rows; it is drawn with as many of them as it gets.
    pub fn list(height: f64, rows: usize, draw: impl FnOnce(usize) -> Markup + 'a) -> Self {
        let height = if rows == 0 { EMPTY } else { height };
        Self { id: None, height, rows, is_wide: false, draw: Box::new(draw) }
    }

    /// Gives it an id, by which it stays the same card wherever it moves.
    pub fn called(self, id: impl Into<String>) -> Self {
        Self { id: Some(id.into()), ..self }
    }

    /// Over both columns.
    pub fn wide(self) -> Self {
        Self { is_wide: true, ..self }
    }

    fn height_with(&self, shown: usize) -> f64 {
        self.height + shown as f64 * ROW
    }
}

/// The cards, in the order of their importance.
pub(super) fn draw(pieces: Vec<Piece<'_>>) -> Markup {
    let mut all = Vec::new();
    let mut run = Vec::new();
    for piece in pieces {
        if piece.is_wide {
            all.append(&mut columns(std::mem::take(&mut run)));
            all.push(("wide", ROWS, piece));
        } else {
            run.push(piece);
        }
    }
    all.append(&mut columns(run));
    html! {
        @if !all.is_empty() {
            div.cards {
                @for (side, rows, piece) in all {
                    div.(side) id=[piece.id.map(|id| format!("{id}-place"))] { ((piece.draw)(rows)) }
                }
            }
        }
    }
}

/// Where each stands, and how many rows it shows.
fn columns(pieces: Vec<Piece<'_>>) -> Vec<(&'static str, usize, Piece<'_>)> {
    if pieces.len() < 2 {
        return pieces.into_iter().map(|piece| ("wide", ROWS, piece)).collect();
    }
    let tried = pieces.len().min(TRIED);
    // The first is always at the left.
    let ways = (0..1_u32 << (tried - 1)).map(|way| Way::new(&pieces, tried, way << 1));
    let Some(best) = ways.min_by(|a, b| a.cost.total_cmp(&b.cost)) else { return Vec::new() };
    let mut ends = [0.0; 2];
    let mut placed: Vec<(f64, bool, usize, Piece<'_>)> = Vec::new();
    for (piece, (at_right, shown)) in pieces.into_iter().zip(best.cards) {
        let end = &mut ends[usize::from(at_right)];
        let top = *end;
        *end += piece.height_with(shown) + GAP;
        placed.push((top, at_right, shown, piece));
    }
    placed.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    let side = |at_right| if at_right { "right" } else { "left" };
    placed.into_iter().map(|(_, at_right, shown, piece)| (side(at_right), shown, piece)).collect()
}

/// One way to share cards out.
struct Way {
    /// Of each whether it is at the right, and its rows.
    cards: Vec<(bool, usize)>,
    cost: f64,
}

impl Way {
    /// `way` has a bit for each of the first that are `tried`.
    fn new(pieces: &[Piece<'_>], tried: usize, way: u32) -> Self {
        let mut ends = [0.0; 2];
        let mut cards = Vec::with_capacity(pieces.len());
        for (nth, piece) in pieces.iter().enumerate() {
            let shown = piece.rows.min(ROWS);
            let at_right = if nth < tried { way >> nth & 1 == 1 } else { ends[1] < ends[0] };
            ends[usize::from(at_right)] += piece.height_with(shown) + GAP;
            cards.push((at_right, shown));
        }
        let apart = even_out(pieces, &mut cards, ends[1] - ends[0]);
        // Where it makes no difference cards go by turns, and lists have as many rows as ever.
        let out_of_turn =
            cards.iter().enumerate().filter(|(nth, (right, _))| *right != (nth % 2 == 1));
        let changed = |(piece, (_, shown)): (&Piece<'_>, &(bool, usize))| {
            piece.rows.min(ROWS).abs_diff(*shown)
        };
        let changed: usize = pieces.iter().zip(&cards).map(changed).sum();
        let cost = apart + out_of_turn.count() as f64 * 4.0 + changed as f64 * 6.0;
        Self { cards, cost }
    }
}

/// Gives lists of the shorter column more rows, and those of the longer one fewer, as long as that
/// helps. How far the columns end apart then; `longer`: by how much the right one is longer.
fn even_out(pieces: &[Piece<'_>], cards: &mut [(bool, usize)], mut longer: f64) -> f64 {
    while longer.abs() > ROW / 2.0 {
        let right_is_longer = longer > 0.0;
        let more = |(nth, (at_right, shown)): &(usize, (bool, usize))| {
            *at_right != right_is_longer && *shown < pieces[*nth].rows.min(MOST)
        };
        let fewer = |(nth, (at_right, shown)): &(usize, (bool, usize))| {
            *at_right == right_is_longer && pieces[*nth].rows > 0 && *shown > FEWEST
        };
        let of = || cards.iter().copied().enumerate();
        let shortest = of().filter(more).min_by_key(|(_, (_, shown))| *shown);
        let longest = of().filter(fewer).max_by_key(|(_, (_, shown))| *shown);
        match (shortest, longest) {
            (Some((nth, _)), _) => cards[nth].1 += 1,
            (None, Some((nth, _))) => cards[nth].1 -= 1,
            (None, None) => break,
        }
        longer -= if right_is_longer { ROW } else { -ROW };
    }
    longer.abs()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ids, sides and rows of lists with so many rows.
    fn of_lists(rows: &[usize]) -> Vec<(String, &'static str, usize)> {
        let list = |(nth, rows): (usize, &usize)| {
            Piece::list(AROUND, *rows, |_| html! {}).called(nth.to_string())
        };
        let pieces = rows.iter().enumerate().map(list).collect();
        let placed = columns(pieces).into_iter();
        placed.map(|(side, shown, piece)| (piece.id.unwrap(), side, shown)).collect()
    }

    fn ends(placed: &[(String, &'static str, usize)]) -> [f64; 2] {
        ["left", "right"].map(|side| {
            let of = placed.iter().filter(|(_, at, _)| *at == side);
            of.map(|(.., shown)| AROUND + GAP + *shown as f64 * ROW).sum()
        })
    }

    #[test]
    fn columns_end_together() {
        for rows in [
            &[17, 7, 16, 3, 3][..],
            &[17, 7, 16, 3, 2, 3],
            &[1, 1, 8],
            &[30, 30],
            &[40, 3],
            &[8, 1, 8, 2, 9, 3, 7, 30, 1, 2, 3, 4, 30, 30],
        ] {
            let [left, right] = ends(&of_lists(rows));
            // A row, or what two lists differ by where there are no more of them.
            let most = if rows.len() == 2 { 2.0 } else { 0.6 } * ROW;
            assert!((left - right).abs() <= most, "{rows:?}: {left}, {right}");
        }
    }

    #[test]
    fn cards_go_by_turns_and_in_the_order_of_their_upper_edges() {
        let even = of_lists(&[20, 20, 20, 20]);
        let sides = |at: &[(String, &'static str, usize)]| {
            at.iter().map(|(id, side, rows)| format!("{id} {side} {rows}")).collect::<Vec<_>>()
        };
        assert_eq!(sides(&even), ["0 left 8", "1 right 8", "2 left 8", "3 right 8"]);
        let mixed = of_lists(&[8, 1, 1, 8, 8]);
        let mut ends = [0.0; 2];
        let tops: Vec<f64> = mixed
            .iter()
            .map(|(_, side, shown)| {
                let end = &mut ends[usize::from(*side == "right")];
                let top = *end;
                *end += AROUND + GAP + *shown as f64 * ROW;
                top
            })
            .collect();
        assert!(tops.is_sorted(), "{mixed:?}");
        assert_eq!((&*mixed[0].0, mixed[0].1), ("0", "left"));
        assert_eq!(of_lists(&[8])[0].1, "wide", "nothing is beside it");
    }
}
