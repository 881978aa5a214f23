//! The service by which bodies name their persons and go over them. Each act is a record; that a
//! body lists its own is none, for it is told what it told.

use std::sync::Arc;

use birge_proto::{
    clock::Timestamp,
    identity::{Identity, Role},
    problem::{Kind, Problem},
    wire::{
        ActOnPersonResponse, ListPeopleRequest, ListPeopleResponse, NamePersonRequest,
        NamePersonResponse, Person, PersonRequest, PersonState, PersonToken, RecoverResponse,
        people_server::People,
    },
};
use tonic::{Request, Response, Status, async_trait};

use super::{admin::identity, gate::Gate};
use crate::account::{Accounts, Named, Recovery, Standing, State};

/// Who names persons.
const BODIES: &[Role] = &[Role::Agency, Role::Auditor];
/// Who may act on an account besides.
const BOTH: &[Role] = &[Role::Agency, Role::Auditor, Role::Operator];

/// The service.
pub(super) struct PeopleService {
    pub(super) gate: Arc<Gate>,
    pub(super) accounts: Arc<Accounts>,
}

#[async_trait]
impl People for PeopleService {
    async fn name(
        &self,
        request: Request<NamePersonRequest>,
    ) -> Result<Response<NamePersonResponse>, Status> {
        let by = self.gate.admit(&request, "people/name", BODIES).await?;
        let outcome = self.name_as(&by, request.into_inner()).await;
        self.gate.answer("people/name", &by, outcome).await
    }

    async fn list(
        &self,
        request: Request<ListPeopleRequest>,
    ) -> Result<Response<ListPeopleResponse>, Status> {
        let by = self.gate.admit(&request, "people/list", BOTH).await?;
        let people = self.accounts.people(&by).into_iter().map(person).collect();
        Ok(Response::new(ListPeopleResponse { people }))
    }

    async fn invite(
        &self,
        request: Request<PersonRequest>,
    ) -> Result<Response<NamePersonResponse>, Status> {
        let by = self.gate.admit(&request, "people/invite", BODIES).await?;
        let person = identity(&request.into_inner().person);
        let outcome = async { self.accounts.invite(&by, &person?).await }.await;
        self.gate.answer("people/invite", &by, outcome.map(named)).await
    }

    async fn confirm(
        &self,
        request: Request<PersonRequest>,
    ) -> Result<Response<ActOnPersonResponse>, Status> {
        let by = self.gate.admit(&request, "people/confirm", BODIES).await?;
        let person = identity(&request.into_inner().person);
        let outcome = async { self.accounts.confirm(&by, &person?).await }.await;
        let outcome = outcome.map(|exchange| ActOnPersonResponse { exchange });
        self.gate.answer("people/confirm", &by, outcome).await
    }

    async fn revoke(
        &self,
        request: Request<PersonRequest>,
    ) -> Result<Response<ActOnPersonResponse>, Status> {
        let by = self.gate.admit(&request, "people/revoke", BOTH).await?;
        let person = identity(&request.into_inner().person);
        let outcome = async { self.accounts.revoke(&by, &person?).await }.await;
        let outcome = outcome.map(|exchange| ActOnPersonResponse { exchange });
        self.gate.answer("people/revoke", &by, outcome).await
    }

    async fn recover(
        &self,
        request: Request<PersonRequest>,
    ) -> Result<Response<RecoverResponse>, Status> {
        let by = self.gate.admit(&request, "people/recover", BOTH).await?;
        let person = identity(&request.into_inner().person);
        let outcome = async { self.accounts.recover(&by, &person?).await }.await;
        let outcome = outcome.map(|recovery| {
            let Recovery { code, expires, granted, exchange } = recovery;
            RecoverResponse { code, expires: expires.to_string(), granted, exchange }
        });
        self.gate.answer("people/recover", &by, outcome).await
    }
}

impl PeopleService {
    async fn name_as(
        &self,
        by: &Identity,
        request: NamePersonRequest,
    ) -> Result<NamePersonResponse, Problem> {
        let NamePersonRequest { role, name, body } = request;
        let wrong =
            |error: &dyn std::fmt::Display| Problem::new(Kind::Malformed, error.to_string());
        let role: Role = role.parse().map_err(|error| wrong(&error))?;
        let from = Some(body).filter(|body| !body.is_empty());
        let from = from.map(|body| body.parse()).transpose().map_err(|error| wrong(&error))?;
        self.accounts.name(by, role, &name, from).await.map(named)
    }
}

fn named(named: Named) -> NamePersonResponse {
    let Named { person, invitation, expires, exchange } = named;
    let (person, expires) = (person.to_string(), expires.to_string());
    NamePersonResponse { person, invitation, expires, exchange }
}

fn person(standing: Standing) -> Person {
    let Standing { person, name, state, account } = standing;
    let state = match state {
        State::Invited => PersonState::Invited,
        State::Active => PersonState::Active,
        State::Dormant => PersonState::Dormant,
        State::RecoveryAsked => PersonState::RecoveryAsked,
        State::Recovering => PersonState::Recovering,
        State::Locked => PersonState::Locked,
        State::Revoked => PersonState::Revoked,
    };
    let text = |at: Option<Timestamp>| at.map(|at| at.to_string()).unwrap_or_default();
    let tokens = account.tokens.into_iter().map(|(id, token)| PersonToken {
        id,
        scopes: token.scopes.iter().map(|scope| scope.as_str().to_owned()).collect(),
        expires: token.expires.to_string(),
    });
    Person {
        person: person.to_string(),
        name,
        state: state.into(),
        named: account.named.to_string(),
        last_sign_in: text(account.last_sign_in),
        tokens: tokens.collect(),
    }
}
