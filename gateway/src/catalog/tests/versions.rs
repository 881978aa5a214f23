//! Which version of a period is seen, over everything that can happen to it.

use birge_proto::manifest::Cause;
use proptest::prelude::*;

use super::*;

/// What happens to a period, one after the other, each at a moment of its own.
#[derive(Debug, Clone, Copy)]
enum Happens {
    /// Figures are handed in that take the place of what stood.
    Replaced,
    /// All of them are taken away, by a withdrawal or by a replacement with none.
    Gone(Action),
    /// What stands becomes public.
    Public,
}

fn happens() -> impl Strategy<Value = Happens> {
    prop_oneof![
        3 => Just(Happens::Replaced),
        1 => Just(Happens::Gone(Action::Withdraw)),
        1 => Just(Happens::Gone(Action::Replace)),
        3 => Just(Happens::Public),
    ]
}

fn at(moment: usize) -> Timestamp {
    Timestamp::from_second(moment as i64).unwrap()
}

/// The period after all this; each version's exchange is its moment.
fn held(happened: &[Happens]) -> Held {
    let structures = Structures::bundled().unwrap();
    let structure = structures.get(DATASET).unwrap();
    let table = validate::accepted(structure, Action::Append, &figures(7)).unwrap();
    let standing = birge_schemas::slice::split(&table).remove("2024").unwrap();
    let (standing, empty) = (Arc::new(standing), Arc::new(Slice::empty(structure, "2024")));
    let mut versions: Vec<Version> = vec![];
    for (moment, what) in happened.iter().enumerate() {
        let (slice, action) = match what {
            Happens::Replaced => (&standing, Action::Replace),
            Happens::Gone(action) => (&empty, *action),
            Happens::Public => {
                if let Some(current) = versions.last_mut().filter(|version| version.stands()) {
                    current.public = current.public.or(Some(at(moment)));
                }
                continue;
            }
        };
        versions.push(Version {
            slice: Arc::clone(slice),
            withheld: Arc::default(),
            details: [].into(),
            batches: Arc::default(),
            batch: BatchId([moment as u8; 32]),
            action,
            cause: None,
            exchange: moment as u64,
            accepted: at(moment),
            public: None,
        });
    }
    Held { versions }
}

/// The moment of the version that is seen; none where nothing is.
fn seen(held: &Held, as_of: Option<usize>, public: bool) -> Option<u64> {
    let holding = Holding { periods: [("2024".to_owned(), held.clone())].into() };
    let mut seen = holding.seen(Seen { as_of: as_of.map(at), public });
    seen.next().map(|(_, version)| version.exchange)
}

#[test]
fn what_gave_away_what_must_stay_hidden_is_shown_to_nobody_any_more() {
    use Happens::{Gone, Public, Replaced};
    for mended in [Replaced, Gone(Action::Withdraw)] {
        let mut period = held(&[Replaced, Public, mended, Replaced, Public]);
        assert_eq!(seen(&period, Some(1), false), Some(0), "for any other cause");
        period.versions[1].cause = Some(Cause::Disclosure);
        for public in [false, true] {
            assert_eq!([0, 1].map(|at| seen(&period, Some(at), public)), [None, None]);
        }
        let shown = matches!(mended, Replaced).then_some(2);
        assert_eq!(seen(&period, Some(2), false), shown);
        assert_eq!([false, true].map(|public| seen(&period, None, public)), [Some(3), Some(3)]);
    }
    let mut leak = held(&[Replaced, Public, Replaced]);
    leak.versions[1].cause = Some(Cause::Disclosure);
    assert_eq!(seen(&leak, None, true), None, "though what mends it is not public yet");
}

proptest! {
    #[test]
    fn what_was_known_is_told_to_participants_and_what_is_gone_is_gone_for_the_public(
        happened in prop::collection::vec(happens(), 1..12),
    ) {
        let period = held(&happened);
        for as_of in (0..happened.len()).map(Some).chain([None]) {
            // As if only this had happened by then.
            let then = held(&happened[..as_of.map_or(happened.len(), |moment| moment + 1)]);
            prop_assert_eq!(seen(&period, as_of, false), seen(&then, None, false));
            let public = seen(&period, as_of, true);
            let still = happened[public.unwrap_or(0) as usize..].iter();
            if public.is_some() {
                prop_assert_eq!(public, seen(&then, None, true));
                prop_assert!(!still.clone().any(|what| matches!(what, Happens::Gone(_))));
            } else if let Some(shown) = seen(&then, None, true) {
                // It was shown then, and was taken away since.
                let since = happened[shown as usize..].iter();
                prop_assert!(since.clone().any(|what| matches!(what, Happens::Gone(_))));
            }
        }
        // The public sees now what was published last, unless it was taken away.
        let gone = happened.iter().rposition(|what| matches!(what, Happens::Gone(_)));
        let mut shown = None;
        let mut current = None;
        for (moment, what) in happened.iter().enumerate().skip(gone.map_or(0, |it| it + 1)) {
            match what {
                Happens::Replaced => current = Some(moment as u64),
                Happens::Public => shown = current.or(shown),
                Happens::Gone(_) => {}
            }
        }
        prop_assert_eq!(seen(&period, None, true), shown);
    }
}

#[test]
fn article_4_2_a_late_delivery_is_not_timely_for_what_was_taken_away_before() {
    let period = held(&[
        Happens::Replaced,
        Happens::Gone(Action::Withdraw),
        Happens::Replaced,
        Happens::Replaced,
    ]);
    assert_eq!(period.first_accepted(), Some(at(2)));
    let gone = held(&[Happens::Replaced, Happens::Gone(Action::Replace)]);
    assert_eq!(gone.first_accepted(), None);
}
