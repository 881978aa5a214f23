//! Articles: how they are named, in which order they stand, and what they say.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    str::FromStr,
};

use birge_schemas::decree::Files;
use serde::Deserialize;

use super::error::{DecreeError, line_of};

/// `6(5)`: article and paragraph; `10` has no paragraph, which is kept as 0. Ordered as the
/// decree orders them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct Article(u16, u16);

impl TryFrom<String> for Article {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl FromStr for Article {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = |text: &str| text.parse().ok().filter(|number: &u16| *number > 0);
        let article = match text.strip_suffix(')').and_then(|text| text.split_once('(')) {
            Some((article, paragraph)) => number(article).zip(number(paragraph)),
            None => number(text).map(|article| (article, 0)),
        };
        let (article, paragraph) = article
            .ok_or_else(|| format!("{text:?} names no article: expected such as 6(5) or 10"))?;
        Ok(Self(article, paragraph))
    }
}

impl fmt::Display for Article {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.1 {
            0 => write!(f, "{}", self.0),
            paragraph => write!(f, "{}({paragraph})", self.0),
        }
    }
}

/// Reads a list such as `4(1), 5(1)`.
pub(super) fn list(text: &str) -> Result<Vec<Article>, String> {
    text.split(',').map(|part| part.trim().parse()).collect()
}

/// The articles as text.
pub(super) fn texts(articles: &[Article]) -> Vec<String> {
    articles.iter().map(ToString::to_string).collect()
}

/// Articles as text, in the decree's order, each once; what names none stands last.
#[must_use]
pub fn in_order(mut articles: Vec<String>) -> Vec<String> {
    let place = |article: &String| article.parse::<Article>().map_err(|_| article.clone());
    articles.sort_by_key(place);
    articles.dedup();
    articles
}

/// The text of every article by language.
#[derive(Debug)]
pub(super) struct Articles(Texts, BTreeMap<Article, Place>);

type Texts = BTreeMap<Article, BTreeMap<String, String>>;
/// A file, and the line in it.
type Place = (String, Option<usize>);

impl Articles {
    /// Reads `articles/LANGUAGE.json`; every language must have the same articles.
    pub(super) fn parse(files: &Files) -> Result<Self, DecreeError> {
        let (mut articles, mut places) = (Texts::new(), BTreeMap::new());
        let mut languages = vec![];
        for (path, text) in files {
            let Some(language) = path
                .strip_prefix("articles/")
                .and_then(|name| name.strip_suffix(".json"))
                .map(str::to_owned)
            else {
                continue;
            };
            let written: BTreeMap<String, String> =
                serde_json::from_str(text).map_err(|error| DecreeError::json(path, error))?;
            for (name, said) in written {
                let article: Article =
                    name.parse().map_err(|error| DecreeError::new(path, None, error))?;
                articles.entry(article).or_default().insert(language.clone(), said);
                places.entry(article).or_insert_with(|| (path.clone(), line_of(text, &name)));
            }
            languages.push((path, language));
        }
        if languages.is_empty() {
            return Err(DecreeError::new("articles/en.json", None, "no article has a text"));
        }
        for (path, language) in languages {
            let missing = articles.iter().find(|(_, texts)| !texts.contains_key(&language));
            if let Some((article, _)) = missing {
                let what = format!("article {article} is missing, which another language has");
                return Err(DecreeError::new(path, None, what));
            }
        }
        Ok(Self(articles, places))
    }

    /// Refuses to let `file` cite an article that has no text.
    pub(super) fn require(
        &self,
        cited: impl IntoIterator<Item = Article>,
        file: &str,
        line: Option<usize>,
    ) -> Result<(), DecreeError> {
        match cited.into_iter().find(|article| !self.0.contains_key(article)) {
            Some(article) => {
                let what = format!("article {article} is cited and has no text in articles/");
                Err(DecreeError::new(file, line, what))
            }
            None => Ok(()),
        }
    }

    /// Is there a text of it?
    pub(super) fn has(&self, article: Article) -> bool {
        self.0.contains_key(&article)
    }

    /// Every article, in the decree's order.
    pub(super) fn all(&self) -> impl Iterator<Item = Article> {
        self.0.keys().copied()
    }

    /// Refuses an article with a text that nothing carries out: it is not among `cited`.
    pub(super) fn carried_out(&self, cited: &BTreeSet<Article>) -> Result<(), DecreeError> {
        match self.0.keys().find(|article| !cited.contains(article)) {
            Some(article) => {
                let (file, line) = self
                    .1
                    .get(article)
                    .map_or(("articles", None), |(file, line)| (file.as_str(), *line));
                let what = format!(
                    "no rule and no parameter carries out article {article}: cite it where it is \
                     carried out, or say under `notes` of decree.json who does"
                );
                Err(DecreeError::new(file, line, what))
            }
            None => Ok(()),
        }
    }

    /// The text in `language`, else in English, else in any.
    pub(super) fn text(&self, article: Article, language: &str) -> Option<&str> {
        self.0.get(&article).map(|texts| in_language(texts, language))
    }
}

/// The text in `language`, else in English, else in any.
pub(super) fn in_language<'a>(texts: &'a BTreeMap<String, String>, language: &str) -> &'a str {
    let any = || texts.values().next();
    texts.get(language).or_else(|| texts.get("en")).or_else(any).map_or("", String::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn articles_stand_in_the_decrees_order() {
        let mut articles = list("10, 6(5), 9(1), 6(1), 6").unwrap();
        articles.sort_unstable();
        assert_eq!(texts(&articles), ["6", "6(1)", "6(5)", "9(1)", "10"]);
    }

    #[test]
    fn what_names_no_article_is_refused() {
        for text in ["", "6(", "6()", "6(0)", "0", "six", "6(5", "6(5)(1)", "4(1),", "-1"] {
            assert!(list(text).is_err(), "{text:?}");
        }
    }
}
