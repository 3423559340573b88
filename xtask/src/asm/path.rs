//! Walks the machine code of one function, along every branch, and says what it finds there that a
//! recording path must not have.
//!
//! Limits: an indirect jump is a finding, not followed; a loop counts once in the number of instructions.

use std::collections::{BTreeMap, BTreeSet};

use iced_x86::{
    Decoder, DecoderOptions, FlowControl, Formatter, Instruction, IntelFormatter, Mnemonic, OpKind,
    SymbolResolver, SymbolResult,
};

use super::image::Image;

/// The functions that a recording may leave its path for; anything else that is called is a finding.
const COLD: [&str; 3] = [
    "tallied::shard::local::add_cold",
    "tallied::shard::local::observe_cold",
    "core::panicking::panic_bounds_check",
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Lock,
    /// With memory it locks without saying so.
    Exchange,
    Fence,
    Call,
    System,
    Unreadable,
}

pub(super) struct Finding {
    pub(super) at: u64,
    pub(super) kind: Kind,
    pub(super) what: String,
}

/// What follows an instruction.
#[derive(Default)]
struct Node {
    instruction: Instruction,
    next: Vec<u64>,
    /// Where a cold function returns to.
    after_cold: Option<u64>,
    returns: bool,
}

pub(super) struct Path {
    nodes: BTreeMap<u64, Node>,
    /// The instructions on a way from the beginning to a return that calls nothing.
    pub(super) hot: BTreeSet<u64>,
    pub(super) findings: Vec<Finding>,
    /// The cold functions that it can leave for.
    pub(super) leaves_for: BTreeSet<String>,
}

impl Path {
    /// `sibling` says which other functions may be jumped into and are then part of this one: the compiler
    /// makes one of two that are the same.
    pub(super) fn walk(image: &Image<'_>, start: u64, sibling: impl Fn(&str) -> bool) -> Self {
        let mut path = Self {
            nodes: BTreeMap::new(),
            hot: BTreeSet::new(),
            findings: Vec::new(),
            leaves_for: BTreeSet::new(),
        };
        let mut to_do = vec![start];
        while let Some(at) = to_do.pop() {
            if path.nodes.contains_key(&at) {
                continue;
            }
            let Some(code) = image.code(at) else {
                path.found(at, Kind::Unreadable, "no code");
                continue;
            };
            let instruction = Decoder::with_ip(64, code, at, DecoderOptions::NONE).decode();
            let node = path.node(image, &sibling, instruction);
            to_do.extend(node.next.iter().copied().chain(node.after_cold));
            path.nodes.insert(at, node);
        }
        path.hot = path.hot(start);
        path.findings.sort_by_key(|finding| finding.at);
        path
    }

    fn found(&mut self, at: u64, kind: Kind, what: impl Into<String>) {
        let what = what.into();
        self.findings.push(Finding { at, kind, what });
    }

    fn node(
        &mut self,
        image: &Image<'_>,
        sibling: impl Fn(&str) -> bool,
        instruction: Instruction,
    ) -> Node {
        let (at, following) = (instruction.ip(), instruction.next_ip());
        self.look_at(&instruction);
        let mut node = Node {
            instruction,
            ..Node::default()
        };
        let here = image.function(at).map(|(start, _)| start);
        match instruction.flow_control() {
            FlowControl::Next => node.next.push(following),
            FlowControl::Return => node.returns = true,
            FlowControl::ConditionalBranch
            | FlowControl::UnconditionalBranch
            | FlowControl::IndirectBranch => {
                if instruction.flow_control() == FlowControl::ConditionalBranch {
                    node.next.push(following);
                }
                let target = target(image, &instruction);
                let into = target.and_then(|target| image.function(target));
                match (target, into) {
                    // Within the function, or into one that is the same.
                    (Some(target), Some((start, name)))
                        if Some(start) == here || (target == start && sibling(name)) =>
                    {
                        node.next.push(target);
                    }
                    // A call in the place of a return.
                    _ => {
                        self.called(at, into.map(|(_, name)| name), "jumps to");
                    }
                }
            }
            FlowControl::Call | FlowControl::IndirectCall => {
                let into = target(image, &instruction).and_then(|target| image.function(target));
                if self.called(at, into.map(|(_, name)| name), "calls") {
                    // A panic does not come back, and what follows it may be another function.
                    let same = |at| image.function(at).map(|(start, _)| start) == here;
                    node.after_cold = Some(following).filter(|at| same(*at));
                } else {
                    node.next.push(following);
                }
            }
            // `ud2`, after what does not return.
            FlowControl::Exception => {}
            FlowControl::Interrupt => {
                if instruction.mnemonic() != Mnemonic::Int3 {
                    self.found(at, Kind::System, "an interrupt");
                }
            }
            FlowControl::XbeginXabortXend => {
                self.found(at, Kind::Lock, "a memory transaction");
            }
        }
        node
    }

