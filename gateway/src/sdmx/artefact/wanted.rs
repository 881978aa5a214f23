//! What a structure query names, and how much it wants (SDMX REST 1.5 and 2.1).

use crate::sdmx::urn::Class;

/// What a request names in one segment of its path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// Whatever there is.
    All,
    /// One of these.
    These(Vec<String>),
}

/// Which versions a request names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Versions {
    /// Whatever there is.
    All,
    /// The latest.
    Latest,
    /// One of these.
    These(Vec<String>),
}

/// What a structure query names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// Of which class; none: of any.
    pub class: Option<Class>,
    /// Maintained by whom.
    pub agencies: Wanted,
    /// Called how.
    pub ids: Wanted,
    /// In which versions.
    pub versions: Versions,
}

/// Which artefacts a request wants besides those that it names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum References {
    /// None.
    None,
    /// Those that refer to them.
    Parents,
    /// Those, and what they refer to besides.
    ParentsAndSiblings,
    /// Those, and those that refer to those.
    Ancestors,
    /// What they refer to.
    Children,
    /// That, and what that refers to.
    Descendants,
    /// All of these.
    All,
    /// Of all these, those of one class.
    Of(Class),
}

/// How much of each artefact a request wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    /// All of it.
    Full,
    /// Of each its name; of all, or of those only that others refer to; with annotations and the
    /// like, or without.
    Stubs {
        /// Of those that others refer to only.
        references_only: bool,
        /// With annotations and descriptions.
        complete: bool,
    },
    /// Of schemes that others refer to, only what they use.
    ReferencePartial,
}

impl Wanted {
    pub(super) fn takes(&self, id: &str) -> bool {
        match self {
            Self::All => true,
            Self::These(ids) => ids.iter().any(|each| each == id),
        }
    }
}

impl Versions {
    pub(super) fn takes(&self, version: &str) -> bool {
        match self {
            Self::All | Self::Latest => true,
            Self::These(versions) => versions.iter().any(|each| each == version),
        }
    }
}
