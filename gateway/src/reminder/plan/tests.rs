use birge_schemas::{decree as bundle, i18n::Language};
use jiff::SignedDuration;
use proptest::{collection::vec, option, prelude::*};
use serde_json::json;

use super::{super::Letter, *};

fn config() -> ReminderConfig {
    toml::from_str("host = \"mail.birge.example\"\nfrom = \"birge@birge.example\"").unwrap()
}

fn day(text: &str) -> Date {
    text.parse().unwrap()
}

fn open(last_day: Date) -> Open {
    Open { last_day, dataset: "TRAFFICKING".to_owned(), period: "2025".to_owned() }
}

#[test]
fn days_before_the_day_after_and_then_weekly() {
    let (config, last_day) = (config(), [open(day("2026-03-31"))]);
    let told = |today, told: Option<&str>| is_told(&last_day, day(today), told.map(day), &config);
    for (today, last, expected) in [
        ("2026-03-16", None, false),
        ("2026-03-17", None, true),
        ("2026-03-17", Some("2026-03-17"), false),
        ("2026-03-20", Some("2026-03-17"), false),
        ("2026-03-20", Some("2026-03-16"), true), // nothing could be sent on the 17th
        ("2026-03-28", Some("2026-03-17"), true),
        ("2026-03-31", Some("2026-03-28"), false),
        ("2026-04-01", Some("2026-03-28"), true),
        ("2026-04-01", Some("2026-03-31"), true),
        ("2026-04-01", Some("2026-04-01"), false),
        ("2026-04-07", Some("2026-04-01"), false),
        ("2026-04-08", Some("2026-04-01"), true),
        ("2026-04-30", Some("2026-04-08"), true),
        ("2026-04-08", Some("2026-05-01"), false), // the clock stepped back
    ] {
        assert_eq!(told(today, last), expected, "{today}, told {last:?}");
    }
    let never = ReminderConfig { days_before: vec![], ..config };
    assert!(!is_told(&last_day, day("2026-03-31"), None, &never));
    assert!(is_told(&last_day, day("2026-04-01"), None, &never));
}

proptest! {
    /// Day after day, whatever is open: nobody twice on a day, nobody without a day to tell,
    /// and nothing missing for longer than the days between, on whatever days mail goes out.
    #[test]
    fn nothing_is_told_twice_and_nothing_missing_is_kept_quiet(
        last_days in vec(0_i64..120, 0..5),
        days_before in vec(0_u16..40, 0..3),
        days_between in 1_u16..20,
        first_told in option::of(-30_i64..0),
        away in vec(any::<bool>(), 150),
    ) {
        let start = day("2026-01-01");
        let at = |days: i64| start.saturating_add(days.days());
        let all: Vec<_> = last_days.iter().map(|days| open(at(*days))).collect();
        let config = ReminderConfig { days_before, days_between, ..config() };
        let mut told = first_told.map(at);
        for today in 0..150 {
            let date = at(today);
            let shown = |open: &&Open| open.last_day <= at(today + i64::from(config.ahead()));
            let listed: Vec<_> = all.iter().filter(shown).cloned().collect();
            let tell = is_told(&listed, date, told, &config);
            prop_assert!(!(tell && listed.is_empty()));
            let missing = last_days.iter().filter(|last| **last < today).max();
            if let Some(newest) = missing {
                let due = told.is_none_or(|told| {
                    told < at(newest + 1) || at(today - i64::from(days_between)) >= told
                });
                prop_assert!(tell || !due, "missing since {newest}, told {told:?}, not on {today}");
            } else if tell {
                let reached = |days: &u16| {
                    last_days.iter().any(|last| at(last - i64::from(*days)) <= date)
                };
                prop_assert!(config.days_before.iter().any(reached), "too early");
            }
            if tell && !away[today as usize] {
                told = Some(date);
                prop_assert!(!is_told(&listed, date, told, &config), "twice on a day");
            }
        }
    }
}

/// The model decree in force, changed by `change`, and nothing handed in.
fn state(change: impl FnOnce(&mut serde_json::Value)) -> State {
    let mut files = bundle::files(&bundle::model().unwrap()).unwrap();
    let text = files.get_mut("decree.json").unwrap();
    let mut parameters = serde_json::from_str(text).unwrap();
    change(&mut parameters);
    *text = parameters.to_string();
    let decree = Decree::from_bundle(&bundle::to_bundle(&files).unwrap()).unwrap();
    State::under(decree)
}

fn owed(state: &State, now: &str) -> Owed {
    Owed::at(state, now.parse().unwrap(), 14).unwrap()
}

