//! The gateway's texts for people.

pub use birge_schemas::i18n::{Language, Sources, Texts};

/// The files of `i18n/`, which hold the same messages in each language.
pub const SOURCES: Sources = Sources {
    en: include_str!("../i18n/en.ftl"),
    ru: include_str!("../i18n/ru.ftl"),
    ky: include_str!("../i18n/ky.ftl"),
    tg: include_str!("../i18n/tg.ftl"),
};

#[cfg(test)]
mod tests {
    use birge_schemas::i18n::check;

    use super::*;

    #[test]
    fn every_language_has_every_message() {
        assert_eq!(check(SOURCES), Ok(()));
    }
}
