//! One test per article that the rules carry out, on the model decree.

use birge_schemas::detail::{
    Breakdown::{self, Age, Citizenship, Indicator, Region, Sex, Status},
    Detail,
};
use proptest::prelude::*;

use super::*;

mod amendments;
mod by_hand;
mod refusals;

fn model() -> Decree {
    Decree::from_bundle(&bundle::model().unwrap()).unwrap()
}

fn detail(breakdowns: &[Breakdown]) -> Detail {
    breakdowns.iter().copied().collect()
}

fn request(principal: &str, act: Act) -> Request {
    Request { principal: principal.parse().unwrap(), suspended: false, recorded: true, act }
}

fn query(principal: &str, dataset: &str, breakdowns: &[Breakdown]) -> Request {
    let owner = model().mandate(dataset).unwrap().agency.clone();
    let (dataset, detail) = (dataset.into(), detail(breakdowns));
    request(principal, Act::Query { dataset, owner, detail, released: false })
}

fn released(mut request: Request) -> Request {
    if let Act::Query { released, .. } = &mut request.act {
        *released = true;
    }
    request
}

fn small_counts(principal: &str, dataset: &str) -> Request {
    let owner = model().mandate(dataset).unwrap().agency.clone();
    let (dataset, detail) = (dataset.into(), Detail::TOTAL);
    request(principal, Act::SmallCounts { dataset, owner, detail, released: false })
}

fn submit(principal: &str, dataset: &str) -> Request {
    let act = Act::Submit {
        dataset: dataset.into(),
        agency: principal.parse::<Identity>().unwrap().body,
        signed: true,
        approved: true,
        sex_split: SexSplit::Given,
    };
    request(principal, act)
}

#[track_caller]
fn expect(request: &Request, permit: bool, articles: &[&str]) {
    let decision = model().decide(request);
    assert_eq!((decision.permit, &decision.articles[..]), (permit, &texts(articles)[..]));
    assert_eq!(serde_json::from_value::<Request>(decision.request).unwrap(), *request);
}

fn texts(articles: &[&str]) -> Vec<String> {
    articles.iter().map(ToString::to_string).collect()
}

#[test]
fn article_1_refuses_what_nothing_permits() {
    expect(&query("auditor/COA", "MIG_STOCK", &[]), false, &["1"]);
    expect(&query("agency/MFA", "MIG_STOCK", &[Region]), false, &["1"]);
    expect(&request("agency/MFA", Act::ReadRecord { concerned: false }), false, &["1"]);
}

#[test]
fn article_3_1_knows_participants_only() {
    expect(&query("agency/XYZ", "MIG_STOCK", &[]), false, &["3(1)"]);
    expect(&submit("agency/XYZ", "MIG_STOCK"), false, &["3(1)", "4(1)"]);
}

#[test]
fn article_3_2_lets_members_see_what_their_participant_sees() {
    expect(&query("member/NBKR/k3jq7x2m", "REFUGEES", &[Sex]), true, &["6(1)"]);
    expect(&query("member/MFA/k3jq7x2m", "REFUGEES", &[Region]), true, &["6(4)"]);
    expect(&small_counts("member/MIA/k3jq7x2m", "TRAFFICKING"), true, &["6(3)", "7(3)"]);
    expect(&query("member/XYZ/k3jq7x2m", "MIG_STOCK", &[]), false, &["3(2)"]);
    // It is the participant that hands figures in.
    expect(&submit("member/NSC/k3jq7x2m", "MIG_STOCK"), false, &["4(1)", "5(1)"]);
    let group = model().working_group().cloned().unwrap();
    assert_eq!((group.chair.as_str(), group.article.to_string().as_str()), ("NSC", "3(2)"));
    let consents = |agency: &str| {
        let agency = agency.parse().unwrap();
        model().working_group().unwrap().consents_for(&agency).map(ToString::to_string)
    };
    assert_eq!(consents("MIA").as_deref(), Some("NSC"));
    assert_eq!(consents("NSC").as_deref(), Some("MLSSM"), "nobody consents to its own doing");
}

