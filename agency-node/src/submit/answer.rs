//! What `submit` answers.

use birge_proto::{manifest::BatchId, problem::Problem, record::Outcome, wire};
use birge_schemas::finding::Report;
use serde_json::{Value, json};

use crate::{
    i18n::{self, Language, Texts},
    node::Node,
    outbox::receipts::{self, Filed},
    output::{self, Exit, Reply},
    report,
    source::Lines,
};

/// What is answered when a batch is accepted. `before`: the same was handed in before, and nothing
/// was sent now.
pub(super) fn accepted(node: &Node, filed: &Filed, report: &Report, before: bool) -> Reply {
    let path = receipts::path(&node.home, filed.batch);
    let outcome = match filed.outcome {
        Outcome::Success => "success",
        Outcome::Warning => "warning",
        Outcome::Error => "error",
    };
    let counts = filed.counts;
    let counts = wire::Counts {
        imported: counts.imported,
        updated: counts.updated,
        unchanged: counts.unchanged,
        deleted: counts.deleted,
        ignored: counts.ignored,
    };
    let lines = Lines::default();
    let json = json!({
        "batch": filed.batch,
        "outcome": outcome,
        "handedInBefore": before,
        "exchange": filed.exchange,
        "grade": filed.grade,
        "cosigned": filed.cosigned,
        "counts": counts_json(counts),
        "report": report::json(report, &lines),
        "receipt": path,
    });
    let texts = i18n::SOURCES.texts(node.config.language);
    let found = match before {
        true => texts.say("submit-before"),
        false => report::text(report, &lines, node.config.language),
    };
    let accepted = [
        ("outcome", &*texts.say(&format!("outcome-{outcome}"))),
        ("exchange", &*filed.exchange.to_string()),
        ("counts", &*counts_text(counts, &texts)),
    ];
    let receipt = [("grade", &*graded(filed, &texts)), ("path", &*path.display().to_string())];
    let text = [
        found,
        texts.tell("submit-accepted", &accepted),
        texts.tell("text-batch", &[("batch", &filed.batch.to_string())]),
        texts.tell("submit-receipt", &receipt),
    ];
    Reply { exit: Exit::Done, text: text.join("\n"), aside: String::new(), json }
}

/// What is answered when a batch waits for approval.
pub(super) fn prepared(node: &Node, batch: BatchId) -> Reply {
    let texts = i18n::SOURCES.texts(node.config.language);
    let name = batch.to_string();
    let text = [
        texts.tell("submit-prepared", &[("batch", &name)]),
        texts.tell("text-next", &[("what", &texts.tell("submit-approve", &[("batch", &name)]))]),
    ];
    let json = json!({ "prepared": batch });
    Reply { exit: Exit::Done, text: text.join("\n"), aside: String::new(), json }
}

/// The grade of a receipt, and who makes it.
fn graded(filed: &Filed, texts: &Texts) -> String {
    let grade = texts.say(&format!("grade-{}", filed.grade));
    match filed.cosigned.as_slice() {
        [] => grade,
        names => {
            let told = [("grade", &*grade), ("names", &*names.join(", "))];
            texts.tell("submit-cosigned", &told)
        }
    }
}

/// What is answered to a refusal.
pub(super) fn refused(problem: &Problem, found: &Report, language: Language) -> Reply {
    let (lines, texts) = (Lines::default(), i18n::SOURCES.texts(language));
    let mut json = output::problem_json(problem);
    json["report"] = report::json(found, &lines);
    let next = texts.say(if found.errors == 0 { "submit-refused" } else { "submit-mend" });
    let text = [
        report::text(found, &lines, language),
        output::describe(problem, language),
        texts.tell("text-next", &[("what", &next)]),
    ];
    Reply { exit: Exit::Refused, text: text.join("\n"), aside: String::new(), json }
}

/// The counts of a batch in words.
pub(super) fn counts_text(counts: wire::Counts, texts: &Texts) -> String {
    let wire::Counts { imported, updated, unchanged, deleted, ignored } = counts;
    let counts = [imported, updated, unchanged, deleted, ignored].map(|count| count.to_string());
    let names = ["imported", "updated", "unchanged", "deleted", "ignored"];
    let told: Vec<_> = names.into_iter().zip(counts.iter().map(String::as_str)).collect();
    texts.tell("submit-counts", &told)
}

/// The counts of a batch for programs.
pub(super) fn counts_json(counts: wire::Counts) -> Value {
    let wire::Counts { imported, updated, unchanged, deleted, ignored } = counts;
    json!({
        "imported": imported, "updated": updated, "unchanged": unchanged,
        "deleted": deleted, "ignored": ignored,
    })
}
