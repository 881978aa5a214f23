//! A refusal names every finest request that would be permitted within the one that was asked,
//! and each of them then is.

use std::{path::Path, sync::OnceLock};

use birge_schemas::structure::Structures;

use super::*;

fn decrees() -> &'static [Decree; 2] {
    static DECREES: OnceLock<[Decree; 2]> = OnceLock::new();
    DECREES.get_or_init(|| {
        let decrees = Path::new(env!("CARGO_MANIFEST_DIR")).join("../schemas/decrees");
        ["model", "model-tj"].map(|folder| {
            Decree::from_bundle(&bundle::from_folder(&decrees.join(folder)).unwrap()).unwrap()
        })
    })
}

proptest! {
    #[test]
    fn what_a_refusal_names_is_permitted_when_it_is_asked(
        decree in 0..2_usize,
        body in 0..20_usize,
        dataset in 0..7_usize,
        released in any::<bool>(),
        how in prop::collection::vec(0..4_u8, Breakdown::ALL.len()),
    ) {
        let (decree, structures) = (&decrees()[decree], Structures::bundled().unwrap());
        let structure = structures.iter().nth(dataset).unwrap();
        let bodies = matrix::principals(decree);
        let principal = &bodies[body % bodies.len()];
        let owner = &decree.mandate(&structure.id).unwrap().agency;
        let breakdowns = structure.breakdowns();
        let figures = Figures { dataset: &structure.id, owner, breakdowns, released };
        let access = decree.access(principal, &figures);
        let named: Vec<_> = breakdowns
            .iter()
            .zip(how)
            .filter_map(|(breakdown, how)| {
                let kinds = [Named::Total, Named::Parts, Named::Both];
                Some((breakdown, *kinds.get(usize::from(how))?))
            })
            .collect();
        match access.narrow(&named) {
            Ok(narrowed) => {
                prop_assert!(narrowed.given.iter().all(|detail| access.permits(*detail)));
                prop_assert!(narrowed.left_out.iter().all(|detail| !access.permits(*detail)));
                prop_assert!(!narrowed.articles.is_empty());
            }
            Err(refusal) => {
                prop_assert!(!refusal.articles.is_empty());
                prop_assert!(!access.permits(refusal.detail));
                for detail in refusal.permitted {
                    let part = |breakdown| match detail.has(breakdown) {
                        true => (breakdown, Named::Parts),
                        false => (breakdown, Named::Total),
                    };
                    let asked: Vec<_> = breakdowns.iter().map(part).collect();
                    let narrowed = access.narrow(&asked);
                    prop_assert_eq!(narrowed.map(|narrowed| narrowed.given), Ok([detail].into()));
                }
            }
        }
    }
}
