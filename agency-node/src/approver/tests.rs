use std::{fs, path::Path};

use birge_proto::envelope::SigningKey;

use super::*;
use crate::handin::tests::node;

fn ground(text: &str) -> Ground {
    Ground { ground: text.into(), key: None }
}

fn name(node: &Node, office: &str, key: &SigningKey) -> Result<Reply, Failure> {
    let (office, public_key) = (office.to_owned(), key.verifying_key());
    approver(node, Approver::Name { office, public_key, ground: ground("order 12") })
}

fn end(node: &Node, key: &SigningKey) -> Result<Reply, Failure> {
    let public_key = hex::encode(&key.verifying_key().0[..6]);
    approver(node, Approver::End { public_key, ground: ground("order 13") })
}

fn lines(node: &Node) -> Vec<String> {
    let text = fs::read_to_string(node.home.join("approvers.jsonl")).unwrap();
    text.lines().map(str::to_owned).collect()
}

fn put(node: &Node, lines: &[String]) -> Failure {
    fs::write(node.home.join("approvers.jsonl"), lines.join("\n") + "\n").unwrap();
    Register::load(&node.home).unwrap_err()
}

#[test]
fn approvers_come_and_go_and_the_register_keeps_who_could_when() {
    let folder = tempfile::tempdir().unwrap();
    let node = node(&folder.path().join("mia"));
    let [head, next] = [(); 2].map(|()| SigningKey::generate().unwrap());
    let told = name(&node, "head", &head).unwrap().text;
    assert!(told.contains("required = true"), "{told}");
    assert!(name(&node, "head", &head).is_err(), "twice");
    assert!(name(&node, " ", &next).is_err(), "of no office");
    name(&node, "deputy", &next).unwrap();
    end(&node, &head).unwrap();
    assert!(end(&node, &head).is_err(), "it may no longer");
    let register = Register::load(&node.home).unwrap();
    let of = |key: &SigningKey| register.current(&hex::encode(key.verifying_key().0));
    assert_eq!((of(&head), of(&next)), (None, Some("deputy")));
    assert_eq!(register.entries.len(), 3);
    name(&node, "head again", &head).unwrap();
    assert_eq!(Register::load(&node.home).unwrap().approvers().len(), 2);
    let told = approver(&node, Approver::List).unwrap().text;
    assert!(told.contains("approves no more (order 13; signed by the node)"), "{told}");
}

#[test]
fn an_approver_signs_who_comes_next() {
    let folder = tempfile::tempdir().unwrap();
    let node = node(&folder.path().join("mia"));
    let [head, next, stranger] = [(); 3].map(|()| SigningKey::generate().unwrap());
    name(&node, "head", &head).unwrap();
    let mut register = Register::load(&node.home).unwrap();
    let now = node.clock.now();
    let key = next.verifying_key();
    register.add(&node.home, Act::Named, ("deputy", &key), "order", (&head, now)).unwrap();
    assert_eq!(Register::load(&node.home).unwrap().approvers().len(), 2);
    let key = stranger.verifying_key();
    register.add(&node.home, Act::Named, ("nobody", &key), "none", (&stranger, now)).unwrap();
    let failure = Register::load(&node.home).unwrap_err().to_string();
    assert!(failure.contains("was no approver then") && failure.contains("line 3"), "{failure}");
}

#[test]
fn a_register_that_was_changed_is_not_believed() {
    let folder = tempfile::tempdir().unwrap();
    let node = node(&folder.path().join("mia"));
    let [head, next] = [(); 2].map(|()| SigningKey::generate().unwrap());
    name(&node, "head", &head).unwrap();
    name(&node, "deputy", &next).unwrap();
    let before = lines(&node);
    assert!(put(&node, &before[1..]).to_string().contains("missing or was changed"));
    let renamed = [before[0].replace("head", "minister"), before[1].clone()];
    assert!(put(&node, &renamed).to_string().contains("line 1"));
    assert!(put(&node, &[before[0].clone(), "{}".into()]).to_string().contains("line 2"));
}

#[test]
fn a_key_is_made_with_an_office_and_never_over_another() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("head.key");
    assert!(make(" ", &file).is_err());
    fs::write(&file, "mine").unwrap();
    assert!(make("head", &file).unwrap_err().to_string().contains("never written over"));
    assert_eq!(fs::read_to_string(Path::new(&file)).unwrap(), "mine");
}
