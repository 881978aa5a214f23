//! The structures that are adopted, as artefacts: found by what a request names, with those that
//! they refer to, whole or in part (SDMX REST 1.5 and 2.1, structure queries).

mod partial;
mod wanted;

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
};

use birge_schemas::structure::Structures;
use serde_json::{Map, Value, json};

pub use self::wanted::{Detail, Named, References, Versions, Wanted};
use super::urn::{Class, Urn};

/// A maintainable artefact, as in a structure message in JSON.
#[derive(Debug, Clone, PartialEq)]
pub struct Artefact {
    /// Its name.
    pub urn: Urn,
    /// Itself.
    pub json: Value,
    /// What it refers to.
    references: BTreeSet<Urn>,
}

/// All artefacts, by name.
#[derive(Debug, Default)]
pub struct Artefacts {
    all: BTreeMap<Urn, Artefact>,
}

impl Artefact {
    /// What stands in a structure message.
    pub(super) fn of(class: Class, json: Value) -> Option<Self> {
        let text = |key: &str| json[key].as_str().map(str::to_owned);
        let (agency, id, version) = (text("agencyID")?, text("id")?, text("version")?);
        let urn = Urn { class, agency, id, version, item: None };
        let mut references = BTreeSet::new();
        gather(&json, &mut references);
        references.remove(&urn);
        Some(Self { urn, json, references })
    }

    /// Its name in English.
    #[must_use]
    pub fn name(&self) -> &str {
        self.json["name"].as_str().unwrap_or(&self.urn.id)
    }

    /// The same without what is in it.
    fn stub(&self, complete: bool) -> Self {
        let own = ["id", "agencyID", "version", "name", "names"];
        let more = ["annotations", "description", "descriptions", "role"];
        let kept = own.iter().chain(more.iter().filter(|_| complete));
        let mut json: Map<String, Value> =
            kept.filter_map(|key| Some(((*key).to_owned(), self.json.get(key)?.clone()))).collect();
        if let Some(role) = self.json.get("role") {
            json.insert("role".to_owned(), role.clone()); // a constraint must say it
        }
        json.insert("isExternalReference".to_owned(), true.into());
        json.insert("links".to_owned(), json!([{"rel": "self", "urn": self.urn.to_string()}]));
        Self { urn: self.urn.clone(), json: json.into(), references: BTreeSet::new() }
    }
}

/// Gathers the artefacts that are named anywhere.
fn gather(json: &Value, references: &mut BTreeSet<Urn>) {
    match json {
        Value::String(text) => references.extend(Urn::parse(text).map(|urn| urn.maintainable())),
        Value::Array(values) => values.iter().for_each(|value| gather(value, references)),
        Value::Object(map) => map.values().for_each(|value| gather(value, references)),
        _ => {}
    }
}

impl Artefacts {
    /// Those of the structures that are adopted.
    #[must_use]
    pub fn of(structures: &Structures) -> Self {
        let mut artefacts = Self::default();
        for (_, text) in structures.files() {
            // What does not parse was never adopted; rules are no SDMX.
            let Ok(mut message) = serde_json::from_str::<Value>(text) else { continue };
            for class in Class::ALL {
                let found = message["data"].get_mut(class.collection()).map(Value::take);
                let Some(Value::Array(found)) = found else { continue };
                let found = found.into_iter().filter_map(|json| Artefact::of(class, json));
                artefacts.all.extend(found.map(|artefact| (artefact.urn.clone(), artefact)));
            }
        }
        artefacts.add_agencies();
        artefacts
    }

    fn add_agencies(&mut self) {
        let ids: BTreeSet<_> = self.all.keys().map(|urn| urn.agency.clone()).collect();
        let agency = |id: &String| json!({"id": id, "name": id, "names": {"en": id}});
        let agencies: Vec<_> = ids.iter().map(agency).collect();
        let scheme = json!({
            "id": "AGENCIES", "agencyID": "SDMX", "version": "1.0",
            "name": "Agencies", "names": {"en": "Agencies"}, "agencies": agencies,
        });
        let scheme = Artefact::of(Class::AgencyScheme, scheme);
        self.all.extend(scheme.map(|scheme| (scheme.urn.clone(), scheme)));
    }

    /// The artefact of a name.
    #[must_use]
    pub fn get(&self, urn: &Urn) -> Option<&Artefact> {
        self.all.get(urn)
    }

    /// The dataflow of a dataset.
    #[must_use]
    pub fn dataflow(&self, id: &str) -> Option<&Artefact> {
        let own =
            |artefact: &&Artefact| artefact.urn.class == Class::Dataflow && artefact.urn.id == id;
        self.all.values().find(own)
    }

    /// The data structure of a dataflow.
    #[must_use]
    pub fn structure_of(&self, dataflow: &Artefact) -> Option<&Artefact> {
        self.get(&Urn::parse(dataflow.json["structure"].as_str()?)?)
    }

