//! What every command of a node begins with.

use std::{
    fs::File,
    path::{Path, PathBuf},
    sync::Arc,
};

use birge_proto::{
    clock::{SharedClock, SystemClock},
    identity::Identity,
};
use birge_schemas::structure::Structures;

use crate::{
    config::{Config, Source},
    connect::Link,
    credentials::Credentials,
    home::{self, Home},
    memory::Memory,
    outbox::Outbox,
    output::Failure,
    policy,
    publish::Publisher,
};

/// A node: its configuration, its folder, and what the figures mean.
#[derive(Clone)]
pub struct Node {
    /// The configuration.
    pub config: Config,
    /// The folder.
    pub home: Home,
    /// The datasets.
    pub structures: Arc<Structures>,
    /// Batches on their way.
    pub outbox: Outbox,
    /// Time.
    pub clock: SharedClock,
}

impl Node {
    /// The node whose configuration is `file`.
    ///
    /// # Errors
    /// When the configuration is wrong, or the folder cannot be used.
    pub fn open(file: &Path) -> Result<Self, Failure> {
        let config = Config::load(file)?;
        let home = Home::of_config(file);
        home.create()?;
        for source in &config.sources {
            home::create_dir(&home.join("inbox").join(&source.name))?;
        }
        let structures = Structures::bundled().map_err(anyhow::Error::from)?;
        let outbox = Outbox::open(&home)?;
        Ok(Self { config, home, structures, outbox, clock: Arc::new(SystemClock) })
    }

    /// The folder into which a source's files come.
    #[must_use]
    pub fn inbox(&self, source: &Source) -> PathBuf {
        self.home.join("inbox").join(&source.name)
    }

    /// Who the node speaks for.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        &self.config.identity
    }

    /// Keeps another process from running this node too, until the file is dropped.
    ///
    /// # Errors
    /// When one does.
    pub fn alone(&self) -> Result<File, Failure> {
        self.home.try_lock("run.lock")?.ok_or_else(|| {
            Failure::Wrong(
                "this node runs already\nnext: stop the other `agency-node run` or `agency-node \
                 witness` of this folder"
                    .into(),
            )
        })
    }

    /// The way to the gateway, and the log that it is held to.
    ///
    /// # Errors
    /// When the node is not enrolled, or its credentials are not what they must be.
    pub fn link(&self) -> Result<(Link, Memory), Failure> {
        let credentials = Credentials::load(&self.home, self.identity())?;
        let link = Link::new(&self.config.gateway, &self.home, &credentials)?;
        let authority = policy::authority(&self.config.trust, &credentials.enrolled)?;
        let memory = Memory::open(&self.home, &credentials.enrolled.log_key, authority)?;
        Ok((link, memory))
    }

    /// What hands over the batches of the outbox.
    ///
    /// # Errors
    /// As for [`Self::link`].
    pub fn publisher(&self) -> Result<Publisher, Failure> {
        let (link, memory) = self.link()?;
        Ok(Publisher {
            home: self.home.clone(),
            identity: self.identity().clone(),
            link,
            outbox: self.outbox.clone(),
            memory,
            retry: self.config.retry.clone(),
            language: self.config.language,
            clock: self.clock.clone(),
        })
    }
}
