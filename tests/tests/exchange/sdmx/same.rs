//! The same selection gives the same cells on every way: gRPC, and each form of SDMX.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Cursor,
};

use birge_proto::wire::{AskRequest, Selection};
use birge_schemas::structure::{Structure, Structures};
use birge_tests::{
    answer::Answer,
    batch::{self, Batch},
    client::{Client, Credentials},
    exchange::Exchange,
    template, web,
};
use calamine::{Data, Reader as _, Xlsx, open_workbook_from_rs};
use proptest::{
    prelude::*,
    sample::{select, subsequence},
    strategy::ValueTree,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use quick_xml::{
    Decoder, Reader,
    events::{BytesStart, Event},
};
use serde_json::Value;

use crate::support::{block_on, submit, trafficking};

/// A cell: its key, its period, its value, and what is said of it.
type Cell = (String, String, Option<String>, String);
type Cells = BTreeSet<Cell>;

fn cell<'t>(structure: &Structure, of: impl Fn(&str) -> &'t str, value: Option<f64>) -> Cell {
    let codes: Vec<_> = structure.coded().map(|dimension| of(&dimension.id)).collect();
    let said = ["OBS_STATUS", "CONF_STATUS", "DATA_SOURCE", "COMMENT_OBS"].map(&of).join("/");
    (codes.join("."), of("TIME_PERIOD").to_owned(), value.map(|value| value.to_string()), said)
}

fn of_grpc(structure: &Structure, answer: &Answer) -> Cells {
    let cells = answer.cells.iter();
    cells.map(|each| cell(structure, |id| each.code(id), each.value)).collect()
}

fn of_csv(structure: &Structure, text: &[u8]) -> Cells {
    let rows = csv::Reader::from_reader(text).into_deserialize::<BTreeMap<String, String>>();
    let rows = rows.map(|row| {
        let row = row.unwrap();
        let value = row["OBS_VALUE"].parse().ok().filter(|value: &f64| !value.is_nan());
        cell(structure, |id| row.get(id).map_or("", String::as_str), value)
    });
    rows.collect()
}

fn attributes(element: &BytesStart<'_>, decoder: Decoder) -> BTreeMap<String, String> {
    let all = element.attributes().map(|attribute| {
        let attribute = attribute.unwrap();
        let name = String::from_utf8(attribute.key.as_ref().to_vec()).unwrap();
        (name, attribute.decode_and_unescape_value(decoder).unwrap().into_owned())
    });
    all.collect()
}

/// Both kinds of SDMX-ML: what stands at a series stands at each of its observations.
fn of_xml(structure: &Structure, text: &[u8]) -> Cells {
    let mut reader = Reader::from_reader(text);
    let (mut series, mut own) = (BTreeMap::new(), BTreeMap::new());
    let mut cells = Cells::new();
    let mut within = false;
    loop {
        let event = reader.read_event().unwrap();
        let (element, whole) = match &event {
            Event::Start(element) => (Some(element), false),
            Event::Empty(element) => (Some(element), true),
            _ => (None, false),
        };
        if let Some(element) = element {
            let mut said = attributes(element, reader.decoder());
            match element.local_name().as_ref() {
                b"Series" => {
                    within = false;
                    series = said;
                }
                b"Obs" => {
                    within = true;
                    own = said;
                }
                b"ObsDimension" => drop(own.insert("TIME_PERIOD".into(), said["value"].clone())),
                b"ObsValue" => drop(own.insert("OBS_VALUE".into(), said["value"].clone())),
                b"Value" => {
                    let (id, value) = (said.remove("id").unwrap(), said.remove("value").unwrap());
                    if within { &mut own } else { &mut series }.insert(id, value);
                }
                _ => {}
            }
        }
        let ended = match &event {
            Event::Empty(element) => whole && element.local_name().as_ref() == b"Obs",
            Event::End(element) => element.local_name().as_ref() == b"Obs",
            Event::Eof => return cells,
            _ => false,
        };
        if ended {
            let of = |id: &str| own.get(id).or_else(|| series.get(id)).map_or("", String::as_str);
            let value = own.get("OBS_VALUE").map(|value| value.parse().unwrap());
            assert!(cells.insert(cell(structure, of, value)), "twice");
            within = false;
        }
    }
}

