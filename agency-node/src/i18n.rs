//! Texts for people, by language. The files of `i18n/` hold the same messages in each.

use std::borrow::Cow;

use clap::ValueEnum;
use fluent_bundle::{FluentArgs, FluentBundle, FluentResource};

/// A language that texts exist in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Language {
    /// English.
    #[default]
    En,
    /// Russian.
    Ru,
}

impl Language {
    /// `en`, `ru`.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::Ru => "ru",
        }
    }

    fn source(self) -> &'static str {
        match self {
            Self::En => include_str!("../i18n/en.ftl"),
            Self::Ru => include_str!("../i18n/ru.ftl"),
        }
    }
}

/// The texts of one language.
pub struct Texts(FluentBundle<FluentResource>);

impl Texts {
    /// The texts in `language`.
    #[must_use]
    pub fn of(language: Language) -> Self {
        let mut bundle =
            FluentBundle::new(language.code().parse().map_or_else(|_| vec![], |code| vec![code]));
        // Marks of direction around each argument would stand in files that are signed.
        bundle.set_use_isolating(false);
        let resource = match FluentResource::try_new(language.source().to_owned()) {
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn ids(language: Language) -> BTreeSet<&'static str> {
        let source = language.source();
        assert!(FluentResource::try_new(source.to_owned()).is_ok(), "{language:?} parses");
        let lines = source.lines().filter_map(|line| line.split_once(" ="));
        lines.map(|(id, _)| id).filter(|id| !id.starts_with([' ', '#'])).collect()
    }

    #[test]
    fn every_language_has_every_message() {
        assert_eq!(ids(Language::En), ids(Language::Ru));
        for id in ids(Language::En) {
            assert_ne!(Texts::of(Language::Ru).say(id), id, "{id} is missing");
        }
    }

    #[test]
    fn arguments_are_put_in_without_marks() {
        let texts = Texts::of(Language::En);
        let said = texts.tell("report-title", &[("origin", "birge.example/log")]);
        assert!(said.contains("birge.example/log") && said.is_ascii(), "{said}");
    }
}
