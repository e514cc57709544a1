//! Notes that are pinned to a day of a site: what happened that the numbers do not say.

use super::{Document, named};
use crate::model::site::Day;
use crate::report::{Invalid, Reason};
use serde::{Deserialize, Serialize};

/// Notes of a site, and characters of one.
const NOTES_MAX: usize = 500;
const TEXT_MAX: usize = 280;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    pub id: u64,
    pub day: Day,
    pub text: String,
    /// How often it was changed: who changes it says which text that was.
    #[serde(default)]
    pub version: u64,
}

/// The notes of a site, in the order of their days.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Notes {
    last_id: u64,
    notes: Vec<Note>,
}

impl Document for Notes {
    const NAME: &'static str = "notes";
}

impl Notes {
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Note> {
        self.notes.iter()
    }

    pub fn get(&self, id: u64) -> Option<&Note> {
        self.notes.iter().find(|note| note.id == id)
    }

    /// # Errors
    /// The text cannot be kept, or there are too many.
    pub fn add(&mut self, day: Day, text: &str) -> Result<u64, Invalid> {
        let text = named("a note", text, TEXT_MAX)?;
        if self.notes.len() >= NOTES_MAX {
            let full = Invalid::new(format!("there are {NOTES_MAX} notes: delete one first"));
            return Err(full.because(Reason::Full { most: NOTES_MAX }));
        }
        self.last_id += 1;
        self.notes.push(Note { id: self.last_id, day, text, version: 0 });
        self.notes.sort_by_key(|note| (note.day, note.id));
        Ok(self.last_id)
    }

    /// Changes a note that is still as it was when the form was made.
    ///
    /// # Errors
    /// As [`Notes::add`]; or it was changed or deleted meanwhile.
    pub fn edit(&mut self, id: u64, version: u64, day: Day, text: &str) -> Result<(), Invalid> {
        let text = named("a note", text, TEXT_MAX)?;
        let Some(note) = self.notes.iter_mut().find(|note| note.id == id) else {
            let gone = Invalid::new("this note was deleted meanwhile");
            return Err(gone.because(Reason::NoteGone));
        };
        if note.version != version {
            let text = note.text.clone();
            let line = format!("this note was changed meanwhile; it says now: {text}");
            return Err(Invalid::new(line).because(Reason::NoteChanged { text }));
        }
        (note.day, note.text, note.version) = (day, text, version + 1);
        self.notes.sort_by_key(|note| (note.day, note.id));
        Ok(())
    }

    /// Deletes a note; one that is gone already is no trouble.
    pub fn remove(&mut self, id: u64) {
        self.notes.retain(|note| note.id != id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_are_sorted_numbered_and_bounded() {
        let day = |day: &str| day.parse::<Day>().unwrap();
        let mut notes = Notes::default();
        let late = notes.add(day("2026-11-24"), " Launch ").unwrap();
        let early = notes.add(day("2026-11-01"), "Newsletter").unwrap();
        let texts: Vec<&str> = notes.iter().map(|note| &*note.text).collect();
        assert_eq!(texts, ["Newsletter", "Launch"]);
        notes.remove(early);
        assert!(notes.add(day("2026-11-02"), "Again").unwrap() > early, "no number twice");
        for wrong in ["", " ", "a\nb", &"x".repeat(281)] {
            assert!(notes.add(day("2026-11-24"), wrong).is_err(), "{wrong}");
        }
        notes.edit(late, 0, day("2026-11-23"), "Launch!").unwrap();
        let error = notes.edit(late, 0, day("2026-11-23"), "Start").unwrap_err().to_string();
        assert!(error.contains("changed meanwhile") && error.contains("Launch!"), "{error}");
        assert!(notes.edit(77, 0, day("2026-11-23"), "Start").is_err());
        for nth in notes.iter().count()..NOTES_MAX {
            notes.add(day("2026-11-24"), &nth.to_string()).unwrap();
        }
        assert!(notes.add(day("2026-11-24"), "One more").is_err());
    }
}
