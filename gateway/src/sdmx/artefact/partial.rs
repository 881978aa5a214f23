//! Schemes in part: of concepts and codes only those that the artefacts of an answer use.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{Artefact, Class, Urn};

/// What is used of each scheme.
pub(super) struct Parts {
    used: BTreeMap<Urn, BTreeSet<String>>,
}

/// What these artefacts use: of concept schemes what structures name, of code lists what the
/// constraints allow of every component that takes its codes from one; of a list that any
/// component may use freely, all.
pub(super) fn parts(artefacts: &[&Artefact]) -> Parts {
    let mut used: BTreeMap<Urn, BTreeSet<String>> = BTreeMap::new();
    let mut whole = BTreeSet::new();
    let structures = artefacts.iter().filter(|each| each.urn.class == Class::DataStructure);
    for structure in structures {
        let dataflows: BTreeSet<_> = artefacts
            .iter()
            .filter(|each| each.json["structure"] == structure.urn.to_string())
            .map(|each| each.urn.to_string())
            .collect();
        let allowed = allowed(artefacts, &dataflows);
        for component in components(&structure.json) {
            let concept = urn(&component["conceptIdentity"]);
            if let Some((scheme, Some(id))) = concept.map(|it| (it.maintainable(), it.item)) {
                used.entry(scheme).or_default().insert(id);
            }
            let Some(list) = urn(&component["localRepresentation"]["enumeration"]) else {
                continue;
            };
            match component["id"].as_str().and_then(|id| allowed.get(id)) {
                Some(codes) => used.entry(list).or_default().extend(codes.iter().cloned()),
                None => {
                    whole.insert(list);
                }
            }
        }
    }
    used.retain(|scheme, _| !whole.contains(scheme));
    Parts { used }
}

/// By component, the codes that the constraints on any of these dataflows allow.
fn allowed(
    artefacts: &[&Artefact],
    dataflows: &BTreeSet<String>,
) -> BTreeMap<String, BTreeSet<String>> {
    let mut allowed: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for constraint in artefacts.iter().filter(|each| each.urn.class == Class::DataConstraint) {
        let attached = &constraint.json["constraintAttachment"]["dataflows"];
        let is_own = |urn: &Value| urn.as_str().is_some_and(|urn| dataflows.contains(urn));
        if !list(attached).any(is_own) {
            continue;
        }
        for values in
            list(&constraint.json["cubeRegions"]).flat_map(|region| list(&region["keyValues"]))
        {
            let codes = list(&values["values"]).filter_map(|each| each["value"].as_str());
            if let Some(id) = values["id"].as_str() {
                allowed.entry(id.to_owned()).or_default().extend(codes.map(str::to_owned));
            }
        }
    }
    allowed
}

/// The dimensions, the measures and the attributes of a data structure.
pub(super) fn components(structure: &Value) -> impl Iterator<Item = &Value> {
    let components = &structure["dataStructureComponents"];
    let dimensions = &components["dimensionList"];
    let time = Some(&dimensions["timeDimension"]).filter(|time| time.is_object());
    list(&dimensions["dimensions"])
        .chain(time)
        .chain(list(&components["measureList"]["measures"]))
        .chain(list(&components["attributeList"]["attributes"]))
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn urn(value: &Value) -> Option<Urn> {
    Urn::parse(value.as_str()?)
}

impl Parts {
    /// An artefact with no more in it than is used; a code with those above it.
    pub(super) fn of(&self, mut artefact: Artefact) -> Artefact {
        let Some(used) = self.used.get(&artefact.urn) else { return artefact };
        let items = ["codes", "concepts"];
        let Some(items) = items.into_iter().find(|key| artefact.json.get(key).is_some()) else {
            return artefact;
        };
        let Some(all) = artefact.json[items].as_array_mut() else { return artefact };
        let parents: BTreeMap<String, String> = all
            .iter()
            .filter_map(|item| Some((item["id"].as_str()?, item["parent"].as_str()?)))
            .map(|(id, parent)| (id.to_owned(), parent.to_owned()))
            .collect();
        let mut kept = used.clone();
        for id in used {
            kept.extend(std::iter::successors(parents.get(id), |id| parents.get(*id)).cloned());
        }
        let before = all.len();
        all.retain(|item| item["id"].as_str().is_some_and(|id| kept.contains(id)));
        if all.len() < before {
            artefact.json["isPartial"] = true.into();
        }
        artefact
    }
}
