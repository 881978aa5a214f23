//! Everything but the journal can be rebuilt from it (promise 6).

use std::fs;

use birge_tests::{
    answer::{Answer, request},
    client::Client,
    exchange::{Exchange, copy},
    node::Node,
    watch,
};

use crate::support::{block_on, stop_and_verify, submit, trafficking, year};

struct Scene {
    exchange: Exchange,
    nodes: [Node; 3],
}

impl Scene {
    /// An exchange that holds figures, revised once, and was asked before.
    fn new() -> Self {
        let exchange = Exchange::start().unwrap();
        let nodes = ["agency/MIA", "agency/MFA", "agency/NSC"];
        let nodes = nodes.map(|identity| exchange.node(identity).unwrap());
        let scene = Self { exchange, nodes };
        block_on(async {
            submit(&scene.exchange, &scene.nodes[0], &trafficking()).await.unwrap();
            submit(&scene.exchange, &scene.nodes[2], &year(2024, 100)).await.unwrap();
        });
        scene
    }

    /// What three agencies are answered: cells, batches, articles.
    fn answers(&self) -> Vec<impl PartialEq + std::fmt::Debug + use<>> {
        block_on(async {
            let mut answers = Vec::new();
            for node in &self.nodes {
                let client = Client::of(node, self.exchange.address()).await.unwrap();
                for dataset in ["TRAFFICKING", "MIG_STOCK"] {
                    let answer: Answer = client.ask(request(dataset, &[])).await.unwrap();
                    answers.push(answer.content());
                }
            }
            answers
        })
    }

    /// Origin, size and root of the newest checkpoint; signatures may be newer.
    fn root(&self) -> Vec<String> {
        let note = fs::read_to_string(self.exchange.ledger().join("checkpoint")).unwrap();
        note.lines().take(3).map(str::to_owned).collect()
    }
}

#[test]
fn index_and_tiles_rebuilt_give_the_same_root_and_the_same_answers() {
    let mut scene = Scene::new();
    let answers = scene.answers();
    scene.exchange.stop().unwrap().expect_code(0).unwrap();
    let root = scene.root();
    fs::remove_dir_all(scene.exchange.index()).unwrap();
    fs::remove_dir_all(scene.exchange.ledger().join("tile")).unwrap();
    scene.exchange.gateway(&["rebuild"]).unwrap().expect_code(0).unwrap();
    assert_eq!(scene.root(), root);
    scene.exchange.gateway(&["verify"]).unwrap().expect_code(0).unwrap();
    scene.exchange.serve().unwrap();
    assert_eq!(scene.answers(), answers);
    stop_and_verify(&mut scene.exchange);
}

#[test]
fn a_lost_index_is_rebuilt_on_start() {
    let mut scene = Scene::new();
    let answers = scene.answers();
    scene.exchange.kill().unwrap();
    fs::remove_dir_all(scene.exchange.index()).unwrap();
    scene.exchange.serve().unwrap();
    assert_eq!(scene.answers(), answers);
    stop_and_verify(&mut scene.exchange);
}

#[test]
fn a_corrupted_index_is_moved_aside_and_rebuilt_on_start() {
    let mut scene = Scene::new();
    let answers = scene.answers();
    scene.exchange.stop().unwrap().expect_code(0).unwrap();
    for file in watch::files_below(&scene.exchange.index()) {
        let length = fs::metadata(&file).unwrap().len() as usize;
        fs::write(&file, vec![0xa5; length]).unwrap();
    }
    scene.exchange.serve().unwrap();
    assert_eq!(scene.answers(), answers);
    stop_and_verify(&mut scene.exchange);
}

#[test]
fn an_index_that_lies_about_a_figure_is_not_believed_after_a_rebuild() {
    let mut scene = Scene::new();
    let answers = scene.answers();
    scene.exchange.stop().unwrap().expect_code(0).unwrap();
    let other = Scene::new();
    let answered_elsewhere = other.exchange.index();
    fs::remove_dir_all(scene.exchange.index()).unwrap();
    copy(&answered_elsewhere, &scene.exchange.index()).unwrap();
    scene.exchange.gateway(&["rebuild"]).unwrap().expect_code(0).unwrap();
    scene.exchange.serve().unwrap();
    assert_eq!(scene.answers(), answers);
}
