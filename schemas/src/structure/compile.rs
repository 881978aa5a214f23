//! SDMX messages and rules to compiled structures: every reference resolved, every
//! contradiction an error that names its file.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    Attribute, AttributeKind, Coded, Dimension, DimensionKind, Level, Rules, Structure, Structures,
    sdmx::{self, id_of_urn},
};
use crate::{
    codelist::{Code, CodeList},
    detail::Breakdown,
    key::KeyLayout,
};

/// Why files are no structures.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("structures, {file}: {what}")]
pub struct StructureError {
    /// Which file.
    pub file: String,
    /// What is wrong with it.
    pub what: String,
}

type CodeLists = BTreeMap<String, Arc<CodeList>>;

/// Compiles all files, given by path.
pub(super) fn structures(files: BTreeMap<String, String>) -> Result<Structures, StructureError> {
    let mut messages = Vec::new();
    let mut rules = BTreeMap::new();
    for (path, text) in &files {
        let at = |error: serde_json::Error| StructureError {
            file: path.clone(),
            what: format!("does not parse: {error}"),
        };
        if path.starts_with("rules/") {
            let read: Rules = serde_json::from_str(text).map_err(at)?;
            rules.insert(read.dataset.clone(), read);
        } else {
            let message: sdmx::Message = serde_json::from_str(text).map_err(at)?;
            messages.push((path, text, message.data));
        }
    }

    let mut code_lists = CodeLists::new();
    let mut concepts = BTreeMap::new();
    for (path, _, data) in &messages {
        for list in &data.codelists {
            let list =
                code_list(list).map_err(|what| StructureError { file: (*path).clone(), what })?;
            code_lists.insert(list.id.clone(), Arc::new(list));
        }
        let named = data.concept_schemes.iter().flat_map(|scheme| &scheme.concepts);
        concepts.extend(named.map(|concept| (concept.id.clone(), concept.names.clone())));
    }

    let mut datasets = BTreeMap::new();
    for (path, text, data) in &messages {
        for flow in &data.dataflows {
            let rules = rules.remove(&flow.id).ok_or_else(|| format!("no rules/{}.json", flow.id));
            let structure = rules
                .and_then(|rules| structure(flow, data, &code_lists, rules, text))
                .map_err(|what| StructureError { file: (*path).clone(), what })?;
            datasets.insert(flow.id.clone(), Arc::new(structure));
        }
    }
    Ok(Structures { datasets, code_lists, concepts, files })
}

fn code_list(list: &sdmx::CodeList) -> Result<CodeList, String> {
    let code = |code: &sdmx::Code| {
        let missing = code
            .annotations
            .iter()
            .filter(|annotation| annotation.kind.as_deref() == Some("TRANSLATION_MISSING"))
            .filter_map(|annotation| annotation.title.as_deref())
            .flat_map(|languages| languages.split_whitespace().map(str::to_owned));
        let compiled = Code {
            id: code.id.clone(),
            names: code.names.clone(),
            parent: None,
            untranslated: missing.collect(),
        };
        (compiled, code.parent.clone())
    };
    CodeList::new(list.id.clone(), list.names.clone(), list.codes.iter().map(code).collect())
}

fn structure(
    flow: &sdmx::Dataflow,
    data: &sdmx::Data,
    code_lists: &CodeLists,
    rules: Rules,
    source: &str,
) -> Result<Structure, String> {
    let named = id_of_urn(&flow.structure);
    let definition = data
        .data_structures
        .iter()
        .find(|definition| definition.id == named)
        .ok_or_else(|| format!("{} names a structure {named} that is not given", flow.id))?;
    let components = &definition.data_structure_components;
    let attached = |constraint: &&sdmx::Constraint| {
        constraint.constraint_attachment.dataflows.iter().any(|urn| id_of_urn(urn) == flow.id)
    };
    let constraints: Vec<_> = data.data_constraints.iter().filter(attached).collect();

    let mut dimensions = components
        .dimension_list
        .dimensions
        .iter()
        .map(|component| dimension(component, &constraints, code_lists))
        .collect::<Result<Vec<_>, _>>()?;
    let time = components
        .dimension_list
        .time_dimension
        .as_ref()
        .ok_or_else(|| format!("{named} has no time dimension"))?;
    dimensions.push(Dimension { id: time.id.clone(), kind: DimensionKind::Time });
    let attributes = components.attribute_list.attributes.iter();
    let coded = dimensions.iter().filter_map(Dimension::codes);
    let structure = Structure {
        id: flow.id.clone(),
        agency: flow.agency.clone(),
        version: flow.version.clone(),
        names: flow.names.clone(),
        keys: KeyLayout::new(coded.map(|coded| coded.list.codes().len()))?,
        dimensions,
        attributes: attributes.map(|a| attribute(a, code_lists)).collect::<Result<_, _>>()?,
        rules,
        source_json: source.to_owned(),
    };
    check(&structure)?;
    Ok(structure)
}