fn agency(id: &str) -> AgencyId {
    id.parse().unwrap()
}

#[test]
fn days_are_those_of_the_decree_and_the_suspended_are_left_alone() {
    let before = "2025-03-31T17:59:59Z"; // 23:59:59 in Bishkek
    let after = "2025-03-31T18:00:00Z";
    let plain = state(|_| {});
    let [before, after] = [before, after].map(|now| owed(&plain, now));
    assert_eq!((before.today, after.today), (day("2025-03-31"), day("2025-04-01")));
    let mia = agency("MIA");
    let only = Open { period: "2024".to_owned(), ..open(day("2025-03-31")) };
    for owed in [&before, &after] {
        assert_eq!(owed.by_agency[&mia], std::slice::from_ref(&only));
    }
    let told = Some(day("2025-03-31"));
    assert_eq!(before.tell(&mia, told, &config()), None);
    assert_eq!(after.tell(&mia, told, &config()), Some(&[only][..]));
    assert_eq!(after.tell(&agency("COA"), None, &config()), None, "owes nothing");

    let suspended = state(|parameters| {
        let bodies = parameters["participants"].as_array_mut().unwrap();
        let mia = bodies.iter_mut().find(|body| body["id"] == "MIA").unwrap();
        mia["suspended"] = json!(true);
    });
    let owed = owed(&suspended, "2025-04-01T12:00:00Z");
    assert!(!owed.by_agency.contains_key(&mia) && owed.by_agency.contains_key(&agency("SBS")));
}

#[test]
fn one_letter_tells_all_by_last_day_in_either_language() {
    let state = state(|_| {});
    let owed = owed(&state, "2024-06-10T12:00:00Z");
    let sbs = agency("SBS");
    let open = owed.tell(&sbs, None, &config()).unwrap();
    let periods: Vec<_> = open.iter().map(|open| open.period.as_str()).collect();
    assert_eq!(periods, ["2024-01", "2024-02", "2024-03", "2024-04", "2024-05"]);
    let english = Letter::on(open, &sbs, &owed, Language::En);
    assert_eq!(english.subject, "Birge: figures of SBS are missing");
    for part in [
        "(SBS)",
        "Asia/Bishkek",
        "Missing:\n- BORDER (",
        "period 2024-04: were due until the end of 2024-05-15, article 4(1)",
        "Due:\n- BORDER (",
        "period 2024-05: in time until the end of 2024-06-15, article 4(1)",
        "agency-node submit FILE",
        "wrote this by itself",
    ] {
        assert!(english.body.contains(part), "{part} is missing in {}", english.body);
    }
    let russian = Letter::on(open, &sbs, &owed, Language::Ru);
    assert_eq!(russian.subject, "Birge: данные SBS не поступили");
    assert!(russian.body.contains("период 2024-04: срок истёк в конце дня 2024-05-15"));
    assert_eq!(english.body.lines().count(), russian.body.lines().count());
    let due = Letter::on(&open[4..], &sbs, &owed, Language::En);
    assert_eq!(due.subject, "Birge: figures of SBS are due");
    assert!(!due.body.contains("Missing"), "{}", due.body);
}

#[test]
fn the_horizon_is_the_days_before() {
    let state = state(|_| {});
    let noon =
        |day: Date| day.in_tz("Asia/Bishkek").unwrap().timestamp() + SignedDuration::from_hours(12);
    for (today, listed) in [("2024-05-31", false), ("2024-06-01", true), ("2024-06-15", true)] {
        let owed = Owed::at(&state, noon(day(today)), 14).unwrap();
        let found = owed.by_agency[&agency("SBS")].iter().any(|open| open.period == "2024-05");
        assert_eq!(found, listed, "{today}");
    }
}

#[test]
fn contacts_are_held_against_the_decree() {
    let state = state(|_| {});
    let decree = owed(&state, "2024-06-10T12:00:00Z").decree;
    let contact = |agency: &str| Contact {
        agency: agency.parse().unwrap(),
        officer: "officer@agency.example".parse().unwrap(),
        deputy: "deputy@agency.example".parse().unwrap(),
        language: Language::En,
    };
    let all = ["NSC", "MLSSM", "MIA", "MFA", "SBS", "NBKR"].map(contact);
    assert_eq!(oddities(&all, &decree), Vec::<String>::new());
    let odd = oddities(&[&all[1..], &[contact("COA")]].concat(), &decree);
    assert_eq!(odd.len(), 2, "{odd:?}");
    assert!(odd[0].starts_with("COA has a contact") && odd[1].starts_with("NSC takes part"));
}
