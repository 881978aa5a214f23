//! What a decision of the decree costs, and how that grows with participants and datasets.

use std::{hint::black_box, time::Duration};

use anyhow::{Context, Result};
use birge_gateway::decree::{Act, Decree, Request};
use birge_schemas::{
    decree,
    detail::{Breakdown, Detail},
};
use birge_tests::decree::Draft;
use cedar_policy::{Authorizer, Entities, EntityUid, PolicySet};
use serde_json::{Value, json};

use crate::ratio;

/// Decisions in a round.
const DECISIONS: usize = 20_000;
/// Decisions a second that are asked for, on one core.
const WANTED: f64 = 100_000.0;
/// By how much a decision may cost more in the largest decree.
const GROWTH: f64 = 1.5;

pub(crate) fn run() -> Result<()> {
    let model = enlarged(5, 5)?;
    let rate = DECISIONS as f64 / best(&model)?.as_secs_f64();
    let verdict = if rate < WANTED { "SHORT of" } else { "aim" };
    println!("decisions of the model decree: {rate:.0}/s on one core, {verdict} {WANTED:.0}");
    let requests = requests(&model)?;
    let bare = bare(requests.len())?;
    let first = first((5, 5), &requests)?;
    let name = "decisions of the model decree, asked for the first time / bare is_authorized";
    ratio::tell(name, "decisions/s", requests.len() as u64, (bare, first), None);
    for (what, size) in [("200 agencies", (200, 5)), ("500 datasets", (5, 500))] {
        // As many, of all that could be asked.
        let many = self::requests(&enlarged(size.0, size.1)?)?;
        let step = many.len() / requests.len();
        let some = many.into_iter().step_by(step).take(requests.len()).collect::<Vec<_>>();
        let growth = self::first(size, &some)?.as_secs_f64() / first.as_secs_f64();
        let verdict = if growth < GROWTH { "aim" } else { "SHORT of" };
        println!("a first decision with {what} / with few: {growth:.2}, {verdict} {GROWTH}");
    }
    Ok(())
}

/// The best of some rounds in which each question is new to a decree of so many agencies and
/// datasets.
fn first((agencies, datasets): (usize, usize), requests: &[Request]) -> Result<Duration> {
    let rounds = (0..10).map(|_| {
        let decree = enlarged(agencies, datasets)?;
        ratio::time(|| {
            for request in requests {
                black_box(decree.decide(black_box(request)));
            }
            Ok(())
        })
    });
    let rounds = rounds.collect::<Result<Vec<_>>>()?;
    rounds.into_iter().min().context("nothing was measured")
}

/// How long Cedar takes for so many decisions by the model's rules, once a question and what
/// it rests on are made.
fn bare(decisions: usize) -> Result<Duration> {
    let files = decree::files(&decree::model()?)?;
    let policies: PolicySet = files["rules.cedar"].parse()?;
    let uid = |text: &str| text.parse::<EntityUid>();
    let flags = ["indicator", "region", "sex", "age", "citizenship", "countryBirth"];
    let flags = flags.into_iter().chain(["counterpart", "status", "reason"]);
    let mut context: serde_json::Map<String, Value> =
        flags.map(|flag| (flag.to_owned(), json!(flag == "sex"))).collect();
    context.insert("recorded".into(), json!(true));
    context.insert("owner".into(), json!({ "__entity": { "type": "Agency", "id": "MIA" } }));
    let context = cedar_policy::Context::from_json_value(context.into(), None)?;
    let question = cedar_policy::Request::new(
        uid("Agency::\"MFA\"")?,
        uid("Action::\"query\"")?,
        uid("Dataset::\"TRAFFICKING\"")?,
        context,
        None,
    )?;
    let entities = Entities::from_json_value(
        json!([{
            "uid": { "type": "Agency", "id": "MFA" },
            "attrs": { "participant": true, "suspended": false }, "parents": [],
        }]),
        None,
    )?;
    let authorizer = Authorizer::new();
    let rounds = (0..3).map(|_| {
        ratio::time(|| {
            for _ in 0..decisions {
                black_box(authorizer.is_authorized(&question, &policies, &entities));
            }
            Ok(())
        })
    });
    let rounds = rounds.collect::<Result<Vec<_>>>()?;
    rounds.into_iter().min().context("nothing was measured")
}

/// The best of three rounds of [`DECISIONS`].
fn best(decree: &Decree) -> Result<Duration> {
    let requests = requests(decree)?;
    let round = || {
        ratio::time(|| {
            for request in requests.iter().cycle().take(DECISIONS) {
                black_box(decree.decide(black_box(request)));
            }
            Ok(())
        })
    };
    let rounds = (0..3).map(|_| round()).collect::<Result<Vec<_>>>()?;
    rounds.into_iter().min().context("nothing was measured")
}

/// Questions of every participant about every dataset, in details of each kind.
fn requests(decree: &Decree) -> Result<Vec<Request>> {
    let details: [&[Breakdown]; 4] = [
        &[],
        &[Breakdown::Sex],
        &[Breakdown::Region],
        &[Breakdown::Sex, Breakdown::Age, Breakdown::Citizenship],
    ];
    let mut requests = vec![];
    for (place, mandate) in decree.mandates().iter().enumerate() {
        for (turn, body) in decree.participants().iter().enumerate() {
            let detail: Detail = details[(place + turn) % 4].iter().copied().collect();
            let (dataset, owner) = (mandate.dataset.clone(), mandate.agency.clone());
            requests.push(Request {
                principal: format!("agency/{}", body.id).parse()?,
                suspended: false,
                recorded: true,
                act: Act::Query { dataset, owner, detail, released: false },
            });
        }
    }
    Ok(requests)
}

/// The model decree with so many participants and mandates, the model's own among them.
fn enlarged(agencies: usize, datasets: usize) -> Result<Decree> {
    let mut draft = Draft::model()?;
    draft.change(|parameters| {
        let more = agencies.saturating_sub(6);
        extend(&mut parameters["participants"], more, |number| {
            json!({ "id": format!("X{number}"), "names": { "en": format!("Body {number}") } })
        });
        parameters["witnesses"]["participants"] = json!((agencies.max(6) + 2) / 2 + 1);
        let more = datasets.saturating_sub(7);
        extend(&mut parameters["mandates"], more, |number| {
            json!({
                "dataset": format!("DATASET_{number}"), "agency": "NSC", "article": "4(1)",
                "frequency": "A", "stockFlow": "S", "unit": "PS", "firstPeriod": "2024",
            })
        });
        extend(&mut parameters["disclosure"], more, |number| {
            json!({
                "article": "7(1)", "dataset": format!("DATASET_{number}"),
                "threshold": 5, "zerosWithheld": false,
            })
        });
    })?;
    Ok(Decree::from_bundle(&draft.bundle()?)?)
}

fn extend(list: &mut Value, more: usize, item: impl Fn(usize) -> Value) {
    if let Some(list) = list.as_array_mut() {
        list.extend((0..more).map(item));
    }
}
