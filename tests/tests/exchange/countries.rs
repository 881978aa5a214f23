//! Two countries on the same code: what an exchange does is the same, by whom, how finely and
//! under which articles is each decree's own. Nothing but the decree differs.

use std::path::PathBuf;

use birge_proto::{
    problem::{Kind, Problem},
    record::Event,
};
use birge_tests::{
    answer::request, batch::Batch, binaries::workspace, client::Client, decree::Draft,
    exchange::Exchange, node::Node, watch,
};

use crate::{
    enactment::enact_soon_after,
    support::{block_on, own_records, records, signed, stop_and_verify, submit, wait_covered},
};

/// A decree, who is who in it, and the articles by their numbers.
struct Country {
    decree: &'static str,
    number: &'static str,
    area: &'static str,
    /// Makes statistics of everything.
    statistics: &'static str,
    /// Hands in the figures on victims of trafficking.
    interior: &'static str,
    /// Sees national figures only.
    foreign: &'static str,
    auditor: &'static str,
    /// National detail, small counts, what would give them away.
    protected: &'static [&'static str],
    /// Statistics see national detail with small counts.
    as_handed_in: &'static [&'static str],
    trafficking: &'static str,
    mandate: &'static str,
    participants: &'static str,
    revision: &'static str,
    suspension: &'static str,
}

const KYRGYZSTAN: Country = Country {
    decree: "model",
    number: "1",
    area: "KG",
    statistics: "agency/NSC",
    interior: "agency/MIA",
    foreign: "agency/MFA",
    auditor: "auditor/COA",
    protected: &["6(1)", "7(1)", "7(2)"],
    as_handed_in: &["6(1)", "6(2)", "7(3)"],
    trafficking: "6(5)",
    mandate: "4(1)",
    participants: "3(1)",
    revision: "5(2)",
    suspension: "10",
};

const TAJIKISTAN: Country = Country {
    decree: "model-tj",
    number: "12",
    area: "TJ",
    statistics: "agency/TAJSTAT",
    interior: "agency/MIA",
    foreign: "agency/MFA",
    auditor: "auditor/CAT",
    protected: &["6(1)", "6(2)", "7(1)"],
    as_handed_in: &["6(3)", "7(1)", "7(2)"],
    trafficking: "7(5)",
    mandate: "4(1)",
    participants: "3(1)",
    revision: "5(2)",
    suspension: "9",
};

impl Country {
    fn folder(&self) -> PathBuf {
        workspace().join("schemas/decrees").join(self.decree)
    }

    /// Registered victims of one year: 13 men, 4 women, and where.
    fn figures(&self) -> Batch {
        let mut text = String::from(
            "STRUCTURE_ID,FREQ,REF_AREA,INDICATOR,SEX,AGE,CITIZENSHIP,UNIT_MEASURE,TIME_PERIOD,\
             OBS_VALUE,OBS_STATUS,COMMENT_OBS\n",
        );
        let area = self.area;
        let region = format!("{area}-GB");
        let unsplit = "the register holds no sex by region";
        for (area, sex, value, reason) in [
            (area, "F", 4, ""),
            (area, "M", 13, ""),
            (area, "_T", 17, ""),
            (&region, "_T", 17, unsplit),
        ] {
            text += &format!(
                "BIRGE:TRAFFICKING(1.0.0),A,{area},VC_HTF_DETV,{sex},_T,_T,PS,2025,{value},A,{reason}\n"
            );
        }
        Batch::from_csv(self.interior.split_once('/').unwrap().1, &text, 100).unwrap()
    }
}

/// The refusal of what is refused.
fn refused<T: std::fmt::Debug>(answer: Result<T, Problem>, article: &str) -> Problem {
    let problem = answer.unwrap_err();
    assert_eq!(problem.kind, Kind::NotPermitted, "{problem:?}");
    assert!(problem.articles.iter().any(|each| each == article), "{article}: {problem:?}");
    assert!(problem.exchange.is_some(), "it is recorded: {problem:?}");
    problem
}

#[test]
fn kyrgyzstan_exchanges_by_its_decree() {
    exchanges_by_its_decree(&KYRGYZSTAN);
}

#[test]
fn tajikistan_exchanges_by_its_decree() {
    exchanges_by_its_decree(&TAJIKISTAN);
}

