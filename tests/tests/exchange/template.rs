//! Whatever file comes, there is a report or a receipt and no panic.

use std::fs;

use birge_tests::{exchange::Exchange, node::Node, process::Output, template, watch};
use serde_json::Value;

use crate::support::block_on;

struct Scene {
    _exchange: Exchange,
    mia: Node,
}

impl Scene {
    fn new() -> Self {
        let exchange = Exchange::start().unwrap();
        let mia = exchange.node("agency/MIA").unwrap();
        Self { _exchange: exchange, mia }
    }

    fn validate(&self, name: &str, content: &[u8]) -> (Output, Value) {
        let file = self.mia.dir().join(name);
        fs::write(&file, content).unwrap();
        let arguments = ["validate", file.to_str().unwrap(), "--output", "json"];
        let output = self.mia.command(&arguments).unwrap();
        assert!(!output.stderr.contains("panicked"), "{}", output.stderr);
        let answer = serde_json::from_str(&output.stdout);
        let answer = answer.unwrap_or_else(|error| panic!("{error}: {output:?}"));
        (output, answer)
    }

    /// A sound file in another dress is taken.
    fn takes(&self, what: &str, content: &[u8]) {
        let (output, answer) = self.validate("dressed.csv", content);
        assert_eq!(output.code, Some(0), "{what}: {answer}");
    }

    /// A file is refused with exactly these errors.
    fn refuses(&self, what: &str, content: &[u8], code: &str, count: u64) {
        let (output, answer) = self.validate("spoilt.csv", content);
        assert_eq!(output.code, Some(1), "{what}: {answer}");
        let found = &answer["report"]["byCode"][code];
        assert_eq!(found.as_u64(), Some(count), "{what}: {answer}");
    }
}

fn figures() -> String {
    template::demonstration("mia/TRAFFICKING.csv").unwrap()
}

/// The figures with the first row that holds `row` changed.
fn with(row: &str, from: &str, to: &str) -> Vec<u8> {
    let mut done = false;
    let lines = figures()
        .lines()
        .map(|line| {
            let take = !done && line.contains(row);
            done |= take;
            if take { line.replace(from, to) } else { line.to_owned() }
        })
        .collect::<Vec<_>>();
    assert!(done, "no row holds {row}");
    (lines.join("\n") + "\n").into_bytes()
}

#[test]
fn every_dress_that_offices_send_is_read() {
    let scene = Scene::new();
    let text = figures();
    scene.takes("plain", text.as_bytes());
    scene.takes("byte order mark", format!("\u{feff}{text}").as_bytes());
    scene.takes("CRLF", text.replace('\n', "\r\n").as_bytes());
    // No field of these figures holds a comma or a semicolon.
    scene.takes("semicolons", text.replace(',', ";").as_bytes());
    scene.takes("tabs", text.replace(',', "\t").as_bytes());
    let reason = "No split by sex in the source";
    let quoted = text.replacen(reason, "\"No split by sex,\nin the \"\"source\"\"\"", 1);
    scene.takes("a quoted newline", quoted.as_bytes());
    let russian = text.replace(reason, "Нет разбивки по полу в источнике");
    scene.takes("UTF-8 in Russian", russian.as_bytes());
    let windows: Vec<u8> = russian.chars().map(windows_1251).collect();
    scene.takes("Windows-1251", &windows);
    let wide: Vec<u8> = "\u{feff}"
        .encode_utf16()
        .chain(russian.encode_utf16())
        .flat_map(u16::to_le_bytes)
        .collect();
    scene.takes("UTF-16", &wide);
    scene.takes("no newline at the end", text.trim_end().as_bytes());
}

/// The letters that occur, by the table of the code page.
fn windows_1251(letter: char) -> u8 {
    match letter {
        'А'..='я' => (u32::from(letter) - u32::from('А') + 0xc0) as u8,
        'ё' => 0xb8,
        ascii => u8::try_from(ascii).unwrap(),
    }
}

