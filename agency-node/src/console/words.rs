//! In which language the console speaks, and its texts.

use axum::http::{HeaderMap, Uri, header};
use birge_proto::{clock::Timestamp, manifest::Action};
use birge_schemas::{finding::Code, history::Difference};
use jiff::tz::TimeZone;

use super::guard;
use crate::{
    doctor::State,
    i18n::{Language, SOURCES, Texts},
    outbox::receipts::Grade,
};

/// The cookie of the language that was chosen.
pub(super) const LANGUAGE: &str = "birge-language";

/// Texts for a page.
pub(super) struct Say {
    texts: Texts,
    language: Language,
}

/// A language as it can be chosen.
pub(super) struct Choice {
    pub(super) code: &'static str,
    pub(super) name: String,
    pub(super) chosen: bool,
}

impl Say {
    /// Texts in `language`.
    pub(super) fn new(language: Language) -> Self {
        Self { texts: SOURCES.texts(language), language }
    }

    /// The message `console-ID`.
    pub(super) fn it(&self, id: &str) -> String {
        self.texts.say(&format!("console-{id}"))
    }

    /// The message `console-ID` with one argument.
    pub(super) fn with(&self, id: &str, name: &str, value: &str) -> String {
        self.texts.tell(&format!("console-{id}"), &[(name, value)])
    }

    /// The state of a file or a batch.
    pub(super) fn state(&self, word: &str) -> String {
        self.it(&format!("state-{word}"))
    }

    /// What the state of a file means for whoever handed it in.
    pub(super) fn became(&self, word: &str) -> String {
        self.it(&format!("became-{word}"))
    }

    /// What a batch does to what stands.
    pub(super) fn action(&self, action: &Action) -> String {
        self.it(&format!("approval-{action:?}"))
    }

    /// What a batch changes of a period.
    pub(super) fn change(&self, period: &str, difference: &Difference) -> String {
        let Difference { added, removed, changed, unchanged, .. } = difference;
        let before = changed + removed + unchanged;
        let counts = [added, removed, changed, &before].map(ToString::to_string);
        let names = ["added", "removed", "changed", "before"].into_iter();
        let counts = names.zip(counts.iter().map(String::as_str));
        let told: Vec<_> = counts.chain([("period", period)]).collect();
        self.texts.tell("console-approval-change", &told)
    }

    /// What a finding means.
    pub(super) fn finding(&self, code: &Code) -> String {
        self.texts.say(&format!("finding-{code}"))
    }

    /// The state of a period.
    pub(super) fn period(&self, word: &str) -> String {
        self.it(&format!("period-{}", word.replace(' ', "-")))
    }

    /// How far a receipt can be trusted.
    pub(super) fn grade(&self, grade: &Grade) -> String {
        self.it(&format!("grade-{grade}"))
    }

    /// What a check looked at; its own word where there is no other.
    pub(super) fn check(&self, what: &str) -> String {
        let id = format!("console-check-{what}");
        match self.texts.say(&id) {
            said if said == id => what.to_owned(),
            said => said,
        }
    }

    /// How a check ended.
    pub(super) fn health(&self, state: &State) -> String {
        self.it(&format!("health-{}", self.class(state)))
    }

    /// The class of how a check ended.
    #[expect(clippy::unused_self, reason = "templates call it beside the texts")]
    pub(super) fn class(&self, state: &State) -> &'static str {
        match state {
            State::Fine => "good",
            State::Soon => "soon",
            State::Wrong => "bad",
        }
    }

    /// The language's code.
    pub(super) fn code(&self) -> &'static str {
        self.language.code()
    }

    /// Every language, each by its own name.
    pub(super) fn choices(&self) -> Vec<Choice> {
        let choice = |language: Language| Choice {
            code: language.code(),
            name: SOURCES.texts(language).say("console-language-name"),
            chosen: language == self.language,
        };
        Language::ALL.into_iter().map(choice).collect()
    }

    /// A moment in the machine's time zone.
    #[expect(clippy::unused_self, reason = "templates call it beside the texts")]
    pub(super) fn time(&self, time: &Timestamp) -> String {
        time.to_zoned(TimeZone::system()).strftime("%Y-%m-%d %H:%M").to_string()
    }
}

/// The language that the address asks for.
pub(super) fn asked(uri: &Uri) -> Option<Language> {
    let mut pairs = uri.query().unwrap_or_default().split('&').filter_map(|it| it.split_once('='));
    pairs.find(|(name, _)| *name == "lang").and_then(|(_, code)| code.parse().ok())
}

/// The language of an answer: what the address asks for, what was chosen, the first that the
/// browser prefers, else the node's.
pub(super) fn language(uri: &Uri, headers: &HeaderMap, node: Language) -> Language {
    let cookie = || {
        let mut found = guard::cookies(headers).filter(|(name, _)| *name == LANGUAGE);
        found.find_map(|(_, code)| code.parse().ok())
    };
    asked(uri).or_else(cookie).or_else(|| preferred(headers)).unwrap_or(node)
}

fn preferred(headers: &HeaderMap) -> Option<Language> {
    Language::preferred(headers.get(header::ACCEPT_LANGUAGE)?.to_str().ok()?)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn the_language_is_what_was_asked_for_last() {
        let mut headers = HeaderMap::new();
        let [first, .., last] = Language::ALL;
        let of = |uri: &'static str, headers: &HeaderMap| {
            language(&Uri::from_static(uri), headers, Language::default())
        };
        assert_eq!(of("/?lang=xx", &headers), Language::default());
        let accept = format!("xx, {}-XY;q=0.5, {}; q=0.8", first.code(), last.code());
        headers.insert(header::ACCEPT_LANGUAGE, HeaderValue::from_str(&accept).unwrap());
        assert_eq!(of("/", &headers), last);
        let cookie = format!("a=b; {LANGUAGE}={}", first.code());
        headers.insert(header::COOKIE, HeaderValue::from_str(&cookie).unwrap());
        assert_eq!(of("/", &headers), first);
        let uri = format!("/?lang={}", last.code()).parse().unwrap();
        assert_eq!(language(&uri, &headers, first), last);
    }
}
