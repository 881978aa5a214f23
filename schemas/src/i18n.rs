//! Texts for people, by language: a program keeps the same messages in a file for each.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    fmt,
    str::FromStr,
};

use fluent_bundle::{FluentArgs, FluentResource, concurrent::FluentBundle};
use serde::{Deserialize, Serialize};

/// A language that texts exist in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// English.
    #[default]
    En,
    /// Russian.
    Ru,
    /// Kyrgyz.
    Ky,
    /// Tajik.
    Tg,
}

impl Language {
    /// Every language.
    pub const ALL: [Self; 4] = [Self::En, Self::Ru, Self::Ky, Self::Tg];

    /// The one that is preferred by an `Accept-Language` of HTTP (RFC 9110, 12.5.4); none where
    /// it names none of these.
    #[must_use]
    pub fn preferred(accepted: &str) -> Option<Self> {
        let weighed = accepted.split(',').filter_map(|range| {
            let mut parts = range.split(';').map(str::trim);
            let code = parts.next()?.split('-').next()?.to_ascii_lowercase();
            let weight = parts.find_map(|part| part.strip_prefix("q="));
            let weight: f32 = weight.map_or(Some(1.0), |weight| weight.parse().ok())?;
            Some((code.parse().ok()?, weight)).filter(|(_, weight)| *weight > 0.0)
        });
        // Of those of one weight the first.
        let best = weighed.reduce(|best, next| if next.1 > best.1 { next } else { best });
        best.map(|(language, _)| language)
    }

    /// `en`, `ru`, `ky`, `tg`: ISO 639-1.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::Ru => "ru",
            Self::Ky => "ky",
            Self::Tg => "tg",
        }
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl FromStr for Language {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let codes = Self::ALL.map(Self::code);
        let found = Self::ALL.into_iter().find(|language| language.code() == text);
        found.ok_or_else(|| format!("expected one of {}", codes.join(", ")))
    }
}

/// A program's messages, as Fluent source, in each language.
#[derive(Debug, Clone, Copy)]
pub struct Sources {
    /// In English.
    pub en: &'static str,
    /// In Russian.
    pub ru: &'static str,
    /// In Kyrgyz.
    pub ky: &'static str,
    /// In Tajik.
    pub tg: &'static str,
}

impl Sources {
    /// The texts in `language`.
    #[must_use]
    pub fn texts(self, language: Language) -> Texts {
        Texts::new(language, self.of(language))
    }

    /// The source in `language`.
    #[must_use]
    pub fn of(self, language: Language) -> &'static str {
        match language {
            Language::En => self.en,
            Language::Ru => self.ru,
            Language::Ky => self.ky,
            Language::Tg => self.tg,
        }
    }
}

/// The texts of one language.
pub struct Texts(FluentBundle<FluentResource>);

impl Texts {
    /// The texts in `language`, which `source` holds as Fluent messages.
    #[must_use]
    pub fn new(language: Language, source: &str) -> Self {
        let mut bundle = FluentBundle::new_concurrent(
            language.code().parse().map_or_else(|_| vec![], |code| vec![code]),
        );
        // Marks of direction around each argument would stand in files that are signed.
        bundle.set_use_isolating(false);
        let resource = match FluentResource::try_new(source.to_owned()) {
            Ok(resource) | Err((resource, _)) => resource,
        };
        bundle.add_resource_overriding(resource);
        Self(bundle)
    }

    /// The message `id`, as it is.
    #[must_use]
    pub fn say(&self, id: &str) -> String {
        self.tell(id, &[])
    }

    /// The message `id` with its arguments.
    #[must_use]
    pub fn tell(&self, id: &str, arguments: &[(&str, &str)]) -> String {
        let pattern = self.0.get_message(id).and_then(|message| message.value());
        let Some(pattern) = pattern else { return id.to_owned() };
        let mut given = FluentArgs::new();
        for (name, value) in arguments {
            given.set(Cow::Owned((*name).to_owned()), (*value).to_owned());
        }
        self.0.format_pattern(pattern, Some(&given), &mut vec![]).into_owned()
    }
}

