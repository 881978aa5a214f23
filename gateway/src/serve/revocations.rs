//! The TLS configuration in use, renewed whenever somebody is revoked: a handshake begun
//! afterwards sees the new list.

use std::sync::Arc;

use anyhow::Result;
use arc_swap::ArcSwap;
use birge_proto::clock::SharedClock;
use rustls::ServerConfig;

use super::tls::Credentials;
use crate::{authority::Authority, catalog::Catalog};

/// The TLS configuration in use.
pub(super) struct Revocations {
    credentials: Credentials,
    authority: Arc<Authority>,
    clock: SharedClock,
    config: Arc<ArcSwap<ServerConfig>>,
}

impl Revocations {
    /// The configuration for the revocations that the catalogue knows.
    ///
    /// # Errors
    /// When the credentials do not fit together.
    pub(super) fn new(
        credentials: Credentials,
        authority: Arc<Authority>,
        catalog: &Catalog,
        clock: SharedClock,
    ) -> Result<Self> {
        let list = authority.revocation_list(revoked(catalog), clock.now())?;
        let config = Arc::new(ArcSwap::from_pointee(credentials.mutual(list)?));
        Ok(Self { credentials, authority, clock, config })
    }

    /// The configuration for the acceptor to read at each connection.
    #[must_use]
    pub(super) fn config(&self) -> Arc<ArcSwap<ServerConfig>> {
        Arc::clone(&self.config)
    }

    /// Renews the list.
    ///
    /// # Errors
    /// As for [`Self::new`]; the configuration in use stays.
    pub(super) fn refresh(&self, catalog: &Catalog) -> Result<()> {
        let list = self.authority.revocation_list(revoked(catalog), self.clock.now())?;
        self.config.store(Arc::new(self.credentials.mutual(list)?));
        Ok(())
    }
}

fn revoked(catalog: &Catalog) -> Vec<String> {
    catalog.read(|state| state.registry.revoked().map(str::to_owned).collect())
}
