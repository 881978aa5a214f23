//! A request in Cedar's terms.

use std::collections::{HashMap, HashSet};

use birge_proto::identity::{AgencyId, Role};
use birge_schemas::detail::{Breakdown, Detail};
use cedar_policy::{
    Context, Entities, Entity, EntityId, EntityTypeName, EntityUid, Policy, Request as Question,
    RestrictedExpression as Expression, Schema,
};

use super::super::{
    parameters::{Body, Parameters},
    request::{Act, Request},
};

/// The question and the entities that it rests on; none where the schema does not allow them,
/// as when a decree's own schema leaves out what the gateway tells it.
pub(super) fn question(
    request: &Request,
    parameters: &Parameters,
    schema: &Schema,
) -> Option<(Question, Entities)> {
    let principal = principal(request, parameters)?;
    let (action, resource, context) = match &request.act {
        Act::Submit { dataset, agency, signed, approved, sex_split } => {
            let facts = vec![
                ("agency", agency_expression(agency)?),
                ("signed", Expression::new_bool(*signed)),
                ("approved", Expression::new_bool(*approved)),
                ("sexSplit", Expression::new_string(sex_split.as_str().to_owned())),
            ];
            ("submit", self::dataset(dataset, parameters)?, facts)
        }
        Act::Query { dataset, owner, detail, released } => {
            ("query", self::dataset(dataset, parameters)?, figures(owner, *detail, *released)?)
        }
        Act::SmallCounts { dataset, owner, detail, released } => {
            let facts = figures(owner, *detail, *released)?;
            ("seeSmallCounts", self::dataset(dataset, parameters)?, facts)
        }
        Act::ReadRecord { concerned } => {
            let log = Entity::new_no_attrs(uid("Log", "log")?, HashSet::new());
            ("readRecord", log, vec![("concerned", Expression::new_bool(*concerned))])
        }
    };
    let recorded = ("recorded", Expression::new_bool(request.recorded));
    let facts = context.into_iter().chain([recorded]);
    let context = Context::from_pairs(facts.map(|(name, value)| (name.to_owned(), value))).ok()?;
    let question = Question::new(
        principal.uid(),
        uid("Action", action)?,
        resource.uid(),
        context,
        Some(schema),
    );
    let entities = Entities::from_entities([principal, resource], Some(schema)).ok()?;
    Some((question.ok()?, entities))
}

/// A body or dataset that a policy names and the parameters do not.
pub(super) fn unknown(policy: &Policy, parameters: &Parameters) -> Option<EntityUid> {
    policy.entity_literals().into_iter().find(|literal| {
        let id = literal.id().unescaped();
        let named = |bodies: &[Body]| bodies.iter().any(|body| body.id.as_str() == id);
        match literal.type_name().basename() {
            "Agency" => !named(&parameters.participants),
            "Auditor" => !named(&parameters.auditors),
            "Dataset" => !parameters.disclosure.iter().any(|rule| rule.dataset == id),
            // No decree names an operator or a person: a rule that did would be for nobody who is
            // checked.
            "Operator" | "Member" | "Observer" | "Public" => true,
            _ => false,
        }
    })
}

fn principal(request: &Request, parameters: &Parameters) -> Option<Entity> {
    let body = &request.principal.body;
    let member = request.principal.role == Role::Member;
    let named = |bodies: &[Body]| Expression::new_bool(bodies.iter().any(|each| each.id == *body));
    let suspended = Expression::new_bool(request.suspended);
    let (kind, facts) = match request.principal.role {
        Role::Agency | Role::Member => (
            if member { "Member" } else { "Agency" },
            vec![("participant", named(&parameters.participants)), ("suspended", suspended)],
        ),
        Role::Observer => ("Observer", vec![]),
        Role::Public => ("Public", vec![]),
        Role::Auditor => ("Auditor", vec![("named", named(&parameters.auditors))]),
        // The gateway itself has no more right to figures than who runs it.
        Role::Operator | Role::Gateway => ("Operator", vec![]),
    };
    // The rules speak of bodies and of capacities, never of single persons.
    let parents = if member { HashSet::from([uid("Agency", body.as_str())?]) } else { [].into() };
    entity_in(kind, body.as_str(), facts, parents)
}

fn dataset(id: &str, parameters: &Parameters) -> Option<Entity> {
    let mandate = parameters.mandates.iter().find(|mandate| mandate.dataset == id);
    let facts = mandate
        .map(|mandate| Some(vec![("mandated", agency_expression(&mandate.agency)?)]))
        .unwrap_or(Some(vec![]))?;
    entity("Dataset", id, facts)
}

fn figures(
    owner: &AgencyId,
    detail: Detail,
    released: bool,
) -> Option<Vec<(&'static str, Expression)>> {
    let flags = Breakdown::ALL.map(|breakdown| {
        let flag = match breakdown {
            Breakdown::Indicator => "indicator",
            Breakdown::Region => "region",
            Breakdown::Sex => "sex",
            Breakdown::Age => "age",
            Breakdown::Citizenship => "citizenship",
            Breakdown::CountryBirth => "countryBirth",
            Breakdown::Counterpart => "counterpart",
            Breakdown::Status => "status",
            Breakdown::Reason => "reason",
        };
        (flag, Expression::new_bool(detail.has(breakdown)))
    });
    let owner = ("owner", agency_expression(owner)?);
    let released = ("released", Expression::new_bool(released));
    Some(flags.into_iter().chain([owner, released]).collect())
}

fn agency_expression(id: &AgencyId) -> Option<Expression> {
    Some(Expression::new_entity_uid(uid("Agency", id.as_str())?))
}

fn entity(kind: &str, id: &str, facts: Vec<(&str, Expression)>) -> Option<Entity> {
    entity_in(kind, id, facts, HashSet::new())
}

fn entity_in(
    kind: &str,
    id: &str,
    facts: Vec<(&str, Expression)>,
    parents: HashSet<EntityUid>,
) -> Option<Entity> {
    let facts: HashMap<_, _> =
        facts.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    Entity::new(uid(kind, id)?, facts, parents).ok()
}

fn uid(kind: &str, id: &str) -> Option<EntityUid> {
    let kind: EntityTypeName = kind.parse().ok()?;
    Some(EntityUid::from_type_name_and_id(kind, EntityId::new(id)))
}
