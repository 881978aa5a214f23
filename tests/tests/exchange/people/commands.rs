//! The commands of a body, of a person and of the operator, each a process of its own.

use std::io::{BufRead, BufReader, Write};

use birge_proto::clock::{Clock, SystemClock};

use super::*;
use crate::support::{start, types, wait_covered};

/// The time `steps` one-time passwords from now: each is good once, and one step to either side.
fn step(steps: i64) -> Timestamp {
    Timestamp::from_second(SystemClock.now().as_second() + steps * STEP).unwrap()
}

/// Makes an account the person's own by the command, with the password of the step before this.
/// Of what is typed in, `first` comes first.
fn activate(person: &mut Person, arguments: &[&str], first: &[&str]) {
    let mut child = start(&[&["account", "activate"], arguments].concat());
    let mut input = child.stdin.take().unwrap();
    let typed = first.iter().copied().chain([person.password.as_str()]);
    typed.for_each(|line| writeln!(input, "{line}").unwrap());
    let mut said = BufReader::new(child.stderr.take().unwrap()).lines();
    let secret = said.find_map(|line| line.unwrap().strip_prefix("secret ").map(str::to_owned));
    person.hold(&secret.unwrap()).unwrap();
    writeln!(input, "{}", person.code(step(-1))).unwrap();
    drop(input);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{:?}", said.collect::<Vec<_>>());
    assert!(String::from_utf8(output.stdout).unwrap().contains("is yours"));
}

#[test]
fn a_person_goes_from_invitation_to_figures_by_commands() {
    let exchange = Exchange::start().unwrap();
    let (mia, mfa) = (exchange.node("agency/MIA").unwrap(), exchange.node("agency/MFA").unwrap());
    block_on(submit(&exchange, &mia, &trafficking())).unwrap();
    let file = mfa.dir().join("invitation.json");
    let (file, dir) = (file.to_str().unwrap(), mfa.dir().join("desk"));
    let dir = dir.to_str().unwrap();
    let name = ["people", "name", "--role", "member", "--name", "Desk officer", "--out", file];
    let named = mfa.command(&name).unwrap().expect_code(0).unwrap().stdout;
    assert!(named.contains("account activate"), "{named}");
    mfa.command(&name).unwrap().expect_code(2).unwrap();
    let mut person = Person::invited(std::path::Path::new(file)).unwrap();

    activate(&mut person, &[file, "--dir", dir], &[]);
    let query = ["query", "TRAFFICKING", "--where", "SEX=_T,F,M", "--account", dir];
    let (code, _, error) = types(&query, &[]);
    assert_eq!(code, Some(1), "{error}");
    assert!(error.contains("not signed in"), "{error}");
    let (code, said, error) =
        types(&["account", "sign-in", "--dir", dir], &[&person.password, &person.code(step(0))]);
    assert_eq!(code, Some(0), "{said}{error}");
    let (code, said, error) = types(&query, &[]);
    assert_eq!(code, Some(0), "{error}");
    assert!(said.contains("article 6(1)"), "{said}");
    let (code, said, error) = types(&["versions", "TRAFFICKING", "--account", dir], &[]);
    assert_eq!((code, said.contains("current")), (Some(0), true), "{said}{error}");
    let (code, said, error) = types(&["obligations", "--account", dir], &[]);
    assert_eq!((code, said.contains("ASYLUM_ABROAD")), (Some(0), true), "{said}{error}");
    assert!(!said.contains("TRAFFICKING"), "of its own ministry: {said}");
    let (code, said, error) = types(
        &["account", "token", "--dir", dir, "--scope", "query,audit", "--days", "5"],
        &[&person.password, &person.code(step(1))],
    );
    assert_eq!(code, Some(0), "{error}");
    assert!(said.starts_with("birge_t_"), "{said}");
    let (_, said, _) = types(&["account", "show", "--dir", dir], &[]);
    let token = said.lines().find_map(|line| line.strip_prefix("token ")).unwrap().to_owned();
    let token = token.split(':').next().unwrap();
    let (code, ..) = types(&["account", "withdraw", token, "--dir", dir], &[]);
    assert_eq!(code, Some(0));
    let (code, _, error) = types(&["account", "withdraw", token, "--dir", dir], &[]);
    assert_eq!(code, Some(1), "{error}");
    let (code, ..) = types(&["account", "sign-out", "--dir", dir], &[]);
    assert_eq!(code, Some(0));
    assert_eq!(types(&query, &[]).0, Some(1), "signed out");
    let (code, _, error) = types(&["account", "sign-in", "--dir", dir], &[]);
    assert_eq!(code, Some(2), "{error}");

    let account = person.account.as_str();
    let list = mfa.command(&["people", "list"]).unwrap().expect_code(0).unwrap().stdout;
    assert!(list.contains(account) && list.contains("active"), "{list}");
    exchange.gateway(&["people", "revoke", account]).unwrap().expect_code(0).unwrap();
    let list = mfa.command(&["people", "list"]).unwrap().expect_code(0).unwrap().stdout;
    assert!(list.contains("revoked"), "{list}");
    let typed = [person.password.as_str(), &person.code(step(1))];
    let (code, _, error) = types(&["account", "sign-in", "--dir", dir], &typed);
    assert_eq!(code, Some(1), "{error}");
    assert!(error.contains("NOT_SIGNED_IN"), "{error}");
}

