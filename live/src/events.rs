//! The stream of a viewer, as the body of its response.

use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;

use crate::sampler::Sampler;
use crate::viewers::Viewer;

/// A viewer's stream. Dropped, the viewer is gone.
#[derive(Debug)]
pub(crate) struct Events {
    viewer: Arc<Viewer>,
    sampler: Arc<Sampler>,
}

impl Events {
    /// Of a viewer that has [entered](Sampler::enter).
    pub(crate) fn new(viewer: Arc<Viewer>, sampler: Arc<Sampler>) -> Self {
        Self { viewer, sampler }
    }

    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        self.viewer.poll(cx)
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        self.sampler.left(&self.viewer);
    }
}