/// Checks that every language has the same messages, each with the same arguments and each said
/// in the language's own script; for the tests of those who keep messages.
///
/// # Errors
/// When a source does not parse, or what is told first of what differs.
pub fn check(sources: Sources) -> Result<(), String> {
    let english = messages(sources.en)?;
    for language in Language::ALL {
        let own = messages(sources.of(language))?;
        for id in english.keys().chain(own.keys()) {
            let (Some(said), Some(meant)) = (own.get(id), english.get(id)) else {
                return Err(format!("{language}: {id} is not in every language"));
            };
            if arguments(said) != arguments(meant) {
                return Err(format!("{language}: {id} has other arguments than in English"));
            }
            let words = words(said);
            let has_words = words.chars().any(char::is_alphabetic);
            let cyrillic = words.chars().any(|c| ('\u{400}'..='\u{4ff}').contains(&c));
            if has_words && cyrillic == (language == Language::En) {
                return Err(format!("{language}: {id} is in another language"));
            }
        }
    }
    Ok(())
}

/// The messages of a source by their ids, a line each.
fn messages(source: &str) -> Result<BTreeMap<&str, &str>, String> {
    FluentResource::try_new(source.to_owned()).map_err(|(_, errors)| format!("{errors:?}"))?;
    let lines = source.lines().filter_map(|line| line.split_once(" ="));
    Ok(lines.filter(|(id, _)| !id.starts_with([' ', '#'])).collect())
}

/// What a message says besides its arguments.
fn words(message: &str) -> String {
    let parts =
        message.split('{').map(|part| part.split_once('}').map_or(part, |(_, after)| after));
    parts.collect()
}

/// The names of the arguments of a message.
fn arguments(message: &str) -> BTreeSet<&str> {
    let after = message.split('$').skip(1);
    after.filter_map(|rest| rest.split([' ', '}']).next()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = "# Comment.\ntitle = The log { $origin }\nbare = word\n";

    #[test]
    fn arguments_are_put_in_without_marks() {
        let texts = Texts::new(Language::En, SOURCE);
        let said = texts.tell("title", &[("origin", "birge.example/log")]);
        assert_eq!(said, "The log birge.example/log");
        assert_eq!(texts.say("missing"), "missing");
    }

    #[test]
    fn what_one_language_lacks_is_told() {
        let own = "title = Журнал { $origin }\nbare = сөз\n";
        let sources = Sources { en: SOURCE, ru: own, ky: own, tg: own };
        assert_eq!(check(sources), Ok(()));
        for (wrong, what) in [
            ("title = Журнал { $origin }\n", "ky: bare is not in every"),
            ("title = Журнал\nbare = сөз\n", "ky: title has other arguments"),
            ("title = The log { $origin }\nbare = сөз\n", "ky: title is in another"),
            ("title { }", "Error"),
        ] {
            let told = check(Sources { ky: wrong, ..sources }).unwrap_err();
            assert!(told.contains(what), "{told}");
        }
    }

    #[test]
    fn a_message_of_arguments_alone_is_in_every_language() {
        let own = "title = Журнал { $origin }\nbare = { $day }.{ $month }\n";
        let english = SOURCE.replace("word", "{ $day } { $month }");
        let english: &'static str = english.leak();
        assert_eq!(check(Sources { en: english, ru: own, ky: own, tg: own }), Ok(()));
    }

    #[test]
    fn the_preferred_language_is_the_heaviest_and_of_these_the_first() {
        for (accepted, preferred) in [
            ("ky", Some(Language::Ky)),
            ("fr, ru-RU;q=0.5, tg; q=0.8", Some(Language::Tg)),
            ("tg;q=0.5, ru;q=0.5", Some(Language::Tg)),
            ("ru;q=0, *", None),
            ("", None),
        ] {
            assert_eq!(Language::preferred(accepted), preferred, "{accepted}");
        }
    }

    #[test]
    fn languages_survive_text() {
        for language in Language::ALL {
            assert_eq!(language.to_string().parse(), Ok(language));
        }
        assert!("fr".parse::<Language>().unwrap_err().contains("en, ru, ky, tg"));
    }
}
