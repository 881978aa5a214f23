//! Tokens for scripts: until when they are good, and for what.

use birge_proto::{problem::Problem, wire::HoldRequest};
use serde_json::json;

use super::*;

#[test]
fn a_token_that_is_expired_withdrawn_or_of_a_revoked_member_is_refused_and_recorded() {
    block_on(async {
        let scene = Scene::new().await;
        let member = scene.person(&scene.mfa, "member", "Desk officer", &[]).await;
        let session = scene.sign_in(&member).await;
        let mut tokens = vec![];
        for days in [1, 30, 30] {
            let now = scene.next();
            tokens.push(member.token(&scene.door, &session, &["query"], days, now).await.unwrap());
        }
        let whole = || request("MIG_STOCK", &[]);
        let refused = async |token: &str| {
            let problem = scene.door.ask(token, whole()).await.unwrap_err();
            assert_eq!(problem.kind, Kind::NotSignedIn);
            let expected = (member.account.clone(), "NOT_SIGNED_IN".to_owned());
            assert_eq!(scene.refusal(problem.exchange).await, expected);
        };
        for (_, token) in &tokens {
            scene.door.ask(token, whole()).await.unwrap();
        }
        let withdrawn = format!("/v1/tokens/{}", tokens[1].0);
        let told = scene.door.present(&session, "DELETE", &withdrawn, &Value::Null).await.unwrap();
        assert_eq!(told.status, 200);
        refused(&tokens[1].1).await;
        scene.after(DAY);
        refused(&tokens[0].1).await;
        scene.door.ask(&tokens[2].1, whole()).await.unwrap();
        scene.mfa.command(&["people", "revoke", &member.account]).unwrap().expect_code(0).unwrap();
        refused(&tokens[2].1).await;
        refused(&tokens[2].1).await;
        // That is recorded a few times, and then in sums: it fills no log.
        let over = async {
            while scene.door.ask(&tokens[2].1, whole()).await.unwrap_err().kind != Kind::OverQuota {
            }
        };
        tokio::time::timeout(birge_tests::PATIENCE, over).await.expect("it is put off");
        let told = member.try_sign_in(&scene.door, scene.next()).await.unwrap();
        assert_eq!(told.status, 401);
        // For ever: not even its body brings it back.
        scene.mfa.command(&["people", "confirm", &member.account]).unwrap().expect_code(1).unwrap();
        scene.gateway.stop().await;
    });
}

#[test]
fn a_token_places_and_lifts_no_hold() {
    block_on(async {
        let scene = Scene::new().await;
        let auditor = scene.person(&scene.auditor, "auditor", "Lead auditor", &[]).await;
        let session = scene.sign_in(&auditor).await;
        let (_, token) =
            auditor.token(&scene.door, &session, &["audit"], 1, scene.next()).await.unwrap();
        let client = scene.door.connect().await.unwrap();
        let hold = |bearer: &str| {
            let hold = HoldRequest { name: "inquiry".into(), ..HoldRequest::default() };
            let mut hold = tonic::Request::new(hold);
            hold.metadata_mut()
                .insert("authorization", format!("Bearer {bearer}").parse().unwrap());
            hold
        };
        let refused = client.audit().hold(hold(&token)).await.unwrap_err();
        assert_eq!(Problem::from_status(&refused).kind, Kind::WrongRole);
        client.audit().hold(hold(&session)).await.unwrap();
        scene.gateway.stop().await;
    });
}

#[test]
fn a_token_is_good_for_its_scope_and_for_no_account() {
    block_on(async {
        let scene = Scene::new().await;
        let member = scene.person(&scene.mfa, "member", "Desk officer", &[]).await;
        let session = scene.sign_in(&member).await;
        let (_, token) =
            member.token(&scene.door, &session, &["audit"], 1, scene.next()).await.unwrap();
        let problem = scene.door.ask(&token, request("MIG_STOCK", &[])).await.unwrap_err();
        assert_eq!(problem.kind, Kind::WrongRole);
        assert_eq!(scene.refusal(problem.exchange).await.0, member.account);
        assert!(scene.door.records(&token).await.is_ok());
        let more = json!({ "password": member.password, "code": member.code(scene.next()),
            "scopes": ["query"], "days": 1 });
        let told = scene.door.present(&token, "POST", "/v1/tokens", &more).await.unwrap();
        assert_eq!(told.status, 403);
        assert_eq!(scene.refusal(told.problem().unwrap().exchange).await.0, member.account);
        for (scopes, days) in [(json!([]), 1), (json!(["query"]), 0), (json!(["query"]), 9_999)] {
            let body = json!({ "password": member.password, "code": member.code(scene.next()),
                "scopes": scopes, "days": days });
            let told = scene.door.present(&session, "POST", "/v1/tokens", &body).await.unwrap();
            assert_eq!(told.status, 400, "{told:?}");
        }
        scene.gateway.stop().await;
    });
}