    /// Notes a call; whether it is one that is allowed.
    fn called(&mut self, at: u64, name: Option<&str>, how: &str) -> bool {
        match name {
            Some(name) if COLD.contains(&name) => {
                self.leaves_for.insert(name.to_owned());
                true
            }
            Some(name) => {
                self.found(at, Kind::Call, format!("{how} {name}"));
                false
            }
            None => {
                self.found(at, Kind::Call, format!("{how} what only running it shows"));
                false
            }
        }
    }

    fn look_at(&mut self, instruction: &Instruction) {
        let at = instruction.ip();
        if instruction.has_lock_prefix() {
            self.found(at, Kind::Lock, "a lock prefix");
        }
        match instruction.mnemonic() {
            Mnemonic::Xchg if touches_memory(instruction) => {
                self.found(at, Kind::Exchange, "an exchange with memory, which locks");
            }
            Mnemonic::Mfence | Mnemonic::Lfence | Mnemonic::Sfence | Mnemonic::Serialize => {
                self.found(at, Kind::Fence, "a fence");
            }
            Mnemonic::Syscall | Mnemonic::Sysenter | Mnemonic::Cpuid => {
                self.found(at, Kind::System, "a call of the system");
            }
            Mnemonic::INVALID => self.found(at, Kind::Unreadable, "no instruction"),
            _ => {}
        }
    }

    fn hot(&self, start: u64) -> BTreeSet<u64> {
        let mut reached = BTreeSet::new();
        let mut to_do = vec![start];
        while let Some(at) = to_do.pop() {
            if let Some(node) = self.nodes.get(&at)
                && reached.insert(at)
            {
                to_do.extend(&node.next);
            }
        }
        let mut hot = BTreeSet::new();
        loop {
            let more: Vec<u64> = reached
                .iter()
                .copied()
                .filter(|at| {
                    let node = &self.nodes[at];
                    let goes_on = node.next.iter().any(|next| hot.contains(next));
                    !hot.contains(at) && (node.returns || goes_on)
                })
                .collect();
            if more.is_empty() {
                return hot;
            }
            hot.extend(more);
        }
    }

    /// Whether there is more than one way through the hot part.
    pub(super) fn branches(&self) -> bool {
        self.hot.iter().any(|at| {
            let next = &self.nodes[at].next;
            next.iter().filter(|next| self.hot.contains(next)).count() > 1
        })
    }

    /// Whether the hot part has a jump backwards.
    pub(super) fn loops(&self) -> bool {
        self.hot.iter().any(|at| {
            self.nodes[at]
                .next
                .iter()
                .any(|next| next <= at && self.hot.contains(next))
        })
    }

    /// The instructions of the hot part, or all of them, with the findings beside them.
    pub(super) fn listing(&self, image: &Image<'_>, all: bool) -> String {
        let mut formatter =
            IntelFormatter::with_options(Some(Box::new(Names::of(image, self))), None);
        let options = formatter.options_mut();
        options.set_rip_relative_addresses(true);
        options.set_branch_leading_zeros(false);
        options.set_show_branch_size(false);
        options.set_hex_prefix("0x");
        options.set_hex_suffix("");
        options.set_uppercase_hex(false);
        let mut text = String::new();
        let mut last = None;
        for (at, node) in &self.nodes {
            if !all && !self.hot.contains(at) {
                continue;
            }
            if last.is_some_and(|last| last != *at) {
                text.push_str("             ⋮\n");
            }
            last = Some(node.instruction.next_ip());
            let mut line = String::new();
            formatter.format(&node.instruction, &mut line);
            let cold = if self.hot.contains(at) { ' ' } else { '·' };
            text.push_str(&format!("  {cold} {at:8x}  {line}"));
            for finding in self.findings.iter().filter(|finding| finding.at == *at) {
                text.push_str(&format!("    ← {}", finding.what));
            }
            text.push('\n');
        }
        text
    }
}

/// Where a call or a jump goes, if that is known before it runs.
fn target(image: &Image<'_>, instruction: &Instruction) -> Option<u64> {
    match instruction.op0_kind() {
        OpKind::NearBranch64 => Some(instruction.near_branch_target()),
        OpKind::Memory if instruction.is_ip_rel_memory_operand() => {
            image.pointer(instruction.ip_rel_memory_address())
        }
        _ => None,
    }
}