fn of_json(structure: &Structure, text: &[u8]) -> Cells {
    let message: Value = serde_json::from_slice(text).unwrap();
    let mut cells = Cells::new();
    let (Some(told), Some(data)) =
        (message["data"]["structures"].get(0), message["data"]["dataSets"].get(0))
    else {
        return cells;
    };
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let parts = |kind: &str, level: &str| list(&told[kind][level]);
    let text_of = |component: &Value, place: usize| {
        let value = &component["values"][place];
        let text = value["id"].as_str().or(value["value"].as_str());
        (component["id"].as_str().unwrap().to_owned(), text.unwrap_or_default().to_owned())
    };
    let by_key = |level: &str, key: &str| -> BTreeMap<String, String> {
        let places = key.split(':').filter(|place| !place.is_empty());
        let components = parts("dimensions", level);
        components
            .iter()
            .zip(places)
            .map(|(own, place)| text_of(own, place.parse().unwrap()))
            .collect()
    };
    let by_entry = |level: &str, entries: &[Value]| -> BTreeMap<String, String> {
        let components = parts("attributes", level);
        let given = components.iter().zip(entries).filter(|(_, entry)| !entry.is_null());
        given.map(|(own, entry)| text_of(own, entry.as_u64().unwrap() as usize)).collect()
    };
    let mut take = |series: &BTreeMap<String, String>, observations: &Value| {
        for (key, entries) in observations.as_object().unwrap() {
            let entries = list(entries);
            let mut own = series.clone();
            own.extend(by_key("observation", key));
            own.extend(by_entry("observation", &entries[1..]));
            let of = |id: &str| own.get(id).map_or("", String::as_str);
            assert!(cells.insert(cell(structure, of, entries[0].as_f64())), "twice");
        }
    };
    match data.get("series") {
        Some(all) => {
            for (key, series) in all.as_object().unwrap() {
                let mut own = by_key("series", key);
                own.extend(by_entry("series", &list(&series["attributes"])));
                take(&own, &series["observations"]);
            }
        }
        None => take(&BTreeMap::new(), &data["observations"]),
    }
    cells
}

fn of_workbook(structure: &Structure, bytes: &[u8]) -> Cells {
    let mut workbook: Xlsx<_> = open_workbook_from_rs(Cursor::new(bytes)).unwrap();
    let names = workbook.sheet_names();
    assert_eq!(names, ["Data", "Notes"]);
    let range = workbook.worksheet_range("Data").unwrap();
    let mut rows = range.rows();
    let heads: Vec<String> = rows.next().unwrap().iter().map(ToString::to_string).collect();
    let rows = rows.map(|row| {
        let at = |id: &str| heads.iter().position(|head| head == id).map(|place| &row[place]);
        let texts: BTreeMap<&str, String> =
            heads.iter().zip(row).map(|(head, cell)| (head.as_str(), cell.to_string())).collect();
        let value = at("OBS_VALUE").and_then(|cell| match cell {
            Data::Empty => None,
            Data::Float(value) => Some(*value),
            other => panic!("{other:?} is no number"),
        });
        assert!(matches!(at("TIME_PERIOD"), Some(Data::Float(_))), "a year is a number");
        cell(structure, |id| texts.get(id).map_or("", String::as_str), value)
    });
    rows.collect()
}

