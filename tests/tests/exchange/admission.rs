//! Nobody unknown gets in (promise 11).

use std::{
    io::{Read, Write},
    net::TcpStream,
    process::Command,
};

use birge_proto::{
    problem::{Kind, Problem},
    wire::{EnrolRequest, ListDatasetsRequest},
};
use birge_tests::{
    authority::{Authority, Years},
    client::{Client, Credentials},
    exchange::Exchange,
    process::Process,
    template::not_tried,
};

use crate::support::{self, block_on, kind, trafficking};

const NOW: Years = Years(2024, 2124);
const MIA: &str = "spiffe://birge.example/agency/MIA";

/// May somebody with these credentials list the datasets? The error where not.
async fn list(exchange: &Exchange, credentials: &Credentials) -> Result<usize, String> {
    let client = Client::connect(exchange.address(), credentials).await;
    let client = client.map_err(|error| format!("{error:#}"))?;
    let answer = client.query().list_datasets(ListDatasetsRequest {}).await;
    let answer = answer.map_err(|status| format!("{:?}", Problem::from_status(&status).kind))?;
    Ok(answer.into_inner().datasets.len())
}

#[test]
fn only_certificates_of_the_authority_that_are_enrolled_count() {
    let exchange = Exchange::start().unwrap();
    let mia = exchange.node("agency/MIA").unwrap();
    let own = Credentials::of(&mia).unwrap();
    let keys = exchange.home().join("keys");
    let foreign = Authority::foreign().unwrap();
    let stolen = Authority::stolen(&keys.join("ca.crt"), &keys.join("ca.key")).unwrap();
    let by_foreign = |uris: &[&str]| foreign.issue(&own, uris, NOW).unwrap();
    let by_stolen = |uris: &[&str], years| stolen.issue(&own, uris, years).unwrap();
    let refused = [
        ("no certificate", own.anonymous()),
        ("an unknown authority", by_foreign(&[MIA])),
        ("expired", by_stolen(&[MIA], Years(2020, 2021))),
        ("not yet good", by_stolen(&[MIA], Years(2120, 2121))),
        ("no name", by_stolen(&[], NOW)),
        ("two names", by_stolen(&[MIA, "spiffe://birge.example/agency/NSC"], NOW)),
        ("another trust domain", by_stolen(&["spiffe://else.example/agency/MIA"], NOW)),
        ("an agency never enrolled", by_stolen(&["spiffe://birge.example/agency/SBS"], NOW)),
        ("no such role", by_stolen(&["spiffe://birge.example/king/MIA"], NOW)),
    ];
    block_on(async {
        assert_eq!(list(&exchange, &own).await, Ok(7));
        for (what, credentials) in refused {
            assert!(list(&exchange, &credentials).await.is_err(), "{what} was let in");
        }
        assert_eq!(list(&exchange, &own).await, Ok(7), "an honest node still gets in");
    });
}

/// Whoever is enrolled cannot take all of the gateway's descriptors.
#[test]
fn one_participant_has_so_many_connections_and_leaves_others_theirs() {
    let exchange = Exchange::start().unwrap();
    let [mia, nsc] = ["agency/MIA", "agency/NSC"]
        .map(|who| Credentials::of(&exchange.node(who).unwrap()).unwrap());
    block_on(async {
        let mut open = Vec::new();
        for number in 0..64 {
            let client = Client::connect(exchange.address(), &mia).await.unwrap();
            let answer = client.query().list_datasets(ListDatasetsRequest {}).await;
            assert!(answer.is_ok(), "connection {number}");
            open.push(client);
        }
        assert!(list(&exchange, &mia).await.is_err(), "one more");
        assert_eq!(list(&exchange, &nsc).await, Ok(7));
        drop(open);
        while list(&exchange, &mia).await.is_err() {
            tokio::task::yield_now().await;
        }
    });
}