#[test]
fn every_spoilt_figure_is_found_where_it_stands() {
    let scene = Scene::new();
    let row = ",VC_HTF_DETV,M,_T,_T,PS,2023,13,";
    let value = |to: &str| with(row, ",13,", &format!(",{to},"));
    // SDMX-CSV writes a missing number as NaN; with status A it is one blank too many.
    scene.refuses("not a number", &value("NaN"), "VALUE_BLANK", 1);
    scene.refuses("infinity", &value("inf"), "VALUE_FORMAT", 1);
    scene.refuses("minus infinity", &value("-Infinity"), "VALUE_FORMAT", 1);
    scene.refuses("words", &value("thirteen"), "VALUE_FORMAT", 1);
    scene.refuses("negative", &value("-13"), "VALUE_NEGATIVE", 1);
    scene.refuses("half a person", &value("13.5"), "VALUE_FRACTION", 1);
    scene.refuses("beyond what is exact", &value("1e300"), "VALUE_RANGE", 1);
    scene.refuses("blank", &value(""), "VALUE_BLANK", 1);
    scene.refuses("sexes do not add up", &value("31"), "SUM_SEX", 1);
    let status = with(row, ",13,A,", ",13,M,");
    scene.refuses("a value that cannot exist", &status, "VALUE_STATUS", 1);
    let sex = with(row, ",M,_T,_T,", ",X,_T,_T,");
    scene.refuses("an unknown code", &sex, "CODE_UNKNOWN", 1);
    let area = with(row, ",KG,", ",FR,");
    scene.refuses("a code of another country", &area, "CODE_CONSTRAINT", 1);
    scene.refuses(
        "a quarter in a yearly set",
        &with(row, ",2023,", ",2023-Q1,"),
        "PERIOD_FORMAT",
        1,
    );
    scene.refuses("a year to come", &with(row, ",2023,", ",2999,"), "PERIOD_FUTURE", 1);
    let twice = figures() + figures().lines().last().unwrap() + "\n";
    scene.refuses("a row twice", twice.as_bytes(), "DUPLICATE_KEY", 1);
    let nameless = figures().replacen(",AGE,", ",AGES,", 1);
    scene.refuses("a column unknown", nameless.as_bytes(), "COLUMN_UNKNOWN", 1);
    scene.refuses("a dimension missing", nameless.as_bytes(), "COLUMN_MISSING", 1);
    let no_status = with(row, ",13,A,", ",13,,");
    scene.refuses("no status", &no_status, "ATTRIBUTE_MISSING", 1);
    let part = with(",KG-C,VC_HTF_DETV,_T,_T,_T,PS,2023,15,", ",15,", ",18,");
    scene.refuses("a part beyond its whole", &part, "PART_EXCEEDS_WHOLE", 1);
}

#[test]
fn a_finding_says_which_row_which_key_and_what_was_expected() {
    let scene = Scene::new();
    let (_, answer) =
        scene.validate("spoilt.csv", &with(",VC_HTF_DETV,M,_T,_T,PS,2023,13,", ",13,", ",-13,"));
    let row = figures().lines().position(|line| line.contains(",M,_T,_T,PS,2023,")).unwrap();
    let finding = &answer["report"]["findings"]
        .as_array()
        .unwrap()
        .iter()
        .find(|finding| finding["code"] == "VALUE_NEGATIVE")
        .unwrap()
        .clone();
    assert_eq!(finding["row"].as_u64(), Some(row as u64), "{finding}");
    assert_eq!(finding["key"], "A.KG.VC_HTF_DETV.M._T._T.PS.2023");
    for field in ["expected", "found", "rule"] {
        assert!(!finding[field].as_str().unwrap().is_empty(), "{field}: {finding}");
    }
}

