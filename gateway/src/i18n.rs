//! The gateway's texts for people. The files of `i18n/` hold the same messages in each language.

pub use birge_schemas::i18n::{Language, Texts};

/// The texts in `language`.
#[must_use]
pub fn texts(language: Language) -> Texts {
    Texts::new(language, source(language))
}

fn source(language: Language) -> &'static str {
    match language {
        Language::En => include_str!("../i18n/en.ftl"),
        Language::Ru => include_str!("../i18n/ru.ftl"),
    }
}

#[cfg(test)]
mod tests {
    use birge_schemas::i18n::ids;

    use super::*;

    #[test]
    fn every_language_has_every_message() {
        let [english, russian] = Language::ALL.map(|language| ids(source(language)).unwrap());
        assert_eq!(english, russian);
        for id in english {
            assert_ne!(texts(Language::Ru).say(&id), id, "{id} is missing");
        }
    }
}
