//! `gateway decree explain`: why a request is decided as it is, in plain words.

use std::{collections::BTreeSet, path::Path};

use anyhow::Result;
use birge_proto::{clock::Timestamp, identity::Identity};
use birge_schemas::{
    detail::{Breakdown, Detail},
    structure::Structure,
};
use clap::Args;
use serde_json::{Value, json};

use super::{
    super::Said,
    dimensions,
    law::{Law, dataset, detail},
};
use crate::{
    decree::{Access, Act, Decision, Decree, Figures, Request, SexSplit},
    i18n::{self, Language, Texts},
};

/// Says why a request is decided as it is.
#[derive(Debug, Args)]
pub(in super::super) struct Explain {
    /// Who asks: agency/MFA, member/MFA, observer/IOM.
    #[arg(value_parser = Identity::capacity_of)]
    principal: Identity,
    /// Dataset.
    dataset: String,
    /// Dimensions by which the figures are broken down: REF_AREA,SEX. Totals when absent.
    #[arg(long, value_delimiter = ',', value_name = "DIMENSIONS")]
    by: Vec<String>,
    /// Of figures that are public already.
    #[arg(long, conflicts_with = "submit")]
    released: bool,
    /// Of handing the dataset in, not of seeing it.
    #[arg(long, conflicts_with = "by")]
    submit: bool,
    #[command(flatten)]
    law: Law,
    /// In which language: en, ru, ky, tg.
    #[arg(long, default_value_t)]
    lang: Language,
}

/// What the explanation is made of.
struct Explained<'a> {
    decree: &'a Decree,
    texts: Texts,
    lang: Language,
    released: bool,
    words: Vec<String>,
}

impl Explain {
    pub(super) fn act(self, config: &Path, now: Timestamp) -> Result<Said> {
        let (decree, structures) = self.law.at(config, now)?;
        let structure = dataset(&structures, &self.dataset)?;
        let mut explained = Explained {
            decree: &decree,
            texts: i18n::SOURCES.texts(self.lang),
            lang: self.lang,
            released: self.released,
            words: vec![],
        };
        let value = if self.submit {
            explained.submission(&self.principal, &self.dataset)
        } else {
            let detail = detail(structure, &self.by)?;
            explained.question(&self.principal, structure, detail)
        };
        Ok((explained.words.join("\n"), value))
    }
}

