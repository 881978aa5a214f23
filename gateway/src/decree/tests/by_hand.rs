//! The model decree once more, by hand: written from its text, not from its rules, and compared
//! with what the rules decide over everybody, every dataset, every detail and both grades of a
//! question.

use birge_schemas::{detail::Detail, structure::Structures};

use super::*;

/// Who asks, what for, how finely.
struct Asked<'a> {
    role: &'a str,
    body: &'a str,
    dataset: &'a str,
    detail: Detail,
}

impl Asked<'_> {
    fn participates(&self) -> bool {
        self.role == "agency" && ["NSC", "MLSSM", "MIA", "MFA", "SBS", "NBKR"].contains(&self.body)
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
        let as_handed_in = self.body == "NSC" || self.hands_in();
        let region_is_open = ["MIA", "MLSSM", "NSC"].contains(&self.body);
        let too_fine = !as_handed_in && (other || has(Sex) && has(Age));
        self.dataset == "TRAFFICKING"
            && (finer_region
                || self.role == "agency" && (too_fine || has(Region) && !region_is_open))
    }

    fn forbidden(&self) -> Vec<&'static str> {
        let beyond = self.beyond_6_5().then_some("6(5)");
        self.no_right().into_iter().chain(beyond).collect()
    }

    /// Articles 6(1) to 6(5).
    fn shown(&self) -> (bool, Vec<&'static str>) {
        let forbidden = self.forbidden();
        if !forbidden.is_empty() {
            return (false, forbidden);
        }
        let region = self.detail.has(Region);
        let regional = |dataset, bodies: &[&str]| {
            region && self.dataset == dataset && bodies.contains(&self.body)
        };
        let grounds = [
            ("6(1)", !region),
            ("6(2)", self.body == "NSC"),
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
        let statistics = self.role == "agency" && self.body == "NSC";
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
        ("auditor", "COA"),
        ("auditor", "XYZ"),
        ("operator", "OPS"),
    ];
    let mut decisions = 0;
    for structure in structures.iter() {
        for ((role, body), detail) in
            bodies.iter().flat_map(|who| structure.breakdowns().subsets().map(move |d| (*who, d)))
        {
            let asked = Asked { role, body, dataset: &structure.id, detail };
            let owner = decree.mandate(&structure.id).unwrap().agency.clone();
            let dataset = structure.id.clone();
            let shown = Act::Query { dataset: dataset.clone(), owner: owner.clone(), detail };
            let small = Act::SmallCounts { dataset, owner, detail };
            let both = [(shown, asked.shown()), (small, asked.shown_with_small_counts())];
            for (act, (permit, articles)) in both {
                let request = request(&format!("{role}/{body}"), act);
                let decision = decree.decide(&request);
                let found = (decision.permit, &decision.articles[..]);
                assert_eq!(found, (permit, &texts(&articles)[..]), "{request:?}");
                decisions += 1;
            }
        }
    }
    assert_eq!(decisions, 2 * 10 * (16 + 4 + 8 + 8 + 32 + 2 + 32));
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
    let two: Vec<Identity> = bodies(&["agency/NBKR", "agency/SBS"]);
    assert_eq!(regional(&coverage), [("REFUGEES".to_owned(), two)]);
    let over = |overruled: &&Overruled| overruled.permitting == ["6(1)"];
    let overruled = coverage.overruled.iter().find(over).unwrap();
    assert_eq!(
        (&overruled.dataset[..], &overruled.forbidding[..]),
        ("TRAFFICKING", &texts(&["6(5)"])[..])
    );

    let amended = amended("rules.cedar", "Agency::\"MFA\", Agency::\"NSC\"", "Agency::\"NSC\"");
    let three: Vec<Identity> = bodies(&["agency/MFA", "agency/NBKR", "agency/SBS"]);
    let coverage = Coverage::of(&amended.unwrap(), &structures);
    assert_eq!(regional(&coverage), [("REFUGEES".to_owned(), three)]);
}