#[test]
fn article_3_3_knows_the_bodies_that_name_auditors() {
    expect(&request("auditor/XYZ", Act::ReadRecord { concerned: false }), false, &["3(3)"]);
}

#[test]
fn article_3_4_gives_the_operator_no_right() {
    expect(&query("operator/OPS", "MIG_STOCK", &[]), false, &["3(4)"]);
    expect(&request("gateway/BIRGE", Act::ReadRecord { concerned: true }), false, &["3(4)"]);
}

#[test]
fn article_4_1_lets_the_mandated_agency_submit() {
    for mandate in model().mandates() {
        let principal = format!("agency/{}", mandate.agency);
        expect(&submit(&principal, &mandate.dataset), true, &["4(1)", "5(1)"]);
    }
    expect(&submit("agency/MFA", "TRAFFICKING"), false, &["4(1)"]);
    expect(&submit("agency/MFA", "NO_SUCH"), false, &["4(1)"]);
}

#[test]
fn article_4_2_names_the_first_late_moment() {
    let decree = model();
    let deadline = |dataset, period| decree.deadline(dataset, period).map(|at| at.to_string());
    let at = |text: &str| Some(text.to_owned());
    assert_eq!(deadline("TRAFFICKING", "2024"), at("2025-03-31T18:00:00Z"));
    assert_eq!(deadline("LABOUR_ABROAD", "2024-Q4"), at("2025-01-15T18:00:00Z"));
    assert_eq!(deadline("BORDER", "2024-01"), at("2024-02-15T18:00:00Z"));
    assert_eq!(deadline("BORDER", "2024"), None);
    assert_eq!(deadline("NO_SUCH", "2024"), None);
    let owed = |until: &str| {
        let owed = decree.obligations(until.parse().unwrap()).into_iter();
        owed.map(|each| format!("{} {}", each.dataset, each.period)).collect::<Vec<_>>()
    };
    assert!(owed("2024-02-15T17:59:59Z").is_empty());
    assert_eq!(owed("2024-02-15T18:00:00Z"), ["BORDER 2024-01"]);
    assert_eq!(owed("2025-03-31T18:00:00Z").len(), 1 + 1 + 4 + 1 + 1 + 14 + 1);
}

#[test]
fn article_4_3_wants_the_split_by_sex_or_a_reason() {
    for (split, permit, articles) in [
        (SexSplit::Missing, false, &["4(3)"][..]),
        (SexSplit::Explained, true, &["4(1)", "5(1)"]),
        (SexSplit::None, true, &["4(1)", "5(1)"]),
    ] {
        let mut request = submit("agency/MIA", "TRAFFICKING");
        if let Act::Submit { sex_split, .. } = &mut request.act {
            *sex_split = split;
        }
        expect(&request, permit, articles);
    }
}

#[test]
fn article_5_1_wants_approval_and_the_agencys_own_signature() {
    for fault in 0..3 {
        let mut request = submit("agency/MIA", "TRAFFICKING");
        if let Act::Submit { agency, signed, approved, .. } = &mut request.act {
            match fault {
                0 => *signed = false,
                1 => *approved = false,
                _ => *agency = "NSC".parse().unwrap(),
            }
        }
        expect(&request, false, &["5(1)"]);
    }
}

#[test]
fn article_5_2_freezes_after_five_years() {
    let at = |text: &str| text.parse().unwrap();
    assert!(!model().frozen("2018", at("2023-12-31T18:00:00Z")));
    assert!(model().frozen("2018", at("2023-12-31T18:00:01Z")));
    assert!(!model().frozen("nonsense", at("2023-12-31T18:00:01Z")));
}

#[test]
fn article_6_1_shows_national_detail_to_participants() {
    expect(&query("agency/NBKR", "REFUGEES", &[Sex, Age, Status]), true, &["6(1)"]);
    expect(&query("agency/NBKR", "REFUGEES", &[Region]), false, &["1"]);
}

