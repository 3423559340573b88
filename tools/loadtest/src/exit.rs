//! How the program ends.

use anyhow::Error;

/// What came of a run that was made, as the exit status says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    Held,
    SloMissed,
    Invalid,
    NotReconciled,
    /// By Ctrl-C, and what was sent is reconciled.
    Interrupted,
}

impl Exit {
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Held => 0,
            Self::SloMissed => 3,
            Self::Invalid => 4,
            Self::NotReconciled => 5,
            Self::Interrupted => 130,
        }
    }

    /// Where several hold, what weighs most: wrong metrics are wrong however the load went, and what a run that is
    /// not valid has missed says nothing.
    pub(crate) fn of(reconciled: Option<bool>, interrupted: bool, valid: bool, met: bool) -> Self {
        match (reconciled, interrupted, valid, met) {
            (Some(false), ..) => Self::NotReconciled,
            (_, true, ..) => Self::Interrupted,
            (_, _, false, _) => Self::Invalid,
            (_, _, _, false) => Self::SloMissed,
            _ => Self::Held,
        }
    }
}

/// Why there was no run, or no report of it.
#[derive(Debug)]
pub(crate) enum Failure {
    /// What was asked for cannot be: exit status 2.
    Usage(Error),
    /// Anything else: 1.
    Other(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Other(error)
    }
}

impl Failure {
    pub(crate) fn code(&self) -> u8 {
        match self {
            Self::Usage(_) => 2,
            Self::Other(_) => 1,
        }
    }

    pub(crate) fn error(&self) -> &Error {
        match self {
            Self::Usage(error) | Self::Other(error) => error,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_metrics_weigh_more_than_all_else() {
        assert_eq!(Exit::of(Some(false), true, false, false).code(), 5);
        assert_eq!(Exit::of(Some(true), true, false, false).code(), 130);
        assert_eq!(Exit::of(None, false, false, false).code(), 4);
        assert_eq!(Exit::of(Some(true), false, true, false).code(), 3);
        assert_eq!(Exit::of(Some(true), false, true, true).code(), 0);
    }
}
