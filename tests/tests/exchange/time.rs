//! The journal's time never runs backwards, whatever the machine's clock does.

use std::{fs, time::Duration};

use birge_gateway::decree::Decree;
use birge_proto::{
    clock::Timestamp,
    record::Event,
    wire::{ListDatasetsRequest, Period, PeriodState},
};
use birge_tests::{
    answer::request,
    batch::Batch,
    client::Client,
    country,
    decree::Draft,
    exchange::Exchange,
    template::{self, not_tried},
};
use tokio::time::timeout;

use crate::{
    clock::{library, with_offset},
    support::{accepted, block_on, place, record, records, signed, stop_and_verify, submit, year},
    within::{Within, now},
};

#[test]
fn a_clock_that_steps_back_does_not_turn_the_journals_time() {
    let Some(library) = library() else {
        return not_tried("a clock that steps back (faketime is not installed)");
    };
    let mut exchange = Exchange::start().unwrap();
    let nsc = exchange.node("agency/NSC").unwrap();
    let auditor = exchange.node("auditor/COA").unwrap();
    exchange.stop().unwrap().expect_code(0).unwrap();
    let offset = exchange.dir().join("offset");
    let step = |text: &str| {
        let part = offset.with_extension("part");
        fs::write(&part, text).unwrap();
        fs::rename(part, &offset).unwrap();
    };
    step("+2h");
    exchange.serve_by(|command| with_offset(&command, &library, &offset)).unwrap();
    block_on(submit(&exchange, &nsc, &year(2020, 100))).unwrap();
    step("+1h");
    block_on(submit(&exchange, &nsc, &year(2021, 100))).unwrap();
    stop_and_verify(&mut exchange);

    step("+0h");
    exchange.serve_by(|command| with_offset(&command, &library, &offset)).unwrap();
    block_on(submit(&exchange, &nsc, &year(2022, 100))).unwrap();
    let records = block_on(records(&exchange, &auditor));
    let times: Vec<Timestamp> = records.values().map(|record| record.time).collect();
    assert!(times.is_sorted(), "{times:?}");
    assert_eq!(accepted(&records, "agency/NSC"), 3);
    stop_and_verify(&mut exchange);
}

/// Longer than any answer takes.
const ANSWER: Duration = Duration::from_secs(60);

#[test]
fn a_clock_that_steps_back_brings_no_earlier_decree_back() {
    if country::model_only("a_clock_that_steps_back_brings_no_earlier_decree_back") {
        return;
    }
    let mut exchange = Exchange::start().unwrap();
    let nsc = exchange.node("agency/NSC").unwrap();
    let auditor = exchange.node("auditor/COA").unwrap();
    exchange.stop().unwrap().expect_code(0).unwrap();
    let (start, hour) = (now(), Duration::from_secs(3_600));
    block_on(async {
        let gateway = Within::serve(&exchange, start).await;
        let folder = exchange.dir().join("amended");
        Draft::amendment("2026-06-01", start + hour).unwrap().write(&folder).unwrap();
        let arguments = ["decree", "enact", folder.to_str().unwrap()];
        exchange.gateway(&arguments).unwrap().expect_code(0).unwrap();

        let client = Client::of(&nsc, exchange.address()).await.unwrap();
        let asked = async || {
            let answer = timeout(ANSWER, client.ask(request("MIG_STOCK", &[]))).await;
            let answer = answer.expect("the gateway answers").unwrap();
            answer.provenance.unwrap().decree.unwrap().version
        };
        let handed_in = async |period| {
            let answer = timeout(ANSWER, submit(&exchange, &nsc, &year(period, 100))).await;
            let place = place(&answer.expect("the gateway answers").unwrap());
            let Event::SubmissionAccepted { ruling, .. } =
                record(&exchange, &auditor, place).await.event
            else {
                panic!("a receipt that proves no submission")
            };
            ruling.decree.version
        };
        assert_eq!(handed_in(2020).await, "2024-01-01");
        gateway.clock.set(start + 2 * hour);
        assert_eq!(asked().await, "2026-06-01");
        gateway.clock.set(start);
        assert_eq!(asked().await, "2026-06-01");
        assert_eq!(handed_in(2021).await, "2026-06-01");
        gateway.stop().await;
    });
    exchange.gateway(&["verify"]).unwrap().expect_code(0).unwrap();
}

/// Article 4(2): what is recorded after its deadline is late.
#[test]
fn a_clock_that_steps_back_brings_no_deadline_back() {
    if country::model_only("a_clock_that_steps_back_brings_no_deadline_back") {
        return;
    }
    let mut exchange = Exchange::start().unwrap();
    let mia = exchange.node("agency/MIA").unwrap();
    let auditor = exchange.node("auditor/COA").unwrap();
    exchange.stop().unwrap().expect_code(0).unwrap();
    let (start, hour) = (now(), Duration::from_secs(3_600));
    let decree = Decree::from_bundle(&birge_schemas::decree::model().unwrap()).unwrap();
    let deadline = |year: u16| decree.deadline("TRAFFICKING", &year.to_string()).unwrap();
    let due = (2024..).find(|year| deadline(*year) > start + hour).unwrap();
    block_on(async {
        let gateway = Within::serve(&exchange, start).await;
        gateway.clock.set(deadline(due) + hour);
        let client = Client::of(&mia, exchange.address()).await.unwrap();
        client.ask(request("TRAFFICKING", &[])).await.unwrap();
        gateway.clock.set(deadline(due) - hour);
        let state = async || {
            let datasets = client.query().list_datasets(ListDatasetsRequest {}).await.unwrap();
            let mut datasets = datasets.into_inner().datasets.into_iter();
            let periods = datasets.find(|dataset| dataset.id == "TRAFFICKING").unwrap().periods;
            periods.iter().find(|period| period.period == due.to_string()).map(Period::state)
        };
        // What was asked is known to the catalogue a moment after it was answered.
        let overdue = async {
            while state().await != Some(PeriodState::Missing) {
                tokio::task::yield_now().await;
            }
        };
        timeout(ANSWER, overdue).await.expect("it is overdue");
        let answer = client.submit(signed(&detected(due), &mia).parts()).await.unwrap();
        let record = record(&exchange, &auditor, place(&answer)).await;
        let Event::SubmissionAccepted { late, .. } = record.event else {
            panic!("a receipt that proves no submission")
        };
        assert!(record.time > deadline(due), "the journal's time does not step back");
        assert!(late, "recorded at {}, due by {}", record.time, deadline(due));
        gateway.stop().await;
    });
    exchange.gateway(&["verify"]).unwrap().expect_code(0).unwrap();
}

/// The demonstration's figures of 2023 as those of another year.
fn detected(year: u16) -> Batch {
    let text = template::demonstration("mia/TRAFFICKING.csv").unwrap();
    let (head, rows) = text.split_once('\n').unwrap();
    let of_2023 = rows.lines().filter(|row| row.contains(",PS,2023,"));
    let rows: Vec<_> =
        of_2023.map(|row| row.replace(",PS,2023,", &format!(",PS,{year},"))).collect();
    Batch::from_csv("MIA", &format!("{head}\n{}\n", rows.join("\n")), 1_000).unwrap()
}
