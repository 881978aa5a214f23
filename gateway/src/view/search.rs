//! Finding datasets by their words, in any language and spelling: letters are folded to plain Latin
//! ones, so that Ө is found by О, Ҳ by Х, and Кыргызстан by Kyrgyzstan.

use birge_schemas::structure::{Structure, Structures};
use deunicode::deunicode;

/// Letters of a word that tells something beside others.
const TELLING: usize = 3;
/// Characters of a search that are looked at.
const LONGEST: usize = 200;

/// A text by its letters and digits alone.
#[must_use]
pub fn fold(text: &str) -> String {
    let plain = deunicode(text).to_lowercase();
    let kept = plain.chars().filter(|own| own.is_ascii_alphanumeric() || own.is_whitespace());
    kept.collect()
}

/// What is known of the datasets, folded.
#[derive(Debug)]
pub struct Index(Vec<Entry>);

#[derive(Debug)]
struct Entry {
    dataset: String,
    /// Its names and its id.
    title: String,
    /// Names of its dimensions and codes in every language.
    text: String,
}

impl Index {
    /// The words of every dataset: its names, those of its dimensions and of the codes it allows,
    /// and `more` of each.
    #[must_use]
    pub fn of(structures: &Structures, more: impl Fn(&Structure) -> Vec<String>) -> Self {
        let entry = |structure: &Structure| {
            let title = structure.names.values().chain([&structure.id]);
            let title: Vec<_> = title.map(|name| fold(name)).collect();
            let mut text: Vec<String> = more(structure).iter().map(|text| fold(text)).collect();
            for dimension in &structure.dimensions {
                text.push(fold(&dimension.id.replace('_', " ")));
                let names =
                    structures.concept(&dimension.id).into_iter().flat_map(|it| it.values());
                text.extend(names.map(|name| fold(name)));
                for id in dimension.allowed() {
                    let list = dimension.codes().map(|coded| &coded.list);
                    let code = list.and_then(|list| Some(list.code(list.position(id)?)));
                    text.extend(
                        code.into_iter()
                            .flat_map(|code| code.names.values())
                            .map(|name| fold(name)),
                    );
                }
            }
            let (title, text) = (title.join("\n"), text.join("\n"));
            Entry { dataset: structure.id.clone(), title: title.replace('_', " "), text }
        };
        Self(structures.iter().map(|structure| entry(structure)).collect())
    }

    /// The datasets that have every word that is sought, those first that have most of them in
    /// their names. A word is found at the beginning of others.
    #[must_use]
    pub fn find(&self, sought: &str) -> Vec<&str> {
        let sought: String = sought.chars().take(LONGEST).collect();
        let sought = fold(&sought.replace(['_', '-'], " "));
        let mut words: Vec<&str> = sought.split_whitespace().collect();
        // Small words tell nothing beside others.
        if words.iter().any(|word| word.len() >= TELLING) {
            words.retain(|word| word.len() >= TELLING);
        }
        let has =
            |text: &str, word: &str| text.split_whitespace().any(|own| own.starts_with(stem(word)));
        let ranked = self.0.iter().filter_map(|entry| {
            let titles = words.iter().filter(|word| has(&entry.title, word)).count();
            let all = words.iter().all(|word| has(&entry.title, word) || has(&entry.text, word));
            all.then_some((words.len() - titles, entry.dataset.as_str()))
        });
        let mut ranked: Vec<_> = ranked.collect();
        ranked.sort_by_key(|(missing, _)| *missing);
        ranked.into_iter().map(|(_, dataset)| dataset).collect()
    }
}

/// A long word without its last letters: endings change in all four languages.
fn stem(word: &str) -> &str {
    match word.len() {
        0..6 => word,
        length => word.get(..length - 2).unwrap_or(word),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_of_four_languages_are_folded() {
        for (one, other) in [
            ("Өзбекстан", "Озбекстан"),
            ("үй", "уй"),
            ("жаңы", "жаны"),
            ("Тоҷикистон", "Точикистон"),
            ("муҳоҷират", "мухочират"),
            ("ӣ", "и"),
            ("қочоқ", "кочок"),
            ("ғарб", "гарб"),
            ("ӯ", "у"),
            ("Кыргызстан", "Kyrgyzstan"),
            ("É", "e"),
        ] {
            assert_eq!(fold(one), fold(other), "{one} {other}");
        }
    }

    #[test]
    fn datasets_are_found_by_names_dimensions_and_codes() {
        let structures = Structures::bundled().unwrap();
        let index = Index::of(&structures, |_| vec![String::from("State Border Service")]);
        let find = |sought| index.find(sought);
        assert_eq!(find("refugees")[0], "REFUGEES");
        assert_eq!(find("беженцы")[0], "REFUGEES");
        assert_eq!(find("качкындар")[0], "REFUGEES");
        assert_eq!(find("REFUGEES age")[0], "REFUGEES");
        assert!(find("Kazakhstan female").contains(&"MIG_STOCK"));
        assert_eq!(find("stock of migrants")[0], "MIG_STOCK");
        assert!(find("border service").len() == structures.iter().count());
        assert_eq!(find("nothing of the kind"), [""; 0]);
        assert_eq!(find("").len(), structures.iter().count());
        for wild in ["_", "%", "\u{0}", "ΑΑΑΑ", "a̐éö̲", &"я".repeat(10_000)] {
            let _ = find(wild);
        }
    }
}
