//! The log: see the modules.