#[test]
fn files_that_are_no_batch_are_refused_with_a_word() {
    let scene = Scene::new();
    let text = figures();
    let head = text.lines().next().unwrap();
    let ragged = text.replacen(",A,KG,", ",A,", 1);
    let quote = text.replacen("PS", "\"PS", 1);
    let mixed = text.replacen(",A,A,KG", ",R,A,KG", 1);
    let merge = text.replace(",A,A,KG", ",M,A,KG");
    let other = text.replacen("BIRGE:TRAFFICKING(1.0.0)", "BIRGE:REFUGEES(1.0.0)", 1);
    let unknown = text.replace("BIRGE:TRAFFICKING(1.0.0)", "BIRGE:NOTHING(1.0.0)");
    let version = text.replace("(1.0.0)", "(9.0.0)");
    let files: [(&str, &[u8]); 13] = [
        ("empty", b""),
        ("a byte order mark alone", "\u{feff}".as_bytes()),
        ("blank lines", b"\n\n\r\n"),
        ("a head alone", head.as_bytes()),
        ("ragged", ragged.as_bytes()),
        ("an open quote", quote.as_bytes()),
        ("two actions", mixed.as_bytes()),
        ("merge", merge.as_bytes()),
        ("two datasets", other.as_bytes()),
        ("an unknown dataset", unknown.as_bytes()),
        ("an unknown version", version.as_bytes()),
        ("noise", &[0, 159, 146, 150, 255, 13, 10, 0, 1, 2]),
        ("a picture", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"),
    ];
    for (what, content) in files {
        let (output, answer) = scene.validate("nothing.csv", content);
        assert_eq!(output.code, Some(1), "{what}: {answer}");
        assert!(answer["report"]["errors"].as_u64() > Some(0), "{what}: {answer}");
    }
}

#[test]
fn json_is_checked_by_the_same_rules() {
    let scene = Scene::new();
    let observation = |sex: &str, value: Value| {
        serde_json::json!({
            "FREQ": "A", "REF_AREA": "KG", "INDICATOR": "VC_HTF_DETV", "SEX": sex, "AGE": "_T",
            "CITIZENSHIP": "_T", "UNIT_MEASURE": "PS", "TIME_PERIOD": "2024",
            "OBS_VALUE": value, "OBS_STATUS": "A",
        })
    };
    let batch = |men: Value| {
        let observations =
            [observation("F", 4.into()), observation("M", men), observation("_T", 17.into())];
        serde_json::to_vec(&serde_json::json!({
            "dataset": "TRAFFICKING", "version": "1.0.0", "agency": "MIA", "action": "Append",
            "observations": observations,
        }))
        .unwrap()
    };
    let (output, answer) = scene.validate("batch.json", &batch(13.into()));
    assert_eq!(output.code, Some(0), "{answer}");
    for (men, code) in [
        (Value::from(-13), "VALUE_NEGATIVE"),
        (Value::from(13.5), "VALUE_FRACTION"),
        (Value::from("13"), "VALUE_FORMAT"),
        (Value::from(31), "SUM_SEX"),
    ] {
        let (output, answer) = scene.validate("batch.json", &batch(men));
        assert_eq!(output.code, Some(1), "{answer}");
        assert_eq!(answer["report"]["byCode"][code].as_u64(), Some(1), "{code}: {answer}");
    }
    for broken in ["", "{", "[]", "null", "{\"dataset\": 7}", "{\"observations\": []}"] {
        let (output, answer) = scene.validate("batch.json", broken.as_bytes());
        assert_eq!(output.code, Some(1), "{broken}: {answer}");
    }
    let deep = "[".repeat(100_000);
    assert_eq!(scene.validate("batch.json", deep.as_bytes()).0.code, Some(1));
}

/// What the inbox does not take goes aside with its report, and the next file goes through.
#[test]
fn a_rejected_file_goes_aside_with_its_report_and_stops_nothing() {
    let exchange = Exchange::start().unwrap();
    let mia = exchange.node("agency/MIA").unwrap();
    let auditor = exchange.node("auditor/COA").unwrap();
    let process = mia.run().unwrap();
    mia.hand_in("empty.csv", b"").unwrap();
    mia.hand_in("spoilt.csv", &with(",M,_T,_T,PS,2023,13,", ",13,", ",-13,")).unwrap();
    mia.hand_in("TRAFFICKING.csv", figures().as_bytes()).unwrap();
    mia.wait_receipts(1).unwrap();
    let names = watch::until(mia.dir(), "two reports", || {
        let files = watch::files_below(&mia.rejected());
        let names = files.iter().map(|file| file.file_name().unwrap().to_owned());
        let names: Vec<String> = names.map(|name| name.into_string().unwrap()).collect();
        Ok((names.iter().filter(|name| name.ends_with(".report.json")).count() == 2)
            .then_some(names))
    });
    let names = names.unwrap();
    for name in ["empty.csv", "empty.csv.report.txt", "spoilt.csv", "spoilt.csv.report.txt"] {
        assert!(names.contains(&name.to_owned()), "{name} is not among {names:?}");
    }
    process.stop().unwrap().expect_code(0).unwrap();
    let records = block_on(crate::support::records(&exchange, &auditor));
    assert_eq!(crate::support::accepted(&records, "agency/MIA"), 1);
}