#[test]
fn revocation_takes_effect_without_a_restart_also_on_open_connections() {
    let exchange = Exchange::start().unwrap();
    let mia = exchange.node("agency/MIA").unwrap();
    block_on(async {
        let open = Client::of(&mia, exchange.address()).await.unwrap();
        open.query().list_datasets(ListDatasetsRequest {}).await.unwrap();
        let revoke = ["revoke", "agency/MIA", "--reason", "key lost"];
        exchange.gateway(&revoke).unwrap().expect_code(0).unwrap();
        assert!(open.query().list_datasets(ListDatasetsRequest {}).await.is_err());
        assert!(list(&exchange, &Credentials::of(&mia).unwrap()).await.is_err());
    });
    let status = mia.command(&["submit", "nothing.csv"]).unwrap();
    assert_ne!(status.code, Some(0), "a revoked node was served");
}

#[test]
fn revocation_outlives_a_restart() {
    let mut exchange = Exchange::start().unwrap();
    let mia = exchange.node("agency/MIA").unwrap();
    let revoke = ["revoke", "agency/MIA", "--reason", "key lost"];
    exchange.gateway(&revoke).unwrap().expect_code(0).unwrap();
    exchange.kill().unwrap();
    exchange.serve().unwrap();
    let refused = block_on(list(&exchange, &Credentials::of(&mia).unwrap()));
    assert!(refused.is_err(), "a revoked node was served after a restart");
}

#[test]
fn a_certificate_speaks_for_its_own_agency_only() {
    let exchange = Exchange::start().unwrap();
    let (mia, mfa) = (exchange.node("agency/MIA").unwrap(), exchange.node("agency/MFA").unwrap());
    block_on(async {
        let as_mfa = Client::of(&mfa, exchange.address()).await.unwrap();
        let signed_by_mia = support::signed(&trafficking(), &mia);
        let refusal = kind(as_mfa.submit(signed_by_mia.parts()).await);
        assert!([Kind::BadSignature, Kind::NotPermitted].contains(&refusal), "{refusal:?}");

        let mut own_name = trafficking();
        own_name.manifest.agency = "MFA".parse().unwrap();
        let refusal = as_mfa.submit(support::signed(&own_name, &mfa).parts()).await.unwrap_err();
        assert_eq!(refusal.kind, Kind::NotPermitted, "MFA has no mandate for TRAFFICKING");
        assert!(refusal.articles.contains(&"4(1)".to_owned()), "{refusal:?}");
    });
}

#[test]
fn only_the_operator_administers() {
    let exchange = Exchange::start().unwrap();
    let mia = exchange.node("agency/MIA").unwrap();
    let request = EnrolRequest {
        csr: "nonsense".into(),
        identity: "agency/SBS".into(),
        signing_key: vec![],
        ..EnrolRequest::default()
    };
    block_on(async {
        let client = Client::of(&mia, exchange.address()).await.unwrap();
        let status = client.admin().enrol(request).await.unwrap_err();
        assert_eq!(Problem::from_status(&status).kind, Kind::WrongRole);
    });
}

#[test]
fn plaintext_is_not_answered() {
    let exchange = Exchange::start().unwrap();
    let mut stream = TcpStream::connect(exchange.address()).unwrap();
    stream.set_read_timeout(Some(birge_tests::PATIENCE)).unwrap();
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").unwrap();
    let mut answer = Vec::new();
    // A TLS alert, or a connection closed or reset: never HTTP.
    let _ = stream.read_to_end(&mut answer);
    assert!(answer.len() < 64 && !answer.starts_with(b"HTTP"), "{answer:?}");
    let mia = exchange.node("agency/MIA").unwrap();
    assert_eq!(block_on(list(&exchange, &Credentials::of(&mia).unwrap())), Ok(7));
}

#[test]
fn tls_before_1_3_is_not_spoken() {
    let exchange = Exchange::start().unwrap();
    let address = exchange.address().to_string();
    let try_version = |version| {
        let mut command = Command::new("openssl");
        command.args(["s_client", "-connect", &address, version]);
        Process::spawn("openssl", &mut command)?.wait_end()
    };
    let Ok(modern) = try_version("-tls1_3") else {
        return not_tried("TLS 1.2 (openssl is not installed)");
    };
    assert!(modern.stdout.contains("New, TLSv1.3"), "{modern:?}");
    let outdated = try_version("-tls1_2").unwrap();
    assert!(!outdated.stdout.contains("New, TLSv1.2"), "{outdated:?}");
}