#[test]
fn an_auditor_reads_the_log_by_commands_and_has_its_account_recovered_by_two() {
    let exchange = Exchange::start().unwrap();
    let coa = exchange.node("auditor/COA").unwrap();
    let (file, dir) = (coa.dir().join("invitation.json"), coa.dir().join("desk"));
    let (file, dir) = (file.to_str().unwrap(), dir.to_str().unwrap());
    let name = ["people", "name", "--role", "auditor", "--name", "Auditor", "--out", file];
    coa.command(&name).unwrap().expect_code(0).unwrap();
    let mut person = Person::invited(std::path::Path::new(file)).unwrap();
    activate(&mut person, &[file, "--dir", dir], &[]);
    let sign_in = |person: &Person| {
        let typed = [person.password.as_str(), &person.code(step(0))];
        types(&["account", "sign-in", "--dir", dir], &typed)
    };
    let (code, said, error) = sign_in(&person);
    assert_eq!(code, Some(0), "{error}");
    let signed_in = said.trim().rsplit(' ').next().unwrap().parse::<u64>().unwrap();
    wait_covered(&exchange, signed_in);

    let account = person.account.clone();
    let records = ["audit", "records", "--account", dir];
    let (code, said, error) = types(&records, &[]);
    assert_eq!(code, Some(0), "{error}");
    assert!(said.contains("named") && said.contains(&account), "{said}");
    assert!(said.contains("each was proved under the checkpoint"), "{said}");
    let out = coa.dir().join("records.csv");
    let out = out.to_str().unwrap();
    let export = ["audit", "export", "--account", dir, "--format", "csv", "--out", out];
    let (code, _, error) = types(&export, &[]);
    assert_eq!(code, Some(0), "{error}");
    assert!(std::fs::read_to_string(out).unwrap().contains(&account));
    wait_covered(&exchange, signed_in + 1);
    let (code, said, error) = types(&records, &[]);
    assert_eq!(code, Some(0), "it continues what was seen: {error}");
    assert!(said.contains("records-read"), "the reading is on record: {said}");

    let recovery = coa.dir().join("recovery.json");
    let recovery = recovery.to_str().unwrap();
    let recover = ["people", "recover", account.as_str(), "--out", recovery];
    coa.command(&recover).unwrap().expect_code(0).unwrap();
    let operator = exchange.gateway(&["people", "recover", &account]).unwrap();
    let operator = operator.expect_code(0).unwrap().stdout;
    let half = operator.lines().next().unwrap();
    let (code, _, error) = types(&["account", "activate", recovery, "--dir", dir], &[]);
    assert_ne!(code, Some(0), "one half is not enough: {error}");
    person.password = String::from("another long enough password");
    activate(&mut person, &[recovery, "--recovery", "--dir", dir], &[half]);
    let (code, _, error) = types(&records, &[]);
    assert_eq!(code, Some(1), "the old session has ended: {error}");
    assert_eq!(sign_in(&person).0, Some(0));
    assert_eq!(types(&records, &[]).0, Some(0));
}
