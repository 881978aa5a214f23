//! The model decree once more, by hand: written from its text, not from its rules, and compared
//! with what the rules decide over everybody, every dataset, every detail, before and after the
//! figures are public, and both grades of a question; and its dates.

use birge_proto::identity::Role;
use birge_schemas::{detail::Detail, structure::Structures};

use super::*;

/// Who asks, what for, how finely.
struct Asked<'a> {
    role: &'a str,
    body: &'a str,
    dataset: &'a str,
    detail: Detail,
    released: bool,
}

impl Asked<'_> {
    /// Articles 3(1) and 3(2): a member belongs to a participant.
    fn participates(&self) -> bool {
        ["agency", "member"].contains(&self.role)
            && ["NSC", "MLSSM", "MIA", "MFA", "SBS", "NBKR"].contains(&self.body)
    }

    fn makes_statistics(&self) -> bool {
        self.participates() && self.body == "NSC"
    }

    /// Article 4(1).
    fn hands_in(&self) -> bool {
        let mandates = [
            ("MIG_STOCK", "NSC"),
            ("REFUGEES", "MLSSM"),
            ("LABOUR_ABROAD", "MLSSM"),
            ("TRAFFICKING", "MIA"),
            ("ASYLUM_ABROAD", "MFA"),
            ("BORDER", "SBS"),
            ("REMITTANCES", "NBKR"),
        ];
        self.participates() && mandates.contains(&(self.dataset, self.body))
    }

    /// Article 3: those who have no right at all.
    fn no_right(&self) -> Option<&'static str> {
        match self.role {
            "operator" => Some("3(4)"),
            "agency" if !self.participates() => Some("3(1)"),
            "member" if !self.participates() => Some("3(2)"),
            "auditor" if self.body != "COA" => Some("3(3)"),
            _ => None,
        }
    }

    /// Article 6(5): "of the victims of trafficking participants see national totals, by sex or
    /// by age; MIA, MLSSM and NSC see them by region; by region never by sex, age or citizenship
    /// too". What goes before it: 6(2) and 6(3).
    fn beyond_6_5(&self) -> bool {
        let has = |breakdown| self.detail.has(breakdown);
        let finer_region = has(Region) && (has(Sex) || has(Age) || has(Citizenship));
        let other = self.detail.iter().any(|each| ![Region, Sex, Age].contains(&each));
        let as_handed_in = self.makes_statistics() || self.hands_in();
        let region_is_open = self.participates() && ["MIA", "MLSSM", "NSC"].contains(&self.body);
        let too_fine = !as_handed_in && (other || has(Sex) && has(Age));
        self.dataset == "TRAFFICKING"
            && (finer_region || too_fine || has(Region) && !region_is_open)
    }

    fn forbidden(&self) -> Vec<&'static str> {
        let beyond = self.beyond_6_5().then_some("6(5)");
        self.no_right().into_iter().chain(beyond).collect()
    }

    /// Articles 6(1) to 6(6) and 8(1).
    fn shown(&self) -> (bool, Vec<&'static str>) {
        let mut forbidden = self.forbidden();
        let outside = ["observer", "public"].contains(&self.role);
        if outside && !self.released {
            forbidden.push("8(1)");
        }
        if !forbidden.is_empty() {
            return (false, forbidden);
        }
        let region = self.detail.has(Region);
        let regional = |dataset, bodies: &[&str]| {
            region && self.dataset == dataset && bodies.contains(&self.body)
        };
        let open = ["MIG_STOCK", "ASYLUM_ABROAD", "REMITTANCES"].contains(&self.dataset);
        if outside && open && !region {
            return (true, vec!["6(6)"]);
        }
        let grounds = [
            ("6(1)", !region),
            ("6(2)", self.makes_statistics()),
            ("6(3)", self.hands_in()),
            ("6(4)", regional("REFUGEES", &["MLSSM", "MIA", "MFA", "NSC"])),
            ("6(5)", regional("TRAFFICKING", &["MIA", "MLSSM", "NSC"])),
        ];
        let holds = grounds.into_iter().filter(|(_, holds)| *holds && self.participates());
        let holds: Vec<_> = holds.map(|(article, _)| article).collect();
        if holds.is_empty() { (false, vec!["1"]) } else { (true, holds) }
    }

    /// Articles 7(1) and 7(3).
    fn shown_with_small_counts(&self) -> (bool, Vec<&'static str>) {
        let statistics = self.makes_statistics();
        let mut forbidden = self.forbidden();
        if !statistics && !self.hands_in() {
            forbidden.push("7(1)");
        }
        if !forbidden.is_empty() {
            return (false, forbidden);
        }
        let grounds = [("6(2)", statistics), ("6(3)", self.hands_in()), ("7(3)", true)];
        let holds = grounds.into_iter().filter(|(_, holds)| *holds).map(|(article, _)| article);
        (true, holds.collect())
    }
}

