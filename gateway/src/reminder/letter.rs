//! What a mail says. Pure.

use std::collections::BTreeMap;

use birge_proto::identity::AgencyId;
use birge_schemas::{codelist::named, i18n::Language};

use super::plan::{Open, Owed};
use crate::i18n::{SOURCES, Texts};

/// A mail's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// One line.
    pub subject: String,
    /// Plain text.
    pub body: String,
}

impl Letter {
    /// On everything that is `open` at `agency`.
    pub(super) fn on(open: &[Open], agency: &AgencyId, owed: &Owed, language: Language) -> Self {
        let texts = SOURCES.texts(language);
        let say = |id| texts.say(id);
        let (missing, due): (Vec<_>, Vec<_>) =
            open.iter().partition(|open| open.last_day < owed.today);
        let body = owed.decree.participants().iter().find(|body| body.id == *agency);
        let name = body.and_then(|body| name(&body.names, language)).unwrap_or(agency.as_str());
        let (decree, agency) = (owed.decree.name(), agency.as_str());
        let law = [
            ("number", &*decree.number),
            ("version", &*decree.version),
            ("zone", owed.decree.time_zone()),
        ];
        let mut paragraphs = vec![
            texts.tell("reminder-to", &[("name", name), ("agency", agency)]),
            texts.tell("reminder-law", &law),
        ];
        for (title, one, open) in [
            ("reminder-missing", "reminder-missing-one", &missing),
            ("reminder-due", "reminder-due-one", &due),
        ] {
            if !open.is_empty() {
                let lines = open.iter().map(|open| line(&texts, one, open, owed, language));
                paragraphs.push(say(title) + "\n" + &lines.collect::<Vec<_>>().join("\n"));
            }
        }
        paragraphs.push(say("reminder-how") + "\n    agency-node submit FILE");
        paragraphs.push(say("reminder-obligations") + "\n    agency-node obligations");
        paragraphs.push(say("reminder-automatic"));
        let subject = match missing.is_empty() {
            true => "reminder-subject-due",
            false => "reminder-subject-missing",
        };
        let subject = texts.tell(subject, &[("agency", agency)]);
        Self { subject, body: paragraphs.join("\n\n") + "\n" }
    }
}

fn line(texts: &Texts, id: &str, open: &Open, owed: &Owed, language: Language) -> String {
    let structure = owed.structures.get(&open.dataset);
    let dataset = structure.and_then(|structure| name(&structure.names, language));
    let article = owed.decree.mandate(&open.dataset).map(|mandate| mandate.article.as_str());
    let told = [
        ("dataset", &*open.dataset),
        ("name", dataset.unwrap_or(&open.dataset)),
        ("period", &*open.period),
        ("day", &*open.last_day.to_string()),
        ("article", article.unwrap_or_default()),
    ];
    format!("- {}", texts.tell(id, &told))
}

/// A name in `language`, else in English, else in any.
fn name(names: &BTreeMap<String, String>, language: Language) -> Option<&str> {
    named(names, language.code()).or_else(|| names.values().next().map(String::as_str))
}
