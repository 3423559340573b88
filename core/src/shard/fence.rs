//! A fence whose cost falls on the side that needs it seldom.
//!
//! Guarantees: of a thread that stores, passes [`light`](Fence::light) and loads, and another that
//! stores, passes [`heavy`](Fence::heavy) and loads, at least one sees the other's store.
//!
//! Does not: order anything between two light ones.
//!
//! Costs: where the system can interrupt the other threads of the process for a fence (Linux'
//! `membarrier(2)`, command `PRIVATE_EXPEDITED`), `light` forbids the compiler to reorder and costs
//! nothing more, and `heavy` some microseconds. Elsewhere both are a sequentially consistent fence.
//! To ask the system once takes some milliseconds in a process that has other threads by then.
//!
//! Limits: which way is taken cannot change later. Where the system permitted the call and then refuses
//! it (a seccomp filter that was installed meanwhile), every `heavy` returns `false` from then on.
//!
//! Source: "Asymmetric fences", WG21 P1202; `membarrier(2)`.

use crate::sync::{Ordering, compiler_fence, fence};

/// Which of the two ways is taken; settled before the first fence, for both sides have to agree.
#[derive(Clone, Copy)]
pub(crate) struct Fence {
    interrupts: bool,
}

impl Fence {
    pub(crate) fn new() -> Self {
        Self {
            interrupts: membarrier::register(),
        }
    }

    /// The side that passes often.
    #[inline(always)]
    pub(crate) fn light(self) {
        if self.interrupts {
            // Partner: the interrupt of `heavy`, which is a full fence at whichever instruction
            // this thread is.
            compiler_fence(Ordering::SeqCst);
        } else {
            // Partner: the fence of `heavy`. Test: grace::loom.
            fence(Ordering::SeqCst);
        }
    }

    /// The side that passes seldom. `false` when the system refused: then there was no fence, and
    /// the caller must not count on one.
    #[must_use]
    pub(crate) fn heavy(self) -> bool {
        if self.interrupts {
            return membarrier::interrupt();
        }
        // Partner: the fence of `light`. Test: grace::loom.
        fence(Ordering::SeqCst);
        true
    }
}

#[cfg(all(target_os = "linux", not(miri), not(all(test, loom))))]
mod membarrier {
    use crate::sync::OnceLock;

    /// Whether the process may interrupt itself; asked once.
    pub(super) fn register() -> bool {
        static REGISTERED: OnceLock<bool> = OnceLock::new();
        *REGISTERED.get_or_init(|| call(libc::MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED))
    }

    /// A process that was restored from a checkpoint has to register again.
    pub(super) fn interrupt() -> bool {
        call(libc::MEMBARRIER_CMD_PRIVATE_EXPEDITED)
            || (call(libc::MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED)
                && call(libc::MEMBARRIER_CMD_PRIVATE_EXPEDITED))
    }

    fn call(command: libc::c_int) -> bool {
        // SAFETY: membarrier(2) takes a command, flags and a processor's number by value, and
        // touches no memory of ours.
        unsafe { libc::syscall(libc::SYS_membarrier, command, 0, 0) == 0 }
    }
}

#[cfg(any(not(target_os = "linux"), miri, all(test, loom)))]
mod membarrier {
    pub(super) fn register() -> bool {
        false
    }

    pub(super) fn interrupt() -> bool {
        false
    }
}