/// A selection: of some dimensions some codes, a span, a part of what is left.
fn asked(structure: &Structure) -> impl Strategy<Value = AskRequest> + use<> {
    let dataset = structure.id.clone();
    let codes: Vec<(String, Vec<String>)> = structure
        .coded()
        .map(|dimension| (dimension.id.clone(), dimension.allowed().map(str::to_owned).collect()))
        .collect();
    let one = codes.into_iter().map(|(dimension, codes)| {
        let most = codes.len().min(3);
        let some = prop_oneof![2 => Just(vec![]), 1 => subsequence(codes, 1..=most)];
        some.prop_map(move |codes| Selection {
            dimension: dimension.clone(),
            codes,
            ..Selection::default()
        })
    });
    let span =
        (select(&["", "2010", "2019", "2022", "2023"][..]), select(&["", "2023", "2024"][..]));
    let ends = prop_oneof![3 => Just((0, 0)), 1 => (0..3_u32, 0..3_u32)];
    let part = prop_oneof![3 => Just((0, 0)), 1 => (0..9_u64, 0..9_u64)];
    (one.collect::<Vec<_>>(), span, ends, part).prop_map(move |(some, (from, to), ends, part)| {
        let mut selections: Vec<_> =
            some.into_iter().filter(|selection| !selection.codes.is_empty()).collect();
        if !(from.is_empty() && to.is_empty()) {
            let (from, to) = (from.to_owned(), to.to_owned());
            let dimension = "TIME_PERIOD".to_owned();
            selections.push(Selection { dimension, codes: vec![], from, to });
        }
        AskRequest {
            dataset: dataset.clone(),
            selections,
            first_observations: ends.0,
            last_observations: ends.1,
            offset: part.0,
            limit: part.1,
            ..AskRequest::default()
        }
    })
}

/// The same question in the words of version 2.
fn address(request: &AskRequest) -> String {
    let mut parameters = vec![];
    for Selection { dimension, codes, from, to } in &request.selections {
        let bounds = [("ge", from), ("le", to)].into_iter().filter(|(_, bound)| !bound.is_empty());
        let bounds: Vec<_> =
            bounds.map(|(operator, bound)| format!("{operator}:{bound}")).collect();
        let filter = if codes.is_empty() { bounds.join("+") } else { codes.join(",") };
        parameters.push(format!("c%5B{dimension}%5D={filter}"));
    }
    for (name, number) in [
        ("firstNObservations", u64::from(request.first_observations)),
        ("lastNObservations", u64::from(request.last_observations)),
        ("offset", request.offset),
        ("limit", request.limit),
    ] {
        if number > 0 {
            parameters.push(format!("{name}={number}"));
        }
    }
    format!("/sdmx/v2/data/dataflow/BIRGE/{}/+/*?{}", request.dataset, parameters.join("&"))
}

const FORMS: [(&str, &str); 9] = [
    ("application/vnd.sdmx.genericdata+xml;version=2.1", "TIME_PERIOD"),
    ("application/vnd.sdmx.genericdata+xml;version=2.1", "AllDimensions"),
    ("application/vnd.sdmx.structurespecificdata+xml;version=2.1", "TIME_PERIOD"),
    ("application/vnd.sdmx.structurespecificdata+xml;version=2.1", "AllDimensions"),
    ("application/vnd.sdmx.data+json;version=2.0.0", "TIME_PERIOD"),
    ("application/vnd.sdmx.data+json;version=2.0.0", "AllDimensions"),
    ("application/vnd.sdmx.data+csv;version=1.0.0", "TIME_PERIOD"),
    ("application/vnd.sdmx.data+csv;version=2.0.0", "TIME_PERIOD"),
    ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "TIME_PERIOD"),
];

