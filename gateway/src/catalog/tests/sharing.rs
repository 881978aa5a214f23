//! Periods with the same keys and attributes hold them once, in whatever order they come.

use birge_schemas::structure::Structure;

use super::*;

/// What a batch of one period makes of it.
fn handed_in(
    structure: &Arc<Structure>,
    holding: &Holding,
    period: &str,
    action: Action,
    women: Option<u32>,
) -> Arc<Slice> {
    let mut raw = women.map(figures).unwrap_or_default();
    let time = raw.columns.iter_mut().find(|column| column.id == "TIME_PERIOD");
    time.into_iter().for_each(|time| time.dictionary = vec![period.to_owned()]);
    let manifest = Manifest {
        dataset: DATASET.into(),
        version: "1.0.0".into(),
        agency: nsc().body,
        periods: vec![period.into()],
        action,
        revises: None,
        reason: None,
        cause: None,
        removes: vec![],
        contact: "statistics office".into(),
        approved_by: "head of statistics".into(),
        prepared: Timestamp::default(),
        observations: raw.rows as u64,
        blocks: vec![],
        salt: Salt::generate().unwrap(),
    };
    let table = validate::accepted(structure, action, &raw).unwrap();
    let mut merged = merge(structure, holding, &manifest, &table).unwrap();
    merged.slices.remove(period).unwrap()
}

#[test]
fn years_and_revisions_with_the_same_keys_hold_them_once() {
    let structures = Structures::bundled().unwrap();
    let structure = structures.get(DATASET).unwrap();
    let mut holding = Holding::default();
    let mut first: Option<Arc<Slice>> = None;
    // Newest first, with one taken away between, then one more, then a revision.
    let batches = [
        ("2024", Action::Append, Some(7)),
        ("2023", Action::Append, Some(8)),
        ("2022", Action::Append, Some(9)),
        ("2022", Action::Withdraw, None),
        ("2021", Action::Append, Some(10)),
        ("2025", Action::Append, Some(11)),
        ("2024", Action::Replace, Some(12)),
    ];
    for (period, action, women) in batches {
        let slice = handed_in(structure, &holding, period, action, women);
        let first = first.get_or_insert_with(|| Arc::clone(&slice));
        assert_eq!(slice.shares_keys(first), women.is_some(), "{period} {action:?}");
        let once = slice.table().shares_attributes(first.table());
        assert_eq!(once, women.is_some(), "attributes of {period} {action:?}");
        let version = Version::with((*slice).clone(), roaring::RoaringBitmap::new(), None);
        let held = holding.periods.entry(period.to_owned());
        held.or_insert_with(|| Held { versions: vec![] }).versions.push(version);
    }
}