#[test]
fn every_decision_is_the_one_that_the_text_asks_for() {
    let (decree, structures) = (model(), Structures::bundled().unwrap());
    let bodies = [
        ("agency", "NSC"),
        ("agency", "MLSSM"),
        ("agency", "MIA"),
        ("agency", "MFA"),
        ("agency", "SBS"),
        ("agency", "NBKR"),
        ("agency", "XYZ"),
        ("member", "NSC"),
        ("member", "MLSSM"),
        ("member", "MIA"),
        ("member", "MFA"),
        ("member", "SBS"),
        ("member", "NBKR"),
        ("member", "XYZ"),
        ("observer", "IOM"),
        ("public", "ANYBODY"),
        ("auditor", "COA"),
        ("auditor", "XYZ"),
        ("operator", "OPS"),
    ];
    let mut decisions = 0;
    for structure in structures.iter() {
        for ((role, body), detail, released) in bodies.iter().flat_map(|who| {
            let details = structure.breakdowns().subsets();
            details.flat_map(move |detail| [false, true].map(|released| (*who, detail, released)))
        }) {
            let asked = Asked { role, body, dataset: &structure.id, detail, released };
            let owner = decree.mandate(&structure.id).unwrap().agency.clone();
            let dataset = structure.id.clone();
            let shown =
                Act::Query { dataset: dataset.clone(), owner: owner.clone(), detail, released };
            let small = Act::SmallCounts { dataset, owner, detail, released };
            let both = [(shown, asked.shown()), (small, asked.shown_with_small_counts())];
            for (act, (permit, articles)) in both {
                let person = ["member", "observer"].contains(&role);
                let person = if person { "/k3jq7x2m" } else { "" };
                let request = request(&format!("{role}/{body}{person}"), act);
                let decision = decree.decide(&request);
                let found = (decision.permit, &decision.articles[..]);
                assert_eq!(found, (permit, &texts(&articles)[..]), "{request:?}");
                decisions += 1;
            }
        }
    }
    assert_eq!(decisions, 2 * 2 * 19 * (16 + 4 + 8 + 8 + 32 + 2 + 32));
}

/// Articles 4(2), 5(2), 8(1), by local time, which is six hours ahead of UTC.
#[test]
fn every_date_is_the_one_that_the_text_asks_for() {
    let decree = model();
    let utc = |text: &str| text.parse::<Timestamp>().unwrap();
    // Dataset, period, first moment late, frozen after, accepted, public from.
    let dates = [
        (
            "TRAFFICKING",
            "2024",
            "2025-03-31T18:00:00Z",
            "2029-12-31T18:00:00Z",
            "2025-02-10T05:00:00Z",
            "2025-04-30T04:00:00Z",
        ),
        (
            "TRAFFICKING",
            "2024",
            "2025-03-31T18:00:00Z",
            "2029-12-31T18:00:00Z",
            "2025-06-10T05:00:00Z",
            "2025-07-10T04:00:00Z",
        ),
        // Accepted on 1 April local time, after the deadline by an hour.
        (
            "ASYLUM_ABROAD",
            "2024",
            "2025-03-31T18:00:00Z",
            "2029-12-31T18:00:00Z",
            "2025-03-31T19:00:00Z",
            "2025-05-01T04:00:00Z",
        ),
        (
            "LABOUR_ABROAD",
            "2024-Q4",
            "2025-01-15T18:00:00Z",
            "2029-12-31T18:00:00Z",
            "2025-01-02T05:00:00Z",
            "2025-02-14T04:00:00Z",
        ),
        (
            "BORDER",
            "2024-02",
            "2024-03-15T18:00:00Z",
            "2029-02-28T18:00:00Z",
            "2024-03-01T05:00:00Z",
            "2024-04-14T04:00:00Z",
        ),
    ];
    for (dataset, period, late, frozen, accepted, public) in dates {
        assert_eq!(decree.deadline(dataset, period), Some(utc(late)), "{dataset} {period}");
        assert!(!decree.frozen(period, utc(frozen)), "{dataset} {period}");
        let after = utc(frozen) + jiff::SignedDuration::from_secs(1);
        assert!(decree.frozen(period, after), "{dataset} {period}");
        let public_from = decree.public_from(dataset, period, utc(accepted));
        assert_eq!(public_from, Some(utc(public)), "{dataset} {period}");
    }
    // A period of which nothing is due: 30 days after acceptance.
    let early = decree.public_from("TRAFFICKING", "2019", utc("2024-06-01T05:00:00Z"));
    assert_eq!(early, Some(utc("2024-07-01T04:00:00Z")));
}

#[test]
fn what_no_article_speaks_of_is_told() {
    let structures = Structures::bundled().unwrap();
    let coverage = Coverage::of(&model(), &structures);
    let regional = |coverage: &Coverage| {
        let gaps = coverage.gaps.iter();
        let found = gaps.filter(|gap| gap.detail == detail(&[Region])).cloned();
        found.map(|gap| (gap.dataset, gap.bodies)).collect::<Vec<_>>()
    };
    let bodies = |names: &[&str]| names.iter().map(|name| name.parse().unwrap()).collect();
    let agencies = |gap: (String, Vec<Identity>)| {
        let (dataset, mut bodies) = gap;
        bodies.retain(|body| body.role == Role::Agency);
        (dataset, bodies)
    };
    let two: Vec<Identity> = bodies(&["agency/NBKR", "agency/SBS"]);
    let found: Vec<_> = regional(&coverage).into_iter().map(agencies).collect();
    assert_eq!(found, [("REFUGEES".to_owned(), two)]);
    let over = |overruled: &&Overruled| overruled.permitting == ["6(1)"];
    let overruled = coverage.overruled.iter().find(over).unwrap();
    assert_eq!(
        (&overruled.dataset[..], &overruled.forbidding[..]),
        ("TRAFFICKING", &texts(&["6(5)"])[..])
    );

    let amended = amended("rules.cedar", "Agency::\"MFA\", Agency::\"NSC\"", "Agency::\"NSC\"");
    let three: Vec<Identity> = bodies(&["agency/MFA", "agency/NBKR", "agency/SBS"]);
    let coverage = Coverage::of(&amended.unwrap(), &structures);
    let found: Vec<_> = regional(&coverage).into_iter().map(agencies).collect();
    assert_eq!(found, [("REFUGEES".to_owned(), three)]);
}
