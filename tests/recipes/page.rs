//! A page of the documentation, by its sections and blocks of code.

use std::path::Path;

/// A block of code, without its fences.
#[derive(Debug, Clone)]
pub struct Block {
    pub language: String,
    pub text: String,
}

/// What stands under a heading.
#[derive(Debug)]
pub struct Section {
    pub name: String,
    pub blocks: Vec<Block>,
}

impl Section {
    /// The blocks that begin with a comment which names a file: its path, the whole text.
    pub fn files(&self) -> Vec<(&str, &str)> {
        let file = |block: &'_ Block| {
            let mut lines = block.text.lines();
            let first = lines.next().filter(|line| *line != "<?php").or_else(|| lines.next())?;
            let comment = first.strip_prefix("# ").or(first.strip_prefix("// "))?;
            comment.starts_with('/').then(|| comment.split(',').next().unwrap_or_default().len())
        };
        let text_of = |block: &Block| block.text.find(" /").map(|at| at + 1);
        self.blocks
            .iter()
            .filter_map(|block| {
                let (from, length) = (text_of(block)?, file(block)?);
                Some((&block.text[from..from + length], &*block.text))
            })
            .collect()
    }

    /// The lines of the blocks of commands, those that go on with `\` joined.
    pub fn commands(&self) -> Vec<String> {
        let shell = self.blocks.iter().filter(|block| block.language == "sh");
        let lines = shell.flat_map(|block| {
            let joined = block.text.replace("\\\n", " ");
            joined.lines().map(str::to_owned).collect::<Vec<_>>()
        });
        lines.filter(|line| !line.trim().is_empty()).collect()
    }

    /// The blocks in one language.
    pub fn in_language(&self, language: &str) -> Vec<&str> {
        let these = self.blocks.iter().filter(|block| block.language == language);
        these.map(|block| &*block.text).collect()
    }
}

/// The sections of `docs/NAME.md`; what stands before the first has no name.
pub fn sections(name: &str) -> Vec<Section> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("docs/{name}.md"));
    let text = std::fs::read_to_string(&file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
    let mut sections = vec![Section { name: String::new(), blocks: Vec::new() }];
    let mut block: Option<Block> = None;
    for line in text.lines() {
        match (&mut block, line.strip_prefix("```")) {
            (None, Some(language)) => {
                block = Some(Block { language: language.to_owned(), text: String::new() });
            }
            (Some(_), Some(_)) => {
                let section = sections.last_mut().expect("the first");
                section.blocks.extend(block.take());
            }
            (Some(block), None) => block.text += &format!("{line}\n"),
            (None, None) => {
                if let Some(name) = line.strip_prefix("## ") {
                    sections.push(Section { name: name.to_owned(), blocks: Vec::new() });
                }
            }
        }
    }
    assert!(block.is_none(), "{}: a block without an end", file.display());
    sections
}

/// A section by its heading.
pub fn section(page: &str, name: &str) -> Section {
    let found = sections(page).into_iter().find(|section| section.name == name);
    found.unwrap_or_else(|| panic!("docs/{page}.md has no section {name}"))
}
