//! Texts for people, by language: a program keeps the same messages in a file for each.

use std::{borrow::Cow, fmt, str::FromStr};

use fluent_bundle::{FluentArgs, FluentBundle, FluentResource};
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
}

impl Language {
    /// Every language.
    pub const ALL: [Self; 2] = [Self::En, Self::Ru];

    /// `en`, `ru`.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::Ru => "ru",
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
        }
    }
}

/// The texts of one language.
pub struct Texts(FluentBundle<FluentResource>);

impl Texts {
    /// The texts in `language`, which `source` holds as Fluent messages.
    #[must_use]
    pub fn new(language: Language, source: &str) -> Self {
        let mut bundle =
            FluentBundle::new(language.code().parse().map_or_else(|_| vec![], |code| vec![code]));
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

/// The ids of the messages in `source`, for the test that no language lacks one.
///
/// # Errors
/// When the source does not parse.
pub fn ids(source: &str) -> Result<Vec<String>, String> {
    FluentResource::try_new(source.to_owned()).map_err(|(_, errors)| format!("{errors:?}"))?;
    let lines = source.lines().filter_map(|line| line.split_once(" ="));
    let ids = lines.map(|(id, _)| id).filter(|id| !id.starts_with([' ', '#']));
    let mut ids: Vec<_> = ids.map(str::to_owned).collect();
    ids.sort_unstable();
    Ok(ids)
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
        assert_eq!(ids(SOURCE).unwrap(), ["bare", "title"]);
        assert!(ids("title { }").is_err());
    }

    #[test]
    fn languages_survive_text() {
        for language in Language::ALL {
            assert_eq!(language.to_string().parse(), Ok(language));
        }
        assert!("fr".parse::<Language>().unwrap_err().contains("en, ru"));
    }
}
