//! The gateway's texts for people.

use std::sync::OnceLock;

pub use birge_schemas::i18n::{Language, Sources, Texts};

/// The files of `i18n/`, which hold the same messages in each language.
pub const SOURCES: Sources = Sources {
    en: include_str!("../i18n/en.ftl"),
    ru: include_str!("../i18n/ru.ftl"),
    ky: include_str!("../i18n/ky.ftl"),
    tg: include_str!("../i18n/tg.ftl"),
};

/// The texts in `language`, read once.
#[must_use]
pub fn texts(language: Language) -> &'static Texts {
    static ALL: OnceLock<[Texts; 4]> = OnceLock::new();
    let all = ALL.get_or_init(|| Language::ALL.map(|language| SOURCES.texts(language)));
    &all[language as usize]
}

#[cfg(test)]
mod tests {
    use birge_schemas::i18n::check;

    use super::*;

    #[test]
    fn every_language_has_every_message() {
        assert_eq!(check(SOURCES), Ok(()));
    }
}