#[test]
fn article_6_2_shows_all_levels_to_the_statistical_committee() {
    expect(&query("agency/NSC", "ASYLUM_ABROAD", &[Region, Sex]), true, &["6(2)"]);
    expect(&query("agency/NSC", "TRAFFICKING", &[Sex, Age, Indicator]), true, &["6(1)", "6(2)"]);
}

#[test]
fn article_6_3_shows_its_own_to_the_submitter() {
    expect(&query("agency/MFA", "ASYLUM_ABROAD", &[Region, Sex]), true, &["6(3)"]);
    expect(&query("agency/MIA", "TRAFFICKING", &[Sex, Age]), true, &["6(1)", "6(3)"]);
}

#[test]
fn article_6_4_shows_refugees_by_region_to_four() {
    for (body, permit, articles) in [
        ("MIA", true, &["6(4)"][..]),
        ("MFA", true, &["6(4)"]),
        ("NSC", true, &["6(2)", "6(4)"]),
        ("MLSSM", true, &["6(3)", "6(4)"]),
        ("SBS", false, &["1"]),
    ] {
        expect(&query(&format!("agency/{body}"), "REFUGEES", &[Region, Sex]), permit, articles);
    }
}

#[test]
fn article_6_5_narrows_the_figures_on_trafficking() {
    let asks = |body: &str, breakdowns: &[Breakdown]| {
        query(&format!("agency/{body}"), "TRAFFICKING", breakdowns)
    };
    for breakdowns in [&[][..], &[Sex], &[Age]] {
        expect(&asks("MFA", breakdowns), true, &["6(1)"]);
    }
    for breakdowns in [&[Sex, Age][..], &[Indicator], &[Citizenship], &[Region], &[Region, Sex]] {
        expect(&asks("MFA", breakdowns), false, &["6(5)"]);
    }
    expect(&asks("MLSSM", &[Region]), true, &["6(5)"]);
    expect(&asks("MIA", &[Region]), true, &["6(3)", "6(5)"]);
    expect(&asks("NSC", &[Region]), true, &["6(2)", "6(5)"]);
    for body in ["MLSSM", "MIA", "NSC"] {
        for with in [Age, Sex, Citizenship] {
            expect(&asks(body, &[Region, with]), false, &["6(5)"]);
        }
    }
}

#[test]
fn article_6_6_shows_observers_and_the_public_three_datasets_once_they_are_public() {
    for who in ["observer/IOM/k3jq7x2m", "public/ANYBODY"] {
        for dataset in ["MIG_STOCK", "ASYLUM_ABROAD", "REMITTANCES"] {
            expect(&released(query(who, dataset, &[])), true, &["6(6)"]);
            expect(&released(query(who, dataset, &[Region])), false, &["1"]);
        }
        expect(&released(query(who, "REFUGEES", &[])), false, &["1"]);
        expect(&small_counts(who, "MIG_STOCK"), false, &["7(1)"]);
    }
}

#[test]
fn article_7_1_withholds_small_counts() {
    expect(&small_counts("agency/MFA", "TRAFFICKING"), false, &["7(1)"]);
    let trafficking = Disclosure::new(10, true);
    assert_eq!(model().disclosure("TRAFFICKING"), Some(trafficking));
    assert_eq!(model().disclosure("REFUGEES").unwrap().threshold, 5);
    assert_eq!(model().disclosure("REMITTANCES").unwrap().threshold, 0);
    assert_eq!(model().disclosure("NO_SUCH"), None);
    assert_eq!(trafficking.dear, Dear { total: 100, by_sex: 4 }, "where the decree does not say");
}

#[test]
fn article_7_3_gives_small_counts_to_who_hands_them_in_and_who_makes_statistics() {
    expect(&small_counts("agency/NSC", "TRAFFICKING"), true, &["6(2)", "7(3)"]);
    expect(&small_counts("agency/MIA", "TRAFFICKING"), true, &["6(3)", "7(3)"]);
    expect(&small_counts("agency/MIA", "MIG_STOCK"), false, &["7(1)"]);
}

