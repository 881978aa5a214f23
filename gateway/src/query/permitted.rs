//! What the decree permits of a question, and how that is said.

use std::collections::BTreeSet;

use birge_proto::{
    clock::Timestamp,
    problem::{Kind, Problem},
};
use birge_schemas::detail::Detail;

use super::{Moment, Selection};
use crate::{
    catalog::Seen,
    decree::{self, Narrowed, Refusal},
};

/// What of a question is permitted.
pub(super) struct Permitted {
    pub(super) public: BTreeSet<Detail>,
    pub(super) early: BTreeSet<Detail>,
    pub(super) seen: Seen,
    pub(super) articles: Vec<String>,
    pub(super) narrowed: Vec<String>,
}

/// What the decree permits of a question: of figures that are public, and of others.
///
/// # Errors
/// The refusal, and whether it is of figures that are public.
pub(super) fn permitted(
    moment: &Moment,
    selection: &Selection,
    as_of: Option<Timestamp>,
) -> Result<Permitted, (Refusal, bool)> {
    let named = selection.named();
    match (moment.early.narrow(&named), moment.public.narrow(&named)) {
        (Ok(early), public) => {
            let mut articles = early.articles.clone();
            let given = public.map(|public| {
                articles.extend(public.articles);
                public.given
            });
            let given = given.unwrap_or_default();
            let in_part = early.left_out.iter().any(|detail| given.contains(detail));
            let mut narrowed = narrowed_in_words(&early);
            if in_part {
                narrowed
                    .push(String::from("of what is left out, figures that are public are given"));
            }
            Ok(Permitted {
                public: given,
                seen: Seen { as_of, public: false },
                articles: decree::in_order(articles),
                narrowed,
                early: early.given,
            })
        }
        (Err(_), Err(refusal)) => Err((refusal, true)),
        (Err(refusal), Ok(public)) => {
            // What is public is given; a period that is named and is not is refused.
            let seen = Seen { as_of, public: true };
            let all = Seen { as_of, public: false };
            let visible: BTreeSet<_> =
                moment.holding.seen(seen).map(|(period, _)| period).collect();
            let mut taken = moment.holding.seen(all).map(|(period, _)| period);
            let hidden = |period| !visible.contains(period) && selection.takes_period(period);
            let any_hidden = taken.any(hidden);
            if selection.names_periods() && any_hidden {
                return Err((refusal, false));
            }
            let mut narrowed = narrowed_in_words(&public);
            if any_hidden {
                let articles = refusal.articles.join(", ");
                let words = "figures that are not public yet left out under article";
                narrowed.push(format!("{words} {articles}"));
            }
            let (given, articles) = (public.given, public.articles);
            Ok(Permitted { public: given, early: BTreeSet::new(), seen, articles, narrowed })
        }
    }
}

pub(super) fn refusal_in_words(dataset: &str, refusal: Refusal) -> Problem {
    let Refusal { detail, articles, permitted } = refusal;
    let asked =
        format!("{dataset}: {detail} is not permitted under article {}", articles.join(", "));
    let problem = Problem::new(Kind::NotPermitted, asked).under(articles);
    if permitted.is_empty() {
        return problem.hint("nothing of this dataset is permitted to you");
    }
    permitted.iter().fold(problem, |problem, detail| problem.hint(format!("permitted: {detail}")))
}

fn narrowed_in_words(narrowed: &Narrowed) -> Vec<String> {
    let articles = narrowed.left_out_by.join(", ");
    let coarsest = |detail: &&Detail| {
        !narrowed.left_out.iter().any(|other| other != *detail && other.within(**detail))
    };
    let words = |detail| format!("{detail}, and anything finer, left out under article {articles}");
    narrowed.left_out.iter().filter(coarsest).map(words).collect()
}
