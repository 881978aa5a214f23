//! What a command answers: text or JSON, and an exit code that scripts can rely on.

use std::{
    fmt,
    io::{self, Write},
    process::ExitCode,
};

use birge_proto::problem::{Kind, Problem};
use serde::Serialize;
use serde_json::{Value, json};

use crate::i18n::{self, Language};

/// How a command ended, as its exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Done.
    Done = 0,
    /// Refused, or found wrong.
    Refused = 1,
    /// Called wrongly.
    Usage = 2,
    /// The gateway, or a source, could not be reached.
    Unreachable = 3,
    /// A fault of the node or of its machine.
    Internal = 4,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// In which form answers are printed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Output {
    /// For people.
    #[default]
    Text,
    /// For programs: one JSON object.
    Json,
}

/// A command's answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Reply {
    /// How it ended.
    pub exit: Exit,
    /// For people, to standard output.
    pub text: String,
    /// For people, to standard error: what would spoil a file that output is sent to.
    pub aside: String,
    /// For programs.
    pub json: Value,
}

impl Reply {
    /// An answer that reads as `answer` displays and serializes.
    ///
    /// # Errors
    /// When `answer` cannot be put into JSON.
    pub fn new(exit: Exit, answer: &(impl Serialize + fmt::Display)) -> Result<Self, Failure> {
        let json = serde_json::to_value(answer).map_err(anyhow::Error::from)?;
        Ok(Self { exit, text: answer.to_string(), aside: String::new(), json })
    }

    /// Prints the answer; says how the command ended then. Whoever reads only a part of it may
    /// close the pipe.
    pub fn print(&self, output: Output) -> Exit {
        let mut out = io::stdout().lock();
        let printed = match output {
            Output::Text if self.text.is_empty() => Ok(()),
            Output::Text => writeln!(out, "{}", self.text.trim_end()),
            // Null where the answer itself went to standard output.
            Output::Json if self.json.is_null() => Ok(()),
            Output::Json => writeln!(out, "{:#}", self.json),
        };
        let printed = printed.and_then(|()| out.flush());
        if output == Output::Text && !self.aside.is_empty() {
            let _ = writeln!(io::stderr(), "{}", self.aside.trim_end()); // nobody is left to tell
        }
        match printed {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                let _ = writeln!(io::stderr(), "cannot write the answer: {error}");
                Exit::Internal
            }
            _ => self.exit,
        }
    }
}

/// Why a command did not come to an answer. Every message says what to do next.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// Called wrongly.
    #[error("{0}")]
    Usage(String),
    /// Something is not as it must be: a file, a key, a receipt, the log.
    #[error("{0}")]
    Wrong(String),
    /// What the gateway shows of the log contradicts what it signed.
    #[error("{0}")]
    Disproved(String),
    /// The gateway refused.
    #[error("{0}")]
    Refused(Box<Problem>),
    /// The gateway, or a source, could not be reached.
    #[error("{0}")]
    Unreachable(String),
    /// A fault of the node or of its machine.
    #[error("{0:#}")]
    Internal(#[from] anyhow::Error),
}

impl Failure {
    /// The exit code.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self {
            Self::Usage(_) => Exit::Usage,
            Self::Wrong(_) | Self::Disproved(_) | Self::Refused(_) => Exit::Refused,
            Self::Unreachable(_) => Exit::Unreachable,
            Self::Internal(_) => Exit::Internal,
        }
    }

    /// The failure as an answer: text goes to standard error.
    #[must_use]
    pub fn reply(&self) -> Reply {
        let (aside, json) = match self {
            Self::Refused(problem) => (describe(problem, Language::En), problem_json(problem)),
            other => (other.to_string(), json!({ "problem": { "detail": other.to_string() } })),
        };
        Reply { exit: self.exit(), text: String::new(), aside, json }
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        match problem.kind {
            // The gateway was reached, and says itself what to do.
            Kind::Unavailable if !problem.hints.is_empty() => Self::Unreachable(format!(
                "the gateway does not serve this now: {}\nnext: {}",
                problem.detail,
                problem.hints.join("; ")
            )),
            Kind::Unavailable => Self::Unreachable(format!(
                "the gateway cannot be reached: {}\nnext: check the address in node.toml and the \
                 network, then try again",
                problem.detail
            )),
            _ => Self::Refused(Box::new(problem)),
        }
    }
}

/// A problem in words: what, under which articles, what to do next. The detail is as whoever
/// refused said it.
#[must_use]
pub fn describe(problem: &Problem, language: Language) -> String {
    let texts = i18n::SOURCES.texts(language);
    let (code, detail) = (problem.kind.code(), &*problem.detail);
    let title = texts.say(&format!("problem-{code}"));
    let told = [("code", code), ("title", &title), ("detail", detail)];
    let mut lines = vec![texts.tell("refusal-what", &told)];
    if !problem.articles.is_empty() {
        let articles = problem.articles.join(", ");
        lines.push(texts.tell("refusal-article", &[("articles", &articles)]));
    }
    if let Some(exchange) = problem.exchange {
        let exchange = exchange.to_string();
        lines.push(texts.tell("refusal-recorded", &[("exchange", &exchange)]));
    }
    lines.extend(problem.hints.iter().map(|hint| texts.tell("text-next", &[("what", hint)])));
    lines.join("\n")
}

/// A problem for programs, as RFC 9457 has it.
#[must_use]
pub fn problem_json(problem: &Problem) -> Value {
    json!({ "problem": problem.to_json() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_tells_its_article_and_what_to_do() {
        let problem = Problem::new(Kind::NotPermitted, "REF_AREA is not given to MFA")
            .under(["6(5)".to_owned()])
            .hint("ask by SEX")
            .recorded_as(9);
        let reply = Failure::from(problem).reply();
        assert_eq!(reply.exit, Exit::Refused);
        for part in ["NOT_PERMITTED", "6(5)", "ask by SEX", "exchange 9"] {
            assert!(reply.aside.contains(part), "{}", reply.aside);
        }
        assert_eq!(reply.json["problem"]["exchange"], 9);
    }

    #[test]
    fn every_problem_is_told_in_every_language() {
        for kind in Kind::ALL {
            let problem = Problem::new(*kind, "x").under(["6(5)".to_owned()]).hint("y");
            let english = describe(&problem, Language::En);
            assert!(english.contains(&problem.to_string()), "{english}");
            for language in Language::ALL.into_iter().skip(1) {
                let said = describe(&problem, language);
                assert!(!said.contains("problem-") && !said.contains(kind.title()), "{said}");
                assert!(!said.contains("refused") && !said.contains("next:"), "{said}");
            }
        }
    }

    #[test]
    fn a_gateway_that_is_away_is_no_refusal() {
        let failure = Failure::from(Problem::new(Kind::Unavailable, "connection refused"));
        assert_eq!(failure.exit(), Exit::Unreachable);
    }
}