fn touches_memory(instruction: &Instruction) -> bool {
    (0..instruction.op_count()).any(|i| instruction.op_kind(i) == OpKind::Memory)
}

/// The names of the functions that are jumped to or called, for the listing.
struct Names(BTreeMap<u64, String>);

impl Names {
    fn of(image: &Image<'_>, path: &Path) -> Self {
        let targets = path.nodes.values().filter_map(|node| {
            let target = target(image, &node.instruction)?;
            let (start, name) = image.function(target)?;
            (start == target).then(|| (target, name.to_owned()))
        });
        Self(targets.collect())
    }
}

impl SymbolResolver for Names {
    fn symbol(
        &mut self,
        _: &Instruction,
        _: u32,
        _: Option<u32>,
        address: u64,
        _: u32,
    ) -> Option<SymbolResult<'_>> {
        let name = self.0.get(&address)?;
        Some(SymbolResult::with_str(address, name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A function `f` of these bytes, with a cold one and another one behind it.
    fn walk(code: &[u8]) -> Path {
        let mut bytes = code.to_vec();
        bytes.resize(COLD_AT as usize, 0xcc);
        bytes.extend([0xc3; 32]);
        let lengths = [("f", COLD_AT), (COLD[0], 16), ("other", 16)];
        Path::walk(&Image::of(0, &bytes, &lengths), 0, |_| false)
    }

    const COLD_AT: u64 = 32;
    const OTHER_AT: u64 = 48;

    fn kinds(code: &[u8]) -> Vec<Kind> {
        walk(code)
            .findings
            .iter()
            .map(|finding| finding.kind)
            .collect()
    }

    /// A jump or a call of five bytes from `from` to `to`.
    fn branch(opcode: u8, from: u64, to: u64) -> Vec<u8> {
        let distance = (to as i32 - from as i32 - 5).to_le_bytes();
        [&[opcode][..], &distance].concat()
    }

    #[test]
    fn plain_instructions_are_fine() {
        // add qword [rdi], 1; ret
        let path = walk(&[0x48, 0x83, 0x07, 0x01, 0xc3]);
        assert!(path.findings.is_empty() && !path.loops());
        assert_eq!(path.hot.len(), 2);
    }

    #[test]
    fn what_orders_is_found() {
        // lock add qword [rdi], 1; ret
        assert_eq!(kinds(&[0xf0, 0x48, 0x83, 0x07, 0x01, 0xc3]), [Kind::Lock]);
        // xchg [rdi], rax; ret
        assert_eq!(kinds(&[0x48, 0x87, 0x07, 0xc3]), [Kind::Exchange]);
        // xchg rdi, rax; ret
        assert_eq!(kinds(&[0x48, 0x97, 0xc3]), []);
        // mfence; ret
        assert_eq!(kinds(&[0x0f, 0xae, 0xf0, 0xc3]), [Kind::Fence]);
        // syscall; ret
        assert_eq!(kinds(&[0x0f, 0x05, 0xc3])[0], Kind::System);
    }

    #[test]
    fn calls_are_found_but_for_the_cold_ones() {
        let call = |to| [branch(0xe8, 0, to), vec![0xc3]].concat();
        assert_eq!(kinds(&call(OTHER_AT)), [Kind::Call]);
        assert_eq!(kinds(&branch(0xe9, 0, OTHER_AT)), [Kind::Call]);
        // call rax; ret
        assert_eq!(kinds(&[0xff, 0xd0, 0xc3]), [Kind::Call]);
        let path = walk(&call(COLD_AT));
        assert!(path.findings.is_empty());
        assert_eq!(path.leaves_for.iter().collect::<Vec<_>>(), [COLD[0]]);
        assert!(
            path.hot.is_empty(),
            "there is no way round the cold function"
        );
    }

    #[test]
    fn cold_branches_are_checked_and_not_counted() {
        // test rax, rax; je +1; ret; then the cold branch: mfence; jmp cold
        let hot = [0x48, 0x85, 0xc0, 0x74, 0x01, 0xc3];
        let cold = [vec![0x0f, 0xae, 0xf0], branch(0xe9, 9, COLD_AT)].concat();
        let path = walk(&[&hot[..], &cold].concat());
        assert_eq!(path.hot.iter().copied().collect::<Vec<_>>(), [0, 3, 5]);
        assert_eq!(path.findings.len(), 1);
        assert_eq!(path.findings[0].at, 6);
    }

    #[test]
    fn a_loop_is_one() {
        // dec rdi; jne -5; ret
        let path = walk(&[0x48, 0xff, 0xcf, 0x75, 0xfb, 0xc3]);
        assert!(path.loops() && path.branches());
    }
}
