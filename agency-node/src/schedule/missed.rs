//! Periods that nobody asked for, as several times passed while the node was off: of those the
//! newest alone is made up for (a clock that leaps by years would else ask for years to come). They
//! are told until somebody asks for them by hand.

use std::{collections::BTreeSet, fs, io, path::PathBuf};

use crate::{
    home::{self, Home},
    output::Failure,
};

/// Periods of which each is told; of more, the newest.
const KEPT: usize = 120;

/// Notes that these were passed over.
///
/// # Errors
/// When the disk refuses.
pub fn add(home: &Home, name: &str, periods: Vec<String>) -> Result<(), Failure> {
    if periods.is_empty() {
        return Ok(());
    }
    change(home, name, |missed| {
        missed.extend(periods);
        while missed.len() > KEPT {
            missed.pop_first();
        }
    })
}

/// Notes that this one was asked for after all.
///
/// # Errors
/// When the disk refuses.
pub fn settle(home: &Home, name: &str, period: &str) -> Result<(), Failure> {
    match of(home, name)?.contains(period) {
        true => change(home, name, |missed| _ = missed.remove(period)),
        false => Ok(()),
    }
}

/// Those that nobody asked for yet.
///
/// # Errors
/// When the file cannot be read.
pub fn of(home: &Home, name: &str) -> Result<BTreeSet<String>, Failure> {
    let path = path(home, name);
    let wrong = |error: &dyn std::error::Error| {
        Failure::Wrong(format!("cannot read {}: {error}\nnext: delete it", path.display()))
    };
    match fs::read(&path) {
        Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| wrong(&error)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(BTreeSet::new()),
        Err(error) => Err(wrong(&error)),
    }
}

fn change(
    home: &Home,
    name: &str,
    change: impl FnOnce(&mut BTreeSet<String>),
) -> Result<(), Failure> {
    let _lock = home.lock("missed.lock")?;
    let mut missed = of(home, name)?;
    change(&mut missed);
    home::create_dir(&home.join("state/schedules"))?;
    let json = serde_json::to_vec(&missed).map_err(anyhow::Error::from)?;
    home::write(&path(home, name), &json)
}

fn path(home: &Home, name: &str) -> PathBuf {
    home.join("state/schedules").join(format!("{name}.missed"))
}
