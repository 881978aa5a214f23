//! Numbers, moments and names as a language has them.

use birge_proto::{
    clock::Timestamp,
    identity::{Identity, Role},
};
use birge_schemas::{
    codelist::named,
    structure::{AttributeKind, Structure, Structures},
};
use icu_decimal::{DecimalFormatter, input::Decimal};
use icu_locale_core::Locale;
use jiff::tz::TimeZone;

use super::pivot::Value;
use crate::{
    decree::Decree,
    i18n::{Language, Texts, texts},
};

/// Texts, numbers and moments in one language.
pub struct Say {
    texts: &'static Texts,
    language: Language,
    numbers: Option<DecimalFormatter>,
    zone: TimeZone,
}

/// A language as it can be chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// `ky`
    pub code: &'static str,
    /// Its own name for itself.
    pub name: String,
    /// Is it the one that is spoken?
    pub chosen: bool,
}

impl Say {
    /// In `language`, with moments as `zone` has them.
    #[must_use]
    pub fn new(language: Language, zone: TimeZone) -> Self {
        let locale: Option<Locale> = language.code().parse().ok();
        let numbers = locale
            .and_then(|locale| DecimalFormatter::try_new(locale.into(), Default::default()).ok());
        Self { texts: texts(language), language, numbers, zone }
    }

    /// The message `portal-ID`.
    #[must_use]
    pub fn it(&self, id: &str) -> String {
        self.texts.say(&format!("portal-{id}"))
    }

    /// The message `portal-ID` with one argument.
    #[must_use]
    pub fn with(&self, id: &str, name: &str, value: &str) -> String {
        self.tell(id, &[(name, value)])
    }

    /// The message `portal-ID` with its arguments.
    #[must_use]
    pub fn tell(&self, id: &str, arguments: &[(&str, &str)]) -> String {
        self.texts.tell(&format!("portal-{id}"), arguments)
    }

    /// The language.
    #[must_use]
    pub fn language(&self) -> Language {
        self.language
    }

    /// Its code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.language.code()
    }

    /// Every language, each by its own name.
    #[must_use]
    pub fn choices(&self) -> Vec<Choice> {
        let choice = |language: Language| Choice {
            code: language.code(),
            name: texts(language).say("portal-language-name"),
            chosen: language == self.language,
        };
        Language::ALL.into_iter().map(choice).collect()
    }

    /// A number with the language's marks, with two decimals at most.
    #[must_use]
    pub fn number(&self, value: f64) -> String {
        let plain = format!("{value:.2}");
        let plain = plain.trim_end_matches('0').trim_end_matches('.');
        let plain = if plain == "-0" { "0" } else { plain };
        let number = plain.parse::<Decimal>().ok();
        let said = self.numbers.as_ref().zip(number).map(|(own, it)| own.format(&it).to_string());
        said.unwrap_or_else(|| plain.to_owned())
    }

    /// A whole number.
    #[must_use]
    pub fn count(&self, count: u64) -> String {
        let said = self.numbers.as_ref().map(|own| own.format(&Decimal::from(count)).to_string());
        said.unwrap_or_else(|| count.to_string())
    }

    /// What a cell shows.
    #[must_use]
    pub fn value(&self, value: Value) -> String {
        match value {
            Value::Given(number) => self.number(number),
            Value::Withheld => self.it("mark-withheld"),
            Value::Missing => self.it("mark-missing"),
            Value::Absent => self.it("mark-absent"),
        }
    }

    /// A moment, to the minute.
    #[must_use]
    pub fn moment(&self, moment: Timestamp) -> String {
        self.dated("moment", moment)
    }

    /// The day of a moment.
    #[must_use]
    pub fn day(&self, moment: Timestamp) -> String {
        self.dated("day", moment)
    }

    /// A moment that is given as a text; as it is, where it is none.
    #[must_use]
    pub fn moment_of(&self, text: &str) -> String {
        text.parse().map_or_else(|_| text.to_owned(), |moment| self.moment(moment))
    }

    fn dated(&self, id: &str, moment: Timestamp) -> String {
        let own = moment.to_zoned(self.zone.clone());
        let part = |form: &str| own.strftime(form).to_string();
        // Months have names in English alone; the others write numbers.
        let [day, month] = match self.language {
            Language::En => ["%-d", "%b"],
            Language::Ru | Language::Ky | Language::Tg => ["%d", "%m"],
        };
        let parts = [
            ("day", part(day)),
            ("month", part(month)),
            ("year", part("%Y")),
            ("time", part("%H:%M")),
        ];
        let parts: Vec<_> = parts.iter().map(|(name, part)| (*name, part.as_str())).collect();
        self.tell(id, &parts)
    }

    /// The name of a concept, such as a dimension.
    #[must_use]
    pub fn concept(&self, structures: &Structures, id: &str) -> String {
        let names = structures.concept(id);
        names.and_then(|names| named(names, self.code())).unwrap_or(id).to_owned()
    }

    /// The name of a code of a dimension or an attribute; the text itself where it is no code.
    #[must_use]
    pub fn code_name(&self, structure: &Structure, id: &str, text: &str) -> String {
        let dimension = structure.dimensions.iter().find(|dimension| dimension.id == id);
        let list = match dimension {
            Some(dimension) => dimension.codes().map(|coded| &coded.list),
            None => match structure.attribute(id).map(|attribute| &attribute.kind) {
                Some(AttributeKind::Coded(list)) => Some(list),
                _ => None,
            },
        };
        let code = list.and_then(|list| Some(list.code(list.position(text)?)));
        code.map_or(text, |code| code.name(self.code())).to_owned()
    }

    /// The name of a body, as the decree has it, or its short name.
    #[must_use]
    pub fn body(&self, decree: Option<&Decree>, body: &str) -> String {
        let bodies =
            decree.into_iter().flat_map(|it| it.participants().iter().chain(it.auditors()));
        let found = bodies.into_iter().find(|own| own.id.as_str() == body);
        let name = found.and_then(|own| named(&own.names, self.code()));
        name.unwrap_or(body).to_owned()
    }

    /// Who somebody is: its role, and its body.
    #[must_use]
    pub fn identity(&self, decree: Option<&Decree>, identity: &Identity) -> String {
        let role = self.it(&format!("role-{}", identity.role.as_str()));
        match identity.role {
            Role::Public | Role::Operator | Role::Gateway => role,
            _ => format!("{role}, {}", self.body(decree, identity.body.as_str())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_moments_are_the_languages_own() {
        let zone = TimeZone::get("Asia/Bishkek").unwrap();
        let at = "2026-01-31T20:30:00Z".parse().unwrap();
        for (language, number, moment) in [
            (Language::En, "1,234,567.5", "1 Feb 2026, 02:30"),
            (Language::Ru, "1\u{a0}234\u{a0}567,5", "01.02.2026, 02:30"),
            (Language::Ky, "1\u{a0}234\u{a0}567,5", "01.02.2026, 02:30"),
            (Language::Tg, "1\u{a0}234\u{a0}567,5", "01.02.2026, 02:30"),
        ] {
            let say = Say::new(language, zone.clone());
            assert_eq!(say.number(1_234_567.5), number);
            assert_eq!(say.moment(at), moment);
        }
        let say = Say::new(Language::En, zone);
        let numbers = [-0.001, 0.0, 12.0, 0.125, -3.5, 1e15].map(|number| say.number(number));
        assert_eq!(numbers, ["0", "0", "12", "0.12", "-3.5", "1,000,000,000,000,000"]);
    }
}