/// What somebody is told of a selection over gRPC, and in every form of SDMX; refused is refused.
async fn told(
    exchange: &Exchange,
    (client, credentials): (&Client, &Credentials),
    structure: &Structure,
    request: &AskRequest,
) -> Option<(u64, u64)> {
    let expected = client.ask(request.clone()).await;
    for (accept, layout) in FORMS {
        let mut path = address(request);
        path += &format!("&dimensionAtObservation={layout}&labels=id");
        let headers = [("Accept", accept)];
        let answer = web::send_as(exchange.address(), credentials, "GET", &path, &headers, b"")
            .await
            .unwrap();
        let cells = match (&expected, answer.status) {
            (Err(problem), status) => {
                assert_eq!(status, problem.kind.http(), "{path}");
                continue;
            }
            (Ok(_), 200) if accept.contains("sheet") => of_workbook(structure, &answer.body),
            (Ok(_), 200) if accept.contains("xml") => of_xml(structure, &answer.body),
            (Ok(_), 200) if accept.contains("json") => of_json(structure, &answer.body),
            (Ok(_), 200) => of_csv(structure, &answer.body),
            (Ok(_), status) => panic!("{status} {path}"),
        };
        let expected = expected.as_ref().unwrap();
        assert_eq!(cells, of_grpc(structure, expected), "{accept} {layout} {path}");
        let provenance = expected.provenance.as_ref().unwrap();
        assert_eq!(answer.header("birge-withheld"), provenance.withheld.to_string());
        assert_eq!(answer.header("birge-articles"), provenance.articles.join(", "));
    }
    let provenance = expected.ok()?.provenance?;
    Some((provenance.answered, provenance.withheld))
}

#[test]
fn a_selection_gives_the_same_cells_on_every_way_to_everybody() {
    let exchange = Exchange::start().unwrap();
    let nodes = ["agency/MIA", "agency/NSC", "agency/MFA", "auditor/COA"]
        .map(|identity| exchange.node(identity).unwrap());
    block_on(submit(&exchange, &nodes[0], &trafficking())).unwrap();
    let stock = template::demonstration("nsc/MIG_STOCK.csv").unwrap();
    block_on(submit(&exchange, &nodes[1], &Batch::from_csv("NSC", &stock, 1_000).unwrap()))
        .unwrap();

    let structures = Structures::bundled().unwrap();
    let asked = select(&["TRAFFICKING", "MIG_STOCK"][..])
        .prop_flat_map(|dataset| asked(Structures::bundled().unwrap().get(dataset).unwrap()));
    let cases = if crate::support::deep() { 400 } else { 40 };
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(Config { cases, ..Config::default() }, rng);
    let (mut answered, mut withheld, mut refused) = (0, 0, 0);
    block_on(async {
        let mut principals = vec![];
        for node in &nodes {
            let client = Client::of(node, exchange.address()).await.unwrap();
            principals.push((client, Credentials::of(node).unwrap()));
        }
        for number in 0..cases as usize {
            let request = asked.new_tree(&mut runner).unwrap().current();
            let structure = structures.get(&request.dataset).unwrap();
            let (client, credentials) = &principals[number % principals.len()];
            match told(&exchange, (client, credentials), structure, &request).await {
                Some((some, hidden)) => {
                    answered += some;
                    withheld += hidden;
                }
                None => refused += 1,
            }
        }
    });
    // The selections were such that there was something to compare.
    assert!(answered > 100 && withheld > 10 && refused > 3, "{answered} {withheld} {refused}");
}

/// Answers are written in pieces: of a large one there are several.
#[test]
fn a_large_answer_is_the_same_in_every_form() {
    let exchange = Exchange::start().unwrap();
    let nsc = exchange.node("agency/NSC").unwrap();
    block_on(submit(&exchange, &nsc, &batch::large(2020..2022, 9_000, 4_096).unwrap())).unwrap();
    let structures = Structures::bundled().unwrap();
    let structure = structures.get("MIG_STOCK").unwrap();
    let request = AskRequest { dataset: "MIG_STOCK".to_owned(), ..AskRequest::default() };
    block_on(async {
        let client = Client::of(&nsc, exchange.address()).await.unwrap();
        let credentials = Credentials::of(&nsc).unwrap();
        let told = told(&exchange, (&client, &credentials), structure, &request).await;
        assert_eq!(told, Some((9_000, 0)));
    });
}