#[test]
fn article_8_1_keeps_figures_from_observers_and_the_public_until_they_are_public() {
    expect(&query("observer/IOM/k3jq7x2m", "MIG_STOCK", &[]), false, &["8(1)"]);
    expect(&query("public/ANYBODY", "MIG_STOCK", &[]), false, &["8(1)"]);
    expect(&query("agency/SBS", "MIG_STOCK", &[]), true, &["6(1)"]);
}

#[test]
fn article_9_1_permits_nothing_unrecorded() {
    let mut request = query("agency/NSC", "MIG_STOCK", &[]);
    request.recorded = false;
    expect(&request, false, &["9(1)"]);
}

#[test]
fn article_9_3_opens_the_log_to_auditors_and_to_those_concerned() {
    expect(&request("auditor/COA", Act::ReadRecord { concerned: false }), true, &["9(3)"]);
    expect(&request("agency/MFA", Act::ReadRecord { concerned: true }), true, &["9(3)"]);
}

#[test]
fn article_10_suspends_but_leaves_the_own_records() {
    for (mut request, permit, articles) in [
        (submit("agency/MIA", "TRAFFICKING"), false, "10"),
        (query("agency/NSC", "MIG_STOCK", &[]), false, "10"),
        (small_counts("agency/NSC", "MIG_STOCK"), false, "10"),
        (request("agency/MIA", Act::ReadRecord { concerned: true }), true, "9(3)"),
    ] {
        request.suspended = true;
        expect(&request, permit, &[articles]);
    }
}

fn trafficking(principal: &str) -> Access {
    let breakdowns = detail(&[Indicator, Region, Sex, Age, Citizenship]);
    let owner = "MIA".parse().unwrap();
    let figures = Figures { dataset: "TRAFFICKING", owner: &owner, breakdowns, released: false };
    model().access(&principal.parse().unwrap(), &figures)
}

#[test]
fn what_is_left_open_narrows_and_says_so() {
    let narrowed = trafficking("agency/MFA").narrow(&[(Sex, Named::Both)]).unwrap();
    assert_eq!(narrowed.given, [&[][..], &[Sex], &[Age]].map(detail).into());
    assert_eq!(narrowed.articles, ["6(1)"]);
    assert_eq!(narrowed.left_out.len(), 32 - 3);
    assert_eq!(narrowed.left_out_by, ["6(5)"]);
}

#[test]
fn what_is_named_and_not_permitted_is_refused_with_what_would_be() {
    let refusal = trafficking("agency/MFA").narrow(&[(Region, Named::Parts)]).unwrap_err();
    assert_eq!(refusal.detail, detail(&[Region]));
    assert_eq!(refusal.articles, ["6(5)"]);
    assert_eq!(refusal.permitted, [detail(&[Sex]), detail(&[Age])]);
    assert!(trafficking("agency/MFA").narrow(&[(Region, Named::Both)]).is_err());
    assert!(trafficking("agency/NSC").narrow(&[(Region, Named::Both)]).is_ok());
    assert!(!trafficking("agency/MFA").sees_small_counts(Detail::TOTAL));
    assert!(trafficking("agency/MIA").sees_small_counts(Detail::TOTAL));
}