/// What every dataset of the exchange has, and rules that speak of its own codes.
fn check(structure: &Structure) -> Result<(), String> {
    if !structure.frequencies().any(|allowed| allowed.code() == structure.rules.frequency) {
        return Err(format!("FREQ does not allow the rules' {}", structure.rules.frequency));
    }
    let indicators = structure.coded().find(|dimension| dimension.id == "INDICATOR");
    let indicators = indicators.ok_or("there is no dimension INDICATOR")?;
    let pairs = structure.rules.part_of.iter().flat_map(|pair| [&pair.part, &pair.whole]);
    let named = structure.rules.signed.iter().chain(structure.rules.stock_flow_of.keys());
    for id in named.chain(pairs) {
        if !indicators.allowed().any(|allowed| allowed == id) {
            return Err(format!("the rules name {id}, which INDICATOR does not allow"));
        }
    }
    // Disclosure control knows by the code list alone what is part of what.
    let list = &indicators.codes().ok_or("INDICATOR has no codes")?.list;
    for pair in &structure.rules.part_of {
        let parent = |id: &str| {
            let code = list.code(list.position(id)?);
            code.parent.map(|parent| list.code(parent).id.as_str())
        };
        if parent(&pair.part) != Some(pair.whole.as_str()) {
            return Err(format!(
                "the rules call {} part of {}, which INDICATOR does not: give it that parent",
                pair.part, pair.whole
            ));
        }
    }
    if !structure.rules.totals.rounding.is_finite() || structure.rules.totals.rounding < 0.0 {
        return Err("the base of rounding must be 0 or more".to_owned());
    }
    Ok(())
}

fn dimension(
    component: &sdmx::Component,
    constraints: &[&sdmx::Constraint],
    code_lists: &CodeLists,
) -> Result<Dimension, String> {
    let list = enumeration(component, code_lists)?
        .ok_or_else(|| format!("the dimension {} has no code list", component.id))?;
    let breakdown = Breakdown::of_dimension(&component.id);
    let nested = matches!(breakdown, Some(Breakdown::Indicator | Breakdown::Region));
    let is_broken = |code: &Code| match breakdown {
        None => false,
        Some(_) if nested => code.parent.is_some(),
        Some(_) => code.id != "_T" && code.id != "_Z",
    };
    let broken: Vec<_> = list.codes().iter().map(is_broken).collect();
    let total = list.position("_T");
    let whole = |(code, broken): (&Code, &bool)| {
        if nested { code.parent } else { total.filter(|_| *broken) }
    };
    let wholes = list.codes().iter().zip(&broken).map(whole).collect();
    let allowed = allowed(&component.id, &list, constraints)?;
    let coded = Coded { list, allowed, breakdown, wholes, broken };
    Ok(Dimension { id: component.id.clone(), kind: DimensionKind::Coded(coded) })
}

/// The codes that the constraints leave; none where they do not speak of the dimension.
fn allowed(
    dimension: &str,
    list: &CodeList,
    constraints: &[&sdmx::Constraint],
) -> Result<Option<Vec<bool>>, String> {
    let regions = constraints.iter().flat_map(|constraint| &constraint.cube_regions);
    let mut allowed: Option<Vec<bool>> = None;
    for region in regions {
        for values in region.key_values.iter().filter(|values| values.id == dimension) {
            if !(region.include && values.include) {
                return Err(format!("{dimension}: only constraints that include are understood"));
            }
            let allowed = allowed.get_or_insert_with(|| vec![false; list.codes().len()]);
            for value in &values.values {
                let position = list.position(&value.value).ok_or_else(|| {
                    format!("{dimension}: the constraint's {} is not in {}", value.value, list.id)
                })?;
                allowed[usize::from(position)] = true;
            }
        }
    }
    Ok(allowed)
}

fn attribute(component: &sdmx::Component, code_lists: &CodeLists) -> Result<Attribute, String> {
    let kind = match (enumeration(component, code_lists)?, &component.local_representation.format) {
        (Some(list), _) => AttributeKind::Coded(list),
        (None, Some(format)) => match (format.data_type.as_str(), format.max_length) {
            ("String", Some(length)) => AttributeKind::Text(length),
            ("Integer", _) => AttributeKind::Whole,
            ("DateTime", _) => AttributeKind::Moment,
            (other, _) => {
                return Err(format!(
                    "{}: {other} without a length is not understood",
                    component.id
                ));
            }
        },
        (None, None) => return Err(format!("{} has neither codes nor a format", component.id)),
    };
    let level = match &component.attribute_relationship {
        sdmx::Relationship { observation: Some(_), .. } => Level::Observation,
        sdmx::Relationship { dimensions: Some(_), .. } => Level::Series,
        _ => Level::Dataset,
    };
    let mandatory = component.usage.as_deref() == Some("mandatory");
    Ok(Attribute { id: component.id.clone(), kind, mandatory, level })
}

fn enumeration(
    component: &sdmx::Component,
    code_lists: &CodeLists,
) -> Result<Option<Arc<CodeList>>, String> {
    let Some(urn) = &component.local_representation.enumeration else { return Ok(None) };
    let id = id_of_urn(urn);
    let list = code_lists.get(id).ok_or_else(|| format!("there is no code list {id}"))?;
    Ok(Some(list.clone()))
}
