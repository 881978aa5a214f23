//! Attributes of groups: what is said once of all series that have some dimensions in common.

use std::collections::{BTreeSet, HashMap};

use birge_proto::limits;

use super::element::Pairs;

/// Groups that a message may have.
const GROUPS: usize = limits::BLOCK_ROWS * 16;

/// The groups of a data set. Of a structure-specific one nothing says which of a group's attributes
/// are dimensions; those are that its series have, too, as an attribute is given at one level.
#[derive(Debug, Default)]
pub(super) struct Groups {
    shapes: Vec<Shape>,
    count: usize,
}

/// Groups that speak of the same names.
#[derive(Debug)]
struct Shape {
    names: BTreeSet<String>,
    groups: Vec<Pairs>,
    /// By the names that they share with series: the groups by what they say under those.
    by_key: HashMap<Vec<String>, HashMap<Vec<String>, Vec<usize>>>,
}

impl Groups {
    /// Adds one; `false` where there are too many.
    #[must_use]
    pub(super) fn push(&mut self, group: Pairs) -> bool {
        let names: BTreeSet<String> = group.iter().map(|(name, _)| name.clone()).collect();
        let place = self.shapes.iter().position(|shape| shape.names == names);
        let place = place.unwrap_or_else(|| {
            self.shapes.push(Shape { names, groups: vec![], by_key: HashMap::new() });
            self.shapes.len() - 1
        });
        let shape = &mut self.shapes[place];
        shape.groups.push(group);
        shape.by_key.clear();
        self.count += 1;
        self.count <= GROUPS && self.shapes.len() <= limits::COLUMNS
    }

    /// What the groups say that a series, or an observation, belongs to.
    pub(super) fn of(&mut self, key: &Pairs) -> Pairs {
        let mut said = vec![];
        for shape in &mut self.shapes {
            let shared: Vec<String> =
                shape.names.iter().filter(|name| text(key, name).is_some()).cloned().collect();
            if shared.is_empty() {
                continue;
            }
            let values = |pairs: &Pairs| -> Vec<String> {
                shared.iter().map(|name| text(pairs, name).unwrap_or_default().to_owned()).collect()
            };
            let Shape { groups, by_key, .. } = shape;
            let by_key = by_key.entry(shared.clone()).or_insert_with(|| {
                let mut by_key: HashMap<_, Vec<usize>> = HashMap::new();
                for (place, group) in groups.iter().enumerate() {
                    by_key.entry(values(group)).or_default().push(place);
                }
                by_key
            });
            let own = by_key.get(&values(key)).into_iter().flatten();
            let pairs = own.flat_map(|place| &groups[*place]);
            said.extend(pairs.filter(|(name, _)| !shared.contains(name)).cloned());
        }
        said
    }
}

fn text<'p>(pairs: &'p Pairs, name: &str) -> Option<&'p str> {
    pairs.iter().find(|(own, _)| own == name).map(|(_, text)| text.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(text: &str) -> Pairs {
        let pair = |pair: &str| {
            let (name, text) = pair.split_once('=').unwrap();
            (name.to_owned(), text.to_owned())
        };
        text.split_whitespace().map(pair).collect()
    }

    #[test]
    fn a_series_has_what_is_said_of_its_groups() {
        let mut groups = Groups::default();
        for group in ["SEX=F UNIT_MULT=0", "SEX=M UNIT_MULT=3", "AREA=KG SEX=F TITLE=x"] {
            assert!(groups.push(pairs(group)));
        }
        assert_eq!(groups.of(&pairs("AREA=KG SEX=F")), pairs("UNIT_MULT=0 TITLE=x"));
        assert_eq!(groups.of(&pairs("AREA=TJ SEX=M")), pairs("UNIT_MULT=3"));
        assert_eq!(groups.of(&pairs("AREA=TJ")), vec![]);
    }
}
