//! The decree's rules: Cedar policies, each citing the articles that it carries out.

mod entities;
mod statements;

use std::{
    collections::{BTreeSet, HashMap},
    str::FromStr,
};

use birge_schemas::decree::Files;
use cedar_policy::{
    Authorizer, Decision, Effect, Policy, PolicyId, PolicySet, Response, Schema, ValidationMode,
    Validator,
};

use super::{
    article::{self, Article, Articles},
    error::{DecreeError, file},
    parameters::Parameters,
    request::Request,
};

const RULES: &str = "rules.cedar";
const SCHEMA: &str = "schema.cedarschema";

/// The rules, type-checked.
#[derive(Debug)]
pub(super) struct Rules {
    schema: Schema,
    policies: PolicySet,
    /// Those of them that permit.
    permits: PolicySet,
    cited: HashMap<PolicyId, Vec<Article>>,
}

/// What the rules say, and by which articles; none when no rule speaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) permit: bool,
    pub(super) articles: Vec<Article>,
}

impl Rules {
    /// Reads the policies and their schema and checks every policy: its syntax, its types, the
    /// articles that it cites, the bodies and datasets that it names.
    pub(super) fn parse(
        files: &Files,
        parameters: &Parameters,
        articles: &Articles,
    ) -> Result<Self, DecreeError> {
        let schema = Schema::from_str(file(files, SCHEMA)?)
            .map_err(|error| DecreeError::new(SCHEMA, None, error))?;
        let (policies, permits) = (PolicySet::new(), PolicySet::new());
        let mut rules = Self { schema, policies, permits, cited: HashMap::new() };
        for statement in statements::split(file(files, RULES)?) {
            let wrong = |what: String| DecreeError::new(RULES, Some(statement.line), what);
            let id = PolicyId::new(statement.line.to_string());
            let policy = Policy::parse(Some(id.clone()), statement.text)
                .map_err(|error| wrong(error.to_string()))?;
            let cited = policy.annotation("article").ok_or_else(|| {
                wrong("this rule cites no article: expected @article(\"6(1)\")".to_owned())
            })?;
            let cited = article::list(cited).map_err(wrong)?;
            articles.require(cited.iter().copied(), RULES, Some(statement.line))?;
            if let Some(unknown) = entities::unknown(&policy, parameters) {
                return Err(wrong(format!("{unknown} does not stand in decree.json")));
            }
            let twice = |error: cedar_policy::PolicySetError| wrong(error.to_string());
            if policy.effect() == Effect::Permit {
                rules.permits.add(policy.clone()).map_err(twice)?;
            }
            rules.policies.add(policy).map_err(twice)?;
            rules.cited.insert(id, cited);
        }
        rules.type_check()?;
        Ok(rules)
    }

    fn type_check(&self) -> Result<(), DecreeError> {
        let validator = Validator::new(self.schema.clone());
        let result = validator.validate(&self.policies, ValidationMode::Strict);
        result.validation_errors().next().map_or(Ok(()), |error| {
            let line = error.policy_id().to_string().parse().ok();
            Err(DecreeError::new(RULES, line, error))
        })
    }

    /// The articles that the rules cite.
    pub(super) fn cited(&self) -> impl Iterator<Item = Article> {
        self.cited.values().flatten().copied()
    }

    /// The articles that would permit, if nothing were forbidden.
    pub(super) fn permitting(&self, request: &Request, parameters: &Parameters) -> Vec<Article> {
        let question = entities::question(request, parameters, &self.schema);
        question.map_or(vec![], |(question, entities)| {
            self.grounds(&Authorizer::new().is_authorized(&question, &self.permits, &entities))
        })
    }

    /// Asks the rules. A question that they cannot answer is denied without an article.
    pub(super) fn decide(&self, request: &Request, parameters: &Parameters) -> Verdict {
        let Some((question, entities)) = entities::question(request, parameters, &self.schema)
        else {
            return Verdict { permit: false, articles: vec![] };
        };
        let answer = Authorizer::new().is_authorized(&question, &self.policies, &entities);
        let sound = answer.diagnostics().errors().next().is_none();
        let articles = self.grounds(&answer);
        let permit = sound && answer.decision() == Decision::Allow;
        if permit || answer.decision() == Decision::Deny {
            Verdict { permit, articles }
        } else {
            Verdict { permit: false, articles: vec![] }
        }
    }

    /// The articles of the rules that decided, in the decree's order.
    fn grounds(&self, answer: &Response) -> Vec<Article> {
        let reasons = answer.diagnostics().reason().filter_map(|id| self.cited.get(id));
        let articles: BTreeSet<Article> = reasons.flatten().copied().collect();
        articles.into_iter().collect()
    }
}
