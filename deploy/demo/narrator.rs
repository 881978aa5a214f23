//! How the demonstration speaks.

use anyhow::{Result, ensure};
use birge_tests::{exchange::Exchange, node::Node, process::Output};

/// Prints chapters, commands and what they answered.
#[derive(Debug, Default)]
pub(crate) struct Narrator {
    chapters: usize,
}

impl Narrator {
    /// Begins a chapter.
    pub(crate) fn chapter(&mut self, title: &str) {
        self.chapters += 1;
        println!("\n{}. {title}", self.chapters);
    }

    /// Says something.
    #[allow(clippy::unused_self, reason = "only the narrator speaks")]
    pub(crate) fn say(&self, text: &str) {
        for line in text.trim_end().lines() {
            println!("   {line}");
        }
    }

    /// Runs a command of a node, shown as a person would type it, and prints its answer.
    /// It must end with `code` and name all of `expected`.
    pub(crate) fn ask(
        &self,
        node: &Node,
        arguments: &[&str],
        code: i32,
        expected: &[&str],
    ) -> Result<Output> {
        self.say(&format!("[{}] $ agency-node {}", node.identity(), arguments.join(" ")));
        self.answer(node.command(arguments)?.expect_code(code)?, expected)
    }

    /// Runs a command of the gateway's, as [`ask`](Self::ask) does one of a node.
    pub(crate) fn ask_gateway(
        &self,
        exchange: &Exchange,
        arguments: &[&str],
        code: i32,
        expected: &[&str],
    ) -> Result<Output> {
        self.say(&format!("[operator] $ gateway {}", arguments.join(" ")));
        self.answer(exchange.gateway(arguments)?.expect_code(code)?, expected)
    }

    /// Prints an answer, which must name all of `expected`.
    fn answer(&self, output: Output, expected: &[&str]) -> Result<Output> {
        let said = format!("{}{}", output.stdout, output.stderr);
        self.say(&said);
        for text in expected {
            ensure!(said.contains(text), "the answer does not name {text:?}");
        }
        Ok(output)
    }
}