#[test]
fn a_faulty_decree_is_refused_with_file_and_line() {
    let broken =
        |file: &str, from: &str, to: &str| amended(file, from, to).unwrap_err().to_string();
    let rules = "rules.cedar";
    let first = "@article(\"3(1)\")\n";
    assert!(broken(rules, first, "").starts_with("rules.cedar:6: this rule cites no article"));
    assert!(broken(rules, "3(1)", "3").starts_with("rules.cedar:6: article 3 is cited"));
    assert!(broken(rules, "3(1)", "x").starts_with("rules.cedar:6: \"x\" names no article"));
    assert!(broken(rules, "forbid", "forbade").starts_with("rules.cedar:6: "));
    let untyped = broken(rules, "principal.participant", "principal.height");
    assert!(untyped.starts_with("rules.cedar:6: "), "{untyped}");
    let unknown = broken(rules, "principal in Agency::\"NSC\"", "principal in Agency::\"KGB\"");
    assert!(unknown.contains("Agency::\"KGB\" does not stand in decree.json"), "{unknown}");
    assert!(broken("schema.cedarschema", "entity Log", "entity").starts_with("schema.cedarschema"));
    assert!(broken("decree.json", "\"number\"", "\"nummer\"").starts_with("decree.json:2: "));
    assert!(broken("decree.json", "\"2024-01-01\"", "\"soon\"").contains("at /version: "));
    assert!(broken("decree.json", "Asia/Bishkek", "Asia/Nowhere").contains("timeZone"));
    assert!(broken("decree.json", "\"COA\"", "\"NSC\"").contains("NSC is named twice"));
    assert!(broken("articles/ru.json", "\"10\"", "\"12\"").contains("is missing"));
    let unsaid = broken("decree.json", "\"7(4)\": ", "\"7(3)\": ");
    assert!(unsaid.starts_with("articles/en.json:22: no rule and no parameter"), "{unsaid}");
    let unwritten = broken("decree.json", "\"7(4)\": ", "\"7(9)\": ");
    assert!(unwritten.contains("`notes` names article 7(9)"), "{unwritten}");
}

#[test]
fn another_country_is_another_folder() {
    let folder =
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../schemas/decrees/model-tj");
    let bundle = bundle::from_folder(&folder).unwrap();
    let decree = Decree::from_bundle(&bundle).unwrap();
    assert!(decree.title("tg").starts_with("Қарори № 12"), "{}", decree.title("tg"));
    assert_ne!(decree.article("7(5)", "tg"), decree.article("7(5)", "ru"));
    // 20 July 2025 is a Sunday.
    let deadline = |dataset, period| decree.deadline(dataset, period).unwrap().to_string();
    assert_eq!(deadline("LABOUR_ABROAD", "2025-Q2"), "2025-07-21T19:00:00Z");
    assert_eq!(deadline("TRAFFICKING", "2025"), "2026-04-30T19:00:00Z");
    // What rules may speak of is the exchange's, and the same for all.
    let schema = |bundle: &[u8]| bundle::files(bundle).unwrap()["schema.cedarschema"].clone();
    assert_eq!(schema(&bundle), schema(&bundle::model().unwrap()));
}

/// The model decree with a change of one of its files.
fn amended(file: &str, from: &str, to: &str) -> Result<Decree, DecreeError> {
    let mut files = bundle::files(&bundle::model().unwrap()).unwrap();
    let text = files.get_mut(file).unwrap();
    assert!(text.contains(from), "{from}");
    *text = text.replacen(from, to, 1);
    Decree::from_bundle(&bundle::to_bundle(&files).unwrap())
}

proptest! {
    #[test]
    fn hints_are_permitted_and_nothing_finer_is(
        body in prop::sample::select(vec!["NSC", "MLSSM", "MIA", "MFA", "SBS", "NBKR", "XYZ"]),
        asked in prop::sample::subsequence(vec![Indicator, Region, Sex, Age, Citizenship], 0..=5),
    ) {
        let access = trafficking(&format!("agency/{body}"));
        let asked = detail(&asked);
        let maximal = access.maximal_permitted(asked);
        for one in &maximal {
            prop_assert!(access.permits(*one) && one.within(asked));
        }
        for coarser in asked.subsets().filter(|coarser| access.permits(*coarser)) {
            prop_assert!(maximal.iter().any(|one| coarser.within(*one)));
            prop_assert!(!maximal.iter().any(|one| one.within(coarser) && *one != coarser));
        }
    }
}
