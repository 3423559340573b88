//! An executable: which function is where, and its bytes.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use object::{
    Architecture, Object, ObjectSection, ObjectSymbol, RelocationTarget, SectionKind, SymbolKind,
};

pub(super) struct Image<'bytes> {
    /// By address: where it ends, and its name as the source has it.
    functions: BTreeMap<u64, (u64, String)>,
    /// Every name with its address: the compiler gives two functions that are the same one address.
    names: BTreeMap<String, u64>,
    code: Vec<(u64, &'bytes [u8])>,
    /// What the loader will put where, in a program that it may load anywhere.
    pointers: BTreeMap<u64, u64>,
}

impl<'bytes> Image<'bytes> {
    pub(super) fn parse(bytes: &'bytes [u8]) -> Result<Self> {
        let file = object::File::parse(bytes).context("it is no executable")?;
        ensure!(
            file.architecture() == Architecture::X86_64,
            "it is for {:?}; the rules are those of x86-64",
            file.architecture()
        );
        let mut code = Vec::new();
        for section in file.sections().filter(|s| s.kind() == SectionKind::Text) {
            code.push((section.address(), section.data()?));
        }
        let (mut functions, mut names) = (BTreeMap::new(), BTreeMap::new());
        for symbol in file.symbols().filter(|s| s.kind() == SymbolKind::Text) {
            let name = format!("{:#}", rustc_demangle::demangle(symbol.name()?));
            names.insert(name.clone(), symbol.address());
            functions.insert(symbol.address(), (symbol.address() + symbol.size(), name));
        }
        ensure!(!functions.is_empty(), "its symbols were stripped");
        let relocations = file.dynamic_relocations().into_iter().flatten();
        let pointers = relocations
            .filter(|(_, relocation)| relocation.target() == RelocationTarget::Absolute)
            .map(|(at, relocation)| (at, relocation.addend() as u64))
            .collect();
        let mut image = Self {
            functions,
            names,
            code,
            pointers,
        };
        image.close_gaps();
        Ok(image)
    }

    /// Some formats do not say how long a function is; it ends where the next one begins.
    fn close_gaps(&mut self) {
        let mut next = u64::MAX;
        for (start, (end, _)) in self.functions.iter_mut().rev() {
            if *end == *start {
                *end = next;
            }
            next = *start;
        }
    }

    /// Where the function of a name begins.
    pub(super) fn named(&self, name: &str) -> Option<u64> {
        self.names.get(name).copied()
    }

    /// The function that an address lies in: its beginning and its name.
    pub(super) fn function(&self, address: u64) -> Option<(u64, &str)> {
        let (start, (end, name)) = self.functions.range(..=address).next_back()?;
        (address < *end).then_some((*start, name))
    }

    /// The code from an address on.
    pub(super) fn code(&self, address: u64) -> Option<&'bytes [u8]> {
        self.code.iter().find_map(|(start, data)| {
            let offset = usize::try_from(address.checked_sub(*start)?).ok()?;
            data.get(offset..).filter(|rest| !rest.is_empty())
        })
    }

    /// The address that stands at an address when the program runs.
    pub(super) fn pointer(&self, at: u64) -> Option<u64> {
        self.pointers.get(&at).copied()
    }
}

#[cfg(test)]
impl<'bytes> Image<'bytes> {
    /// Functions one after the other from `at` on.
    pub(super) fn of(at: u64, code: &'bytes [u8], lengths: &[(&str, u64)]) -> Self {
        let mut functions = BTreeMap::new();
        let mut start = at;
        for (name, length) in lengths {
            functions.insert(start, (start + length, (*name).to_owned()));
            start += length;
        }
        Self {
            functions,
            names: BTreeMap::new(),
            code: vec![(at, code)],
            pointers: BTreeMap::new(),
        }
    }
}
