//! Which event rows stay when a site has more than it may have: the newest, and no day takes more
//! than a quarter of the room while rows of other days wait for it. So a flood on one day pushes
//! out rows of its own.

/// Bytes that a site's rows may take, of people and of others each, whatever their number.
pub const BYTES_MAX: usize = 256 << 20;

/// A block of rows, or the room that there is for some.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    pub rows: usize,
    pub bytes: usize,
}

impl Size {
    /// Takes a block out of the room, if it fits.
    fn take(&mut self, block: Self) -> bool {
        let fits = block.rows <= self.rows && block.bytes <= self.bytes;
        if fits {
            (self.rows, self.bytes) = (self.rows - block.rows, self.bytes - block.bytes);
        }
        fits
    }
}

/// How many of each day's newest blocks stay, and their rows in all. Days come newest first, blocks
/// of a day oldest first.
pub fn kept(days: &[Vec<Size>], cap: usize) -> (Vec<usize>, usize) {
    let mut room = Size { rows: cap, bytes: BYTES_MAX };
    let quarter = Size { rows: cap / 4, bytes: BYTES_MAX / 4 };
    let mut kept = vec![0; days.len()];
    for (blocks, kept) in days.iter().zip(&mut kept) {
        let mut own = quarter;
        let newest_first = blocks.iter().rev();
        *kept = newest_first.take_while(|size| own.take(**size) && room.take(**size)).count();
    }
    for (blocks, kept) in days.iter().zip(&mut kept) {
        let newest_first = blocks.iter().rev().skip(*kept);
        *kept += newest_first.take_while(|size| room.take(**size)).count();
    }
    (kept, cap - room.rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(rows: &[usize]) -> Vec<Size> {
        rows.iter().map(|rows| Size { rows: *rows, bytes: rows * 20 }).collect()
    }

    #[test]
    fn the_newest_stay() {
        assert_eq!(kept(&[of(&[1; 8]), of(&[1; 8])], 20), (vec![8, 8], 16), "all fit");
        assert_eq!(kept(&[of(&[1; 50])], 20), (vec![20], 20), "a day alone has all of the room");
        assert_eq!(kept(&vec![of(&[1; 5]); 6], 20), (vec![5, 5, 5, 5, 0, 0], 20));
        assert_eq!(kept(&[of(&[7, 7, 7])], 20), (vec![2], 14), "blocks stay whole");
        assert_eq!(kept(&[], 20), (vec![], 0));
        assert_eq!(kept(&[of(&[1, 1])], 0), (vec![0], 0));
    }

    #[test]
    fn a_flood_pushes_out_its_own() {
        // Three quiet days, and a flood in their midst.
        let days = [of(&[1; 4]), of(&[1; 500]), of(&[1; 4]), of(&[1; 4])];
        assert_eq!(kept(&days, 20), (vec![4, 8, 4, 4], 20));
        // What the others leave is the flood's.
        assert_eq!(kept(&days, 40), (vec![4, 28, 4, 4], 40));
    }

    #[test]
    fn bytes_count_too() {
        let large = vec![Size { rows: 1, bytes: BYTES_MAX / 8 }; 20];
        assert_eq!(kept(&[large.clone(), large], 1_000), (vec![6, 2], 8));
    }
}
