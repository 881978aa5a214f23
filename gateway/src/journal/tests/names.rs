//! Names of persons: kept apart, bound to their records, erased.

use std::{fs::OpenOptions, io::Write};

use super::*;

/// A draft whose record names the officer `name`.
fn naming(name: &str) -> Draft {
    Draft { officer: Some(name.to_owned()), ..Draft::records(1) }
}

fn file(dir: &Path) -> PathBuf {
    segments(dir)[0].with_extension("names")
}

/// The names that are read, by entry, each checked against its record.
fn names(reader: &Reader) -> Result<Vec<Vec<String>>, JournalError> {
    let names = reader.names(0..u64::MAX)?;
    let read = |entry: Result<Entry, JournalError>| {
        let entry = entry?;
        let named = names.of(entry.index, &Record::parse(&entry.record).unwrap())?;
        Ok(named.into_iter().map(|named| format!("{}: {}", named.capacity, named.name)).collect())
    };
    reader.entries(0..u64::MAX).map(read).collect()
}

/// Three entries, of which the first and the last name somebody; closed.
async fn three(dir: &Path) {
    let journal = start(dir, config());
    for draft in [naming("Айгүл\n\"А\""), Draft::records(1), naming("B. B.")] {
        journal.append(Class::Submission, draft).await.unwrap();
    }
    journal.close().await;
}

#[tokio::test]
async fn a_name_is_kept_beside_the_record_and_not_in_it() {
    let dir = TempDir::new().unwrap();
    three(dir.path()).await;
    let reader = Opened::open(dir.path(), config()).unwrap().reader();
    assert_eq!(
        names(&reader).unwrap(),
        [vec!["officer: Айгүл\n\"А\""], vec![], vec!["officer: B. B."]]
    );
    let found = |path: &Path| fs::read(path).unwrap().windows(5).any(|bytes| bytes == b"B. B.");
    assert!(found(&file(dir.path())));
    assert!(!found(&segments(dir.path())[0]), "the segment holds the name");
}

#[tokio::test]
async fn a_name_erased_leaves_the_record_as_it_was() {
    let dir = TempDir::new().unwrap();
    three(dir.path()).await;
    let opened = Opened::open(dir.path(), config()).unwrap();
    let before = contents(&opened.reader());
    opened.erase_names(|index| index == 0).unwrap();
    assert_eq!(names(&opened.reader()).unwrap(), [vec![], vec![], vec!["officer: B. B."]]);
    assert_eq!(contents(&opened.reader()), before);
    assert!(!String::from_utf8(fs::read(file(dir.path())).unwrap()).unwrap().contains("Айгүл"));
    drop(opened);
    assert_eq!(verify(dir.path(), |_, _| {}).unwrap().entries, 3);
    let journal = start(dir.path(), config());
    journal.append(Class::Submission, naming("C. C.")).await.unwrap();
    assert_eq!(names(&journal.reader()).unwrap()[3], ["officer: C. C."]);
}

#[tokio::test]
async fn a_name_changed_or_moved_is_found() {
    let dir = TempDir::new().unwrap();
    three(dir.path()).await;
    let sound = fs::read_to_string(file(dir.path())).unwrap();
    let whole = |text: &str| {
        fs::write(file(dir.path()), text).unwrap();
        names(&Opened::open(dir.path(), config()).unwrap().reader())
    };
    assert!(whole(&sound).is_ok());
    for (from, to) in [
        ("B. B.", "B. C."),
        ("\"index\":2", "\"index\":1"),
        ("officer", "deputy"),
        ("\"opening\":\"", "\"opening\":\"00"),
    ] {
        let changed = sound.replacen(from, to, 1);
        assert_ne!(changed, sound);
        fs::write(file(dir.path()), changed).unwrap();
        let read = Opened::open(dir.path(), config()).and_then(|opened| names(&opened.reader()));
        assert!(matches!(read, Err(JournalError::Damaged(_))), "{from} changed to {to}");
    }
}

#[tokio::test]
async fn names_of_a_group_that_was_never_finished_are_cut_off() {
    let dir = TempDir::new().unwrap();
    three(dir.path()).await;
    let sound = fs::read_to_string(file(dir.path())).unwrap();
    let unfinished = sound.lines().last().unwrap().replace("\"index\":2", "\"index\":3") + "\n";
    for cut in 1..=unfinished.len() {
        let mut names = OpenOptions::new().append(true).open(file(dir.path())).unwrap();
        names.write_all(&unfinished.as_bytes()[..cut]).unwrap();
        drop(names);
        let opened = Opened::open(dir.path(), config()).unwrap();
        assert_eq!(opened.reader().size(), 3);
        assert_eq!(fs::read_to_string(file(dir.path())).unwrap(), sound, "{cut} bytes");
    }
}