    /// Those that a request names, by name.
    #[must_use]
    pub fn named(&self, named: &Named) -> Vec<&Artefact> {
        let takes = |urn: &Urn| {
            named.class.is_none_or(|class| class == urn.class)
                && named.agencies.takes(&urn.agency)
                && named.ids.takes(&urn.id)
                && named.versions.takes(&urn.version)
        };
        let mut found: Vec<&Artefact> =
            self.all.values().filter(|artefact| takes(&artefact.urn)).collect();
        if named.versions == Versions::Latest {
            found.sort_by_cached_key(|artefact| {
                let Urn { class, agency, id, version, .. } = &artefact.urn;
                (*class, agency.clone(), id.clone(), Reverse(numbers(version)))
            });
            found.dedup_by(|later, first| {
                let of = |urn: &Urn| (urn.class, urn.agency.clone(), urn.id.clone());
                of(&later.urn) == of(&first.urn)
            });
        }
        found
    }

    /// What a request wants: those that it names and those it wants besides, as much of each as
    /// it wants.
    #[must_use]
    pub fn answer(
        &self,
        named: &[&Artefact],
        references: References,
        detail: Detail,
    ) -> Vec<Artefact> {
        let own: BTreeSet<&Urn> = named.iter().map(|artefact| &artefact.urn).collect();
        let mut more = self.besides(&own, references);
        more.retain(|urn| !own.contains(urn));
        let whole = |urns: &BTreeSet<&Urn>| -> Vec<Artefact> {
            urns.iter().filter_map(|urn| self.get(urn)).cloned().collect()
        };
        let (own, more) = (whole(&own), whole(&more));
        let (own, more) = match detail {
            Detail::Full => (own, more),
            Detail::Stubs { references_only, complete } => {
                let stubs = |artefacts: Vec<Artefact>| -> Vec<Artefact> {
                    artefacts.iter().map(|artefact| artefact.stub(complete)).collect()
                };
                (if references_only { own } else { stubs(own) }, stubs(more))
            }
            Detail::ReferencePartial => {
                let parts = partial::parts(&own.iter().chain(&more).collect::<Vec<_>>());
                (own, more.into_iter().map(|artefact| parts.of(artefact)).collect())
            }
        };
        let mut all: Vec<_> = own.into_iter().chain(more).collect();
        all.sort_by(|one, other| one.urn.cmp(&other.urn));
        all
    }

    /// What there is of a dataset, and what is wanted besides: of schemes only what is used, where
    /// `constraint` says what there is.
    #[must_use]
    pub fn available(
        &self,
        dataflow: &Artefact,
        constraint: Artefact,
        references: References,
    ) -> Vec<Artefact> {
        let mut all = match references {
            References::None => vec![],
            References::Of(class) => {
                let mut all = self.answer(&[dataflow], References::All, Detail::Full);
                all.retain(|artefact| {
                    artefact.urn.class == class || artefact.urn.class == Class::DataStructure
                });
                all
            }
            _ => self.answer(&[dataflow], References::All, Detail::Full),
        };
        all.retain(|artefact| artefact.urn.class != Class::DataConstraint);
        all.push(constraint);
        // The structure must be there for its components to be known, and the dataflow for the
        // constraint to be on it.
        let parts = partial::parts(&all.iter().chain([dataflow]).collect::<Vec<_>>());
        let mut all: Vec<_> = all.into_iter().map(|artefact| parts.of(artefact)).collect();
        if let References::Of(class) = references {
            all.retain(|each| each.urn.class == class || each.urn.class == Class::DataConstraint);
        }
        all
    }

    /// The schema of a dataset: its data structure, the schemes that it takes its codes and
    /// concepts from, with no more in them than the dataset allows, and the constraint that says so.
    #[must_use]
    pub fn schema(&self, dataflow: &Artefact) -> Vec<Artefact> {
        let mut all = self.answer(&[dataflow], References::All, Detail::ReferencePartial);
        all.retain(|artefact| artefact.urn.class != Class::Dataflow);
        all
    }

    fn besides<'a>(&'a self, own: &BTreeSet<&'a Urn>, references: References) -> BTreeSet<&'a Urn> {
        let both = |one: BTreeSet<&'a Urn>, other: BTreeSet<&'a Urn>| -> BTreeSet<&'a Urn> {
            one.into_iter().chain(other).collect()
        };
        match references {
            References::None => BTreeSet::new(),
            References::Parents => self.parents(own),
            References::ParentsAndSiblings => {
                let parents = self.parents(own);
                let siblings = self.children(&parents);
                both(parents, siblings)
            }
            References::Ancestors => closure(own, |urns| self.parents(urns)),
            References::Children => self.children(own),
            References::Descendants => closure(own, |urns| self.children(urns)),
            References::All => both(
                self.besides(own, References::ParentsAndSiblings),
                self.besides(own, References::Descendants),
            ),
            References::Of(class) => {
                let ancestors = self.besides(own, References::Ancestors);
                let mut all = both(self.besides(own, References::All), ancestors);
                all.retain(|urn| urn.class == class);
                all
            }
        }
    }

    fn parents(&self, urns: &BTreeSet<&Urn>) -> BTreeSet<&Urn> {
        let refers = |artefact: &&Artefact| {
            artefact.references.iter().any(|reference| urns.contains(reference))
        };
        self.all.values().filter(refers).map(|artefact| &artefact.urn).collect()
    }

    fn children<'a>(&'a self, urns: &BTreeSet<&'a Urn>) -> BTreeSet<&'a Urn> {
        let artefacts = urns.iter().filter_map(|urn| self.all.get(*urn));
        let references = artefacts.flat_map(|artefact| &artefact.references);
        // What is referred to and not there is not told.
        references.filter(|urn| self.all.contains_key(urn)).collect()
    }
}

