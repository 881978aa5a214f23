//! What drafts change is found, whether rules, mandates or thresholds change it.

use std::sync::Arc;

use birge_proto::record::Ruling;
use birge_schemas::structure::Structures;
use serde_json::json;

use super::*;
use crate::decree::{Claim, Effect, Replay, Way, Who, changes_only};

fn claim(who: &str, dataset: &str, breakdowns: &[Breakdown], small_counts: bool) -> Claim {
    let (who, dataset): (Who, _) = (who.parse().unwrap(), dataset.to_owned());
    Claim { who, except: vec![], dataset, detail: detail(breakdowns), small_counts }
}

/// The model with other parameters, as the version that follows it.
fn with(change: impl FnOnce(&mut serde_json::Value)) -> Decree {
    let mut files = bundle::files(&bundle::model().unwrap()).unwrap();
    let text = files.get_mut("decree.json").unwrap();
    let mut parameters = serde_json::from_str(text).unwrap();
    change(&mut parameters);
    parameters["version"] = json!("2030-01-01");
    *text = parameters.to_string();
    Decree::from_bundle(&bundle::to_bundle(&files).unwrap()).unwrap()
}

#[test]
fn a_lower_threshold_gives_more() {
    let structures = Structures::bundled().unwrap();
    let lower = with(|parameters| {
        for rule in parameters["disclosure"].as_array_mut().unwrap() {
            (rule["threshold"], rule["zerosWithheld"]) = (json!(0), json!(false));
        }
    });
    let narrower = changes_only(Way::Narrower, &[], &model(), &lower, &structures);
    assert!(narrower.against.iter().any(|found| found.dataset == "TRAFFICKING"));
    let wider = changes_only(Way::Wider, &[], &model(), &lower, &structures);
    assert_eq!(wider.against, []);
    let small = claim("agency/MFA", "TRAFFICKING", &[Sex], true);
    assert_eq!(small.never(&[&model()], &structures).against, []);
    assert_eq!(small.never(&[&lower], &structures).against.len(), 2, "the agency and its members");
    let replay = Replay::new(Arc::new(lower), Arc::new(model()), structures);
    let sums = replay.sums();
    assert!(sums.any() && sums.protection.len() == 6, "{:?}", sums.protection);
}

#[test]
fn who_is_dropped_later_does_not_always_see_it() {
    let structures = Structures::bundled().unwrap();
    let always = claim("agency/SBS", "BORDER", &[], false);
    let dropped = with(|parameters| {
        parameters["mandates"].as_array_mut().unwrap().retain(|each| each["dataset"] != "BORDER");
    });
    assert_eq!(always.always(&[&model()], &structures).against, []);
    let tried = always.always(&[&model(), &dropped], &structures);
    assert_eq!((tried.decisions, tried.against.len()), (8, 2), "{tried:?}");
    assert_eq!(tried.against[0].articles, ["1"]);
    assert!(!claim("agency/TYPO", "BORDER", &[], false).means_somebody(&[&model()]));
}

#[test]
fn no_rule_is_for_one_operator() {
    let rule = "@article(\"3(4)\")\npermit (principal == Operator::\"ACME\", action, resource);\n";
    let named = amended("rules.cedar", "// ---- Article 3", &format!("{rule}// ---- Article 3"));
    let error = named.unwrap_err().to_string();
    assert!(error.contains("Operator::\"ACME\" does not stand in decree.json"), "{error}");
}

#[test]
fn a_question_is_replayed_of_whoever_the_draft_has_hand_it_in() {
    let structures = Structures::bundled().unwrap();
    let moved = with(|parameters| {
        for mandate in parameters["mandates"].as_array_mut().unwrap() {
            if mandate["dataset"] == "ASYLUM_ABROAD" {
                mandate["agency"] = json!("SBS");
            }
        }
    });
    let nobody = with(|parameters| parameters["mandates"] = json!([]));
    let ruling = |permit| Ruling {
        decree: model().name(),
        permit,
        articles: vec![],
        request: json!({
            "act": "query", "principal": "agency/MFA", "dataset": "ASYLUM_ABROAD",
            "owner": "MFA", "named": [["sex", "parts"]], "given": [],
            "released": false,
        }),
    };
    for (draft, effect) in [(moved, Effect::Grounds), (nobody, Effect::Refused)] {
        let (draft, before) = (Arc::new(draft), Arc::new(model()));
        let mut replay = Replay::new(draft, before, Arc::clone(&structures));
        let change = replay.ask(&ruling(true)).unwrap();
        let dataset = Some("ASYLUM_ABROAD".to_owned());
        assert_eq!((change.effect, change.dataset), (effect, dataset));
        assert_eq!((change.was.permit, change.would_be.permit), (true, effect == Effect::Grounds));
        assert_ne!(change.was.articles, change.would_be.articles);
        let sums = replay.sums();
        assert_eq!(sums.changed, [(effect, 1)].into(), "{sums:?}");
    }
}