impl Explained<'_> {
    fn submission(&mut self, principal: &Identity, dataset: &str) -> Value {
        let act = Act::Submit {
            dataset: dataset.to_owned(),
            agency: principal.body.clone(),
            signed: true,
            approved: true,
            sex_split: SexSplit::Given,
        };
        let suspended = self.decree.suspends(&principal.body);
        let request = Request { principal: principal.clone(), suspended, recorded: true, act };
        let Decision { permit, articles, .. } = self.decree.decide(&request);
        self.say("explain-hands-in", &[("who", &principal.to_string()), ("dataset", dataset)]);
        self.decided(permit, &articles);
        json!({ "permitted": permit, "articles": articles })
    }

    fn question(&mut self, principal: &Identity, structure: &Structure, detail: Detail) -> Value {
        let (dataset, who) = (&structure.id, principal.to_string());
        let Some(mandate) = self.decree.mandate(dataset) else {
            self.say("explain-unmandated", &[("dataset", dataset)]);
            let articles = [self.decree.clauses().residual.to_string()];
            self.decided(false, &articles);
            return json!({ "permitted": false, "articles": articles });
        };
        let owner = mandate.agency.clone();
        let breakdowns = structure.breakdowns();
        let figures = Figures { dataset, owner: &owner, breakdowns, released: self.released };
        let access = self.decree.access(principal, &figures);
        let words = self.detail(detail);
        let source = owner.to_string();
        let asked = [("who", &*who), ("dataset", dataset), ("detail", &words), ("owner", &source)];
        self.say("explain-asks", &asked);
        let (permit, articles) = (access.permits(detail), access.articles(detail));
        self.decided(permit, &articles);
        if permit {
            self.small_counts(structure, &access, detail);
        } else {
            let suspended = self.decree.suspends(&principal.body);
            let (dataset, released) = (dataset.clone(), self.released);
            let act = Act::Query { dataset, owner, detail, released };
            let request = Request { principal: principal.clone(), suspended, recorded: true, act };
            let overruled = self.decree.overruled(&request);
            if !overruled.is_empty() {
                self.say("explain-overruled", &[("articles", &overruled.join(", "))]);
            }
            self.instead(&access, detail);
        }
        let instead = access.maximal_permitted(detail).into_iter().map(dimensions);
        json!({
            "permitted": permit, "articles": articles,
            "smallCounts": access.sees_small_counts(detail),
            "instead": instead.collect::<Vec<_>>(),
        })
    }

    /// Yes or no, by which decree, and what its articles say.
    fn decided(&mut self, permit: bool, articles: &[String]) {
        let (name, from) = (self.decree.name(), self.decree.in_force_from().to_string());
        let decree = [("number", &*name.number), ("version", &name.version), ("from", &from)];
        self.say("explain-decree", &decree);
        let message = if permit { "explain-permitted" } else { "explain-refused" };
        self.say(message, &[("articles", &articles.join(", "))]);
        self.quote(articles);
    }

    fn small_counts(&mut self, structure: &Structure, access: &Access, detail: Detail) {
        if !structure.rules.persons {
            return self.say("explain-no-counts", &[]);
        }
        let protection = self.decree.disclosure(&structure.id);
        let protection = protection.filter(|rule| rule.threshold > 1 || rule.zeros_withheld);
        let Some(protection) = protection else { return self.say("explain-unprotected", &[]) };
        if access.sees_small_counts(detail) {
            let articles = access.small_counts(detail);
            self.say("explain-small-given", &[("articles", &articles.join(", "))]);
            return self.quote(&articles);
        }
        let clauses = self.decree.clauses();
        let articles = [clauses.small_counts, clauses.indirect].map(|article| article.to_string());
        let most = protection.threshold.saturating_sub(1).to_string();
        let joined = articles.join(", ");
        self.say("explain-small-withheld", &[("most", &most), ("articles", &joined)]);
        if protection.zeros_withheld {
            self.say("explain-zeros-withheld", &[]);
        }
        self.quote(&articles);
    }

    fn instead(&mut self, access: &Access, detail: Detail) {
        let finest = access.maximal_permitted(detail);
        if finest.is_empty() {
            return self.say("explain-nothing", &[]);
        }
        self.say("explain-instead", &[]);
        for detail in finest {
            let (words, articles) = (self.detail(detail), access.articles(detail).join(", "));
            let one = [("detail", &*words), ("articles", &articles)];
            self.words.push(format!("  {}", self.texts.tell("explain-instead-one", &one)));
        }
    }

    /// What articles say, each once.
    fn quote(&mut self, articles: &[String]) {
        let mut quoted = BTreeSet::new();
        for article in articles.iter().filter(|article| quoted.insert(*article)) {
            let text = self.decree.article(article, self.lang.code()).unwrap_or_default();
            self.words.push(format!("  {article:6} {text}"));
        }
    }

    fn detail(&self, detail: Detail) -> String {
        if detail == Detail::TOTAL {
            return self.texts.say("explain-totals");
        }
        let dimensions: Vec<_> = detail.iter().map(Breakdown::dimension).collect();
        let dimensions = dimensions.join(&self.texts.say("explain-and"));
        self.texts.tell("explain-detail", &[("dimensions", &dimensions)])
    }

    fn say(&mut self, message: &str, arguments: &[(&str, &str)]) {
        self.words.push(self.texts.tell(message, arguments));
    }
}
