//! The commands of a body, of a person and of the operator, each a process of its own.

use std::{
    io::{BufRead, BufReader, Write},
    process::{Child, Command, Stdio},
};

use birge_proto::clock::{Clock, SystemClock};
use birge_tests::binaries::binaries;

use super::*;

/// A command of a person, who types in lines.
fn types(arguments: &[&str], lines: &[&str]) -> (Option<i32>, String, String) {
    let mut child = start(arguments);
    let mut input = child.stdin.take().unwrap();
    input.write_all((lines.join("\n") + "\n").as_bytes()).unwrap();
    drop(input);
    let output = child.wait_with_output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

fn start(arguments: &[&str]) -> Child {
    let mut command = Command::new(&binaries().unwrap().node);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().unwrap()
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

    // A one-time password is good once, and one step to either side of now.
    let step = |steps: i64| {
        let now = SystemClock.now().as_second() + steps * STEP;
        Timestamp::from_second(now).unwrap()
    };
    let mut child = start(&["account", "activate", file, "--dir", dir]);
    let mut said = BufReader::new(child.stderr.take().unwrap()).lines();
    let secret = said.find_map(|line| line.unwrap().strip_prefix("secret ").map(str::to_owned));
    person.hold(&secret.unwrap()).unwrap();
    let mut input = child.stdin.take().unwrap();
    let first = person.code(step(-1));
    writeln!(input, "{}\n{first}", person.password).unwrap();
    drop(input);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{:?}", said.collect::<Vec<_>>());
    assert!(String::from_utf8(output.stdout).unwrap().contains("is yours"));

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
