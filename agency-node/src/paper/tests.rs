use std::{fs, path::PathBuf};

use super::*;
use crate::handin::{
    self, Taken,
    tests::{CSV, node},
};

fn printed(batch: &str, out: PathBuf, language: Language) -> Printed {
    Printed { batch: batch.into(), out, language: Some(language) }
}

#[test]
fn a_letter_tells_of_a_batch_in_every_language_and_holds_no_figure() {
    let folder = tempfile::tempdir().unwrap();
    let node = node(&folder.path().join("mia"));
    let file = node.home.join("inbox/a.csv");
    fs::write(&file, CSV).unwrap();
    let sidecar = "reason = \"<b>why</b>\"\n[justify]\nSEX_SPLIT_EXPLAINED = \"no sex <kept>\"\n";
    fs::write(node.home.join("inbox/a.csv.batch.toml"), sidecar).unwrap();
    let Taken::Queued(batch) = handin::take(&node, &file).unwrap() else { panic!("queued") };
    for language in Language::ALL {
        let out = folder.path().join(format!("letter-{language}.html"));
        letter(&node, &printed(&batch.to_string()[..9], out.clone(), language)).unwrap();
        let page = fs::read_to_string(out).unwrap();
        assert!(
            page.contains(&format!("lang=\"{language}\"")) && page.contains(&batch.to_string())
        );
        assert!(page.contains("head of statistics") && page.contains("TRAFFICKING"));
        assert!(!page.contains(">17<"), "figures stay in the batch");
        assert!(!page.contains("<b>") && !page.contains("<kept>"), "texts are text: {page}");
        let ids = page.split_whitespace().filter(|word| word.contains("paper-"));
        assert_eq!(ids.count(), 0, "a text is missing in {language}");
    }
    let out = folder.path().join("x.html");
    for wrong in ["", "zz"] {
        let asked = printed(wrong, out.clone(), Language::En);
        assert!(letter(&node, &asked).unwrap_err().to_string().contains("does not name one"));
        assert!(receipt(&node, &asked).is_err());
    }
}