fn exchanges_by_its_decree(country: &Country) {
    let folder = country.folder();
    let mut exchange = Exchange::start_as(&["--decree", folder.to_str().unwrap()]).unwrap();
    let nodes = [country.statistics, country.interior, country.foreign, country.auditor];
    let [statistics, interior, foreign, auditor] =
        nodes.map(|identity| exchange.node(identity).unwrap());
    let stranger = exchange.node("agency/XYZ").unwrap_err().to_string();
    assert!(stranger.contains(&format!("article {}", country.participants)), "{stranger}");

    let batch = country.figures();
    let last = block_on(async {
        submit(&exchange, &interior, &batch).await.unwrap();
        let mut theirs = batch.clone();
        theirs.manifest.agency = foreign.identity().split_once('/').unwrap().1.parse().unwrap();
        refused(submit(&exchange, &foreign, &theirs).await, country.mandate);
        let mut unsaid = batch.clone();
        unsaid.manifest.revises = Some(signed(&batch, &interior).id());
        refused(submit(&exchange, &interior, &unsaid).await, country.revision);
        figures_are_given_as_finely_as_it_says(country, &exchange, &statistics, &foreign).await
    });

    wait_covered(&exchange, last);
    let all = block_on(records(&exchange, &auditor));
    let own = block_on(own_records(&exchange, &foreign));
    assert!(own.len() < all.len() && own.contains_key(&last), "{} of {}", own.len(), all.len());
    let decided = all.values().filter_map(|record| record.event.ruling());
    let numbers: Vec<_> = decided.map(|ruling| ruling.decree.number.as_str()).collect();
    assert!(numbers.len() > 4 && numbers.iter().all(|each| *each == country.number), "{numbers:?}");
    assert!(all.values().any(|record| matches!(record.event, Event::QueryRefused { .. })));

    let amended = Draft::of(&folder).unwrap();
    let body = country.foreign.split_once('/').unwrap().1;
    enact_soon_after(&amended, &exchange, "2026-06-01", |draft| draft.suspend(body).unwrap());
    let suspended = watch::until(foreign.dir(), "the amendment", || {
        block_on(async {
            let client = Client::of(&foreign, exchange.address()).await?;
            anyhow::Ok(client.ask(request("TRAFFICKING", &[("SEX", "F")])).await.err())
        })
    });
    refused(Err::<(), _>(suspended.unwrap()), country.suspension);
    stop_and_verify(&mut exchange);
}

async fn figures_are_given_as_finely_as_it_says(
    country: &Country,
    exchange: &Exchange,
    statistics: &Node,
    foreign: &Node,
) -> u64 {
    let ask = async |node: &Node, selection: &[(&str, &str)]| {
        let client = Client::of(node, exchange.address()).await.unwrap();
        client.ask(request("TRAFFICKING", selection)).await
    };
    let by_sex = [("REF_AREA", country.area), ("AGE", "_T"), ("SEX", "F,M,_T")];
    let whole = ask(statistics, &by_sex).await.unwrap();
    assert_eq!(whole.cells.iter().filter_map(|cell| cell.value).sum::<f64>(), 34.0, "{whole:?}");
    assert_eq!(whole.provenance.unwrap().articles, country.as_handed_in);
    let protected = ask(foreign, &by_sex).await.unwrap();
    let withheld = protected.cells.iter().filter(|cell| cell.withheld());
    let withheld: Vec<_> = withheld.map(|cell| cell.code("SEX")).collect();
    assert!(withheld.contains(&"F") && withheld.len() > 1, "{protected:?}");
    assert_eq!(protected.provenance.unwrap().articles, country.protected);
    let region = format!("{}-GB", country.area);
    let refusal = refused(ask(foreign, &[("REF_AREA", &region)]).await, country.trafficking);
    // What would be permitted is.
    for hint in &refusal.hints {
        let dimension = hint.strip_prefix("permitted: by ").unwrap();
        let parts = if dimension == "SEX" { "F,M" } else { "Y0T17" };
        ask(foreign, &[("REF_AREA", country.area), (dimension, parts)]).await.unwrap();
    }
    assert!(!refusal.hints.is_empty(), "{refusal:?}");
    refusal.exchange.unwrap()
}