/// All that is reached by one step after another.
fn closure<'a>(
    from: &BTreeSet<&'a Urn>,
    step: impl Fn(&BTreeSet<&'a Urn>) -> BTreeSet<&'a Urn>,
) -> BTreeSet<&'a Urn> {
    let mut reached = BTreeSet::new();
    let mut last = from.clone();
    while !last.is_empty() {
        last = step(&last).difference(&reached).copied().collect();
        reached.extend(&last);
    }
    reached
}

/// A version's numbers, to compare: 1.10.0 is later than 1.9.0.
fn numbers(version: &str) -> Vec<u64> {
    version.split(['.', '-']).map(|part| part.parse().unwrap_or_default()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn artefacts() -> Artefacts {
        Artefacts::of(&Structures::bundled().unwrap())
    }

    fn named(class: Class, id: &str) -> Named {
        let ids = Wanted::These(vec![id.to_owned()]);
        Named { class: Some(class), agencies: Wanted::All, ids, versions: Versions::Latest }
    }

    fn told(references: References) -> Vec<String> {
        let artefacts = artefacts();
        let found = artefacts.named(&named(Class::Dataflow, "BORDER"));
        assert_eq!(found.len(), 1);
        let answer = artefacts.answer(&found, references, Detail::Full);
        answer.into_iter().map(|artefact| artefact.urn.id).collect()
    }

    #[test]
    fn what_a_dataflow_refers_to_and_what_refers_to_it_is_found() {
        assert_eq!(told(References::None), ["BORDER"]);
        assert_eq!(told(References::Children), ["BORDER", "DSD_BORDER"]);
        assert_eq!(told(References::Parents), ["BORDER", "CON_BORDER"]);
        let descendants = told(References::Descendants);
        assert!(descendants.contains(&"CL_SEX".to_owned()), "{descendants:?}");
        assert!(descendants.contains(&"CS_MIG_GENDER".to_owned()), "{descendants:?}");
        assert!(!descendants.contains(&"CON_BORDER".to_owned()), "{descendants:?}");
        let all = told(References::All);
        assert!(descendants.iter().all(|id| all.contains(id)) && all.len() > descendants.len());
        let lists = told(References::Of(Class::Codelist));
        assert!(lists[1..].iter().all(|id| id.starts_with("CL_")), "{lists:?}");
    }

    #[test]
    fn a_stub_says_what_it_is_and_no_more() {
        let artefacts = artefacts();
        let found = artefacts.named(&named(Class::Codelist, "CL_SEX"));
        let detail = Detail::Stubs { references_only: false, complete: false };
        let answer = artefacts.answer(&found, References::None, detail);
        assert_eq!(answer[0].json["isExternalReference"], true);
        assert_eq!((answer[0].json.get("codes"), answer[0].name()), (None, "Sex"));
    }

    #[test]
    fn the_latest_version_is_told_by_its_numbers() {
        let version = |version: &str| json!({"id": "CL", "agencyID": "A", "version": version, "name": "list"});
        let mut artefacts = Artefacts::default();
        for each in ["1.9.0", "1.10.0", "1.2.0"] {
            let artefact = Artefact::of(Class::Codelist, version(each)).unwrap();
            artefacts.all.insert(artefact.urn.clone(), artefact);
        }
        let found = artefacts.named(&named(Class::Codelist, "CL"));
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].urn.version, "1.10.0");
    }

    #[test]
    fn of_schemes_only_what_is_used_is_told_where_that_is_asked() {
        let artefacts = artefacts();
        let found = artefacts.named(&named(Class::Dataflow, "BORDER"));
        let answer = artefacts.answer(&found, References::All, Detail::ReferencePartial);
        let of = |id: &str| &answer.iter().find(|each| each.urn.id == id).unwrap().json;
        let whole = artefacts.named(&named(Class::Codelist, "CL_INDICATOR"))[0];
        let (part, whole) = (&of("CL_INDICATOR")["codes"], &whole.json["codes"]);
        let (part, whole) = (part.as_array().unwrap().len(), whole.as_array().unwrap().len());
        assert!(0 < part && part < whole, "{part} of {whole}");
        assert_eq!(of("CL_INDICATOR")["isPartial"], true);
        let concepts = of("CS_MIG_GENDER")["concepts"].as_array().unwrap();
        assert!(concepts.iter().any(|concept| concept["id"] == "SEX"));
        assert!(!concepts.iter().any(|concept| concept["id"] == "MIG_STATUS"));
    }
}
