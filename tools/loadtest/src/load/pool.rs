//! A worker's connections: so many, opened when they are needed, the one that was used last first.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

use crate::client::{Connection, NotSent};

pub(super) struct Pool {
    address: SocketAddr,
    /// One for each connection that may be in use. Whoever waits longest is first.
    places: Semaphore,
    idle: RefCell<Vec<Connection>>,
}

/// The right to have a connection in use.
pub(super) struct Place<'a> {
    _permit: SemaphorePermit<'a>,
    /// None was free.
    pub(super) waited: bool,
}

impl Pool {
    pub(super) fn new(address: SocketAddr, connections: usize) -> Self {
        Self {
            address,
            places: Semaphore::new(connections),
            idle: RefCell::new(Vec::with_capacity(connections)),
        }
    }

    /// `None` after `limit`.
    pub(super) async fn place(&self, limit: Duration) -> Option<Place<'_>> {
        if let Ok(permit) = self.places.try_acquire() {
            return Some(Place {
                _permit: permit,
                waited: false,
            });
        }
        let permit = timeout(limit, self.places.acquire()).await.ok()?.ok()?;
        Some(Place {
            _permit: permit,
            waited: true,
        })
    }

    /// An idle connection, or a new one. Whoever calls it has a place.
    pub(super) async fn connection(&self, limit: Duration) -> Result<Connection, NotSent> {
        loop {
            let last = self.idle.borrow_mut().pop();
            let Some(mut connection) = last else {
                break;
            };
            if connection.is_good().await {
                return Ok(connection);
            }
            connection.close().await;
        }
        match timeout(limit, Connection::open(self.address)).await {
            Ok(Ok(connection)) => Ok(connection),
            Ok(Err(_)) | Err(_) => Err(NotSent::Refused),
        }
    }

    pub(super) fn give_back(&self, connection: Connection) {
        self.idle.borrow_mut().push(connection);
    }

    pub(super) async fn close(&self) {
        let idle = std::mem::take(&mut *self.idle.borrow_mut());
        for connection in idle {
            connection.close().await;
        }
    }
}
