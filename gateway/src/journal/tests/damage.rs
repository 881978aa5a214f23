//! Damage is found and told apart from what was never finished.

use std::{fs::OpenOptions, os::unix::fs::FileExt};

use super::*;

fn damage(error: JournalError) -> Damage {
    match error {
        JournalError::Damaged(damage) => damage,
        other => panic!("not damage: {other}"),
    }
}

/// Byte at which each group of the small journal starts, by segment.
fn groups(dir: &Path) -> Vec<(PathBuf, Vec<u64>)> {
    let starts = |path: PathBuf| {
        let bytes = fs::read(&path).unwrap();
        let magic = |at: &usize| bytes[*at..].starts_with(&format::MAGIC);
        let starts = (0..bytes.len()).filter(magic).map(|at| at as u64).collect();
        (path, starts)
    };
    segments(dir).into_iter().map(starts).collect()
}

#[tokio::test]
async fn every_flipped_byte_is_found_and_its_place_told() {
    let dir = TempDir::new().unwrap();
    small(dir.path()).await;
    assert_eq!(verify(dir.path(), |_, _| {}).unwrap().entries, 4);
    for (path, starts) in groups(dir.path()) {
        let sound = fs::read(&path).unwrap();
        for at in 0..sound.len() {
            for flip in [0x01, 0x80, 0xff] {
                let mut bytes = sound.clone();
                bytes[at] ^= flip;
                fs::write(&path, &bytes).unwrap();
                let found = damage(verify(dir.path(), |_, _| {}).unwrap_err());
                let start = starts.iter().rev().find(|start| **start <= at as u64).unwrap();
                assert_eq!((&found.segment, found.offset), (&path, *start), "byte {at}: {found}");
            }
        }
        fs::write(&path, &sound).unwrap();
    }
    assert_eq!(segments(dir.path()).len(), 2);
}

#[tokio::test]
async fn damage_in_a_complete_group_is_not_cut_off() {
    let dir = TempDir::new().unwrap();
    small(dir.path()).await;
    for path in segments(dir.path()) {
        let sound = fs::read(&path).unwrap();
        // Bodies of earlier groups are checked when they are read.
        for at in (0..sound.len()).filter(|at| !sound[*at..].starts_with(b"first body")) {
            let changed = copy(dir.path());
            let file = changed.path().join(path.file_name().unwrap());
            let mut bytes = sound.clone();
            bytes[at] ^= 0x10;
            fs::write(&file, &bytes).unwrap();
            match Opened::open(changed.path(), config()) {
                Err(error) => assert_eq!(damage(error).segment, file, "byte {at}"),
                Ok(opened) => {
                    let read = |entry: Result<Entry, _>| entry.unwrap().body.map(|b| b.read());
                    let bodies = opened.reader().entries(0..4).filter_map(read);
                    let errors: Vec<_> = bodies.filter_map(Result::err).collect();
                    assert!(matches!(&errors[..], [JournalError::Damaged(_)]), "byte {at}");
                }
            }
            assert_eq!(fs::read(&file).unwrap(), bytes, "nothing was cut off");
        }
    }
}

#[tokio::test]
async fn a_journal_cut_anywhere_opens_with_what_is_whole() {
    let dir = TempDir::new().unwrap();
    small(dir.path()).await;
    let (path, starts) = groups(dir.path()).pop().unwrap();
    let whole = contents(&Opened::open(dir.path(), config()).unwrap().reader());
    let length = fs::metadata(&path).unwrap().len();
    let earlier = whole.len() as u64 - starts.len() as u64;
    for cut in 0..length {
        let torn = copy(dir.path());
        let file = torn.path().join(path.file_name().unwrap());
        OpenOptions::new().write(true).open(&file).unwrap().set_len(cut).unwrap();
        let verified = verify(torn.path(), |_, _| {}).unwrap();
        assert_eq!((verified.entries, verified.unfinished), (earlier, cut));
        let journal = start(torn.path(), config());
        assert_eq!(contents(&journal.reader()), whole[..earlier as usize]);
        assert_eq!(fs::metadata(&file).unwrap().len(), 0);
        let next = journal.append(Class::Submission, Draft::body(b"anew")).await.unwrap();
        assert_eq!(next.first, earlier);
        journal.close().await;
        assert_eq!(verify(torn.path(), |_, _| {}).unwrap().unfinished, 0);
    }
}

#[tokio::test]
async fn sectors_that_were_never_written_mean_an_unfinished_last_group() {
    let dir = TempDir::new().unwrap();
    let journal = start(dir.path(), config());
    journal.append(Class::Submission, Draft::body(&[1; 2_000])).await.unwrap();
    journal.append(Class::Submission, Draft::body(&[2; 2_000])).await.unwrap();
    journal.close().await;
    let (path, starts) = groups(dir.path()).pop().unwrap();
    let length = fs::metadata(&path).unwrap().len();
    let zero = |from: u64, to: u64| {
        let torn = copy(dir.path());
        let file = torn.path().join(path.file_name().unwrap());
        let file = OpenOptions::new().write(true).open(file).unwrap();
        file.write_all_at(&vec![0; (to - from) as usize], from).unwrap();
        torn
    };
    let mut from = starts[1];
    while from < length {
        let to = (from / 512 * 512 + 512).min(length);
        let torn = zero(from, to);
        assert_eq!(
            damage(verify(torn.path(), |_, _| {}).unwrap_err()).what,
            Fault::Unwritten,
            "who only verifies is told"
        );
        let opened = Opened::open(torn.path(), config()).unwrap();
        assert_eq!(opened.reader().size(), 1, "{from}..{to}");
        from = to;
    }
    // The same in the group before is damage: it was acknowledged.
    let found = |from| damage(Opened::open(zero(from, from + 512).path(), config()).unwrap_err());
    assert_eq!((found(0).offset, found(0).what), (0, Fault::Header));
    let torn = zero(1_024, 1_536);
    let opened = Opened::open(torn.path(), config()).unwrap();
    let body = opened.reader().entry(0).unwrap().unwrap().body.unwrap();
    assert_eq!(damage(body.read().unwrap_err()).what, Fault::Body(0));
}

#[tokio::test]
async fn missing_and_swapped_segments_are_found() {
    let dir = TempDir::new().unwrap();
    let journal = start(dir.path(), JournalConfig { segment_bytes: 1, ..config() });
    for _ in 0..3 {
        journal.append(Class::Reading, Draft::records(1)).await.unwrap();
    }
    journal.close().await;
    let files = segments(dir.path());
    assert_eq!(files.len(), 3);

    let missing = copy(dir.path());
    fs::remove_file(&segments(missing.path())[1]).unwrap();
    let found = damage(Opened::open(missing.path(), config()).unwrap_err());
    assert_eq!((found.index, found.what), (1, Fault::Index(2)));

    let other = TempDir::new().unwrap();
    let journal = start(other.path(), JournalConfig { segment_bytes: 1, ..config() });
    for _ in 0..3 {
        journal.append(Class::Reading, Draft::records(1)).await.unwrap();
    }
    journal.close().await;
    let swapped = copy(dir.path());
    fs::copy(&segments(other.path())[1], &segments(swapped.path())[1]).unwrap();
    let found = damage(verify(swapped.path(), |_, _| {}).unwrap_err());
    assert_eq!((found.index, found.what), (1, Fault::Chain));

    let short = copy(dir.path());
    fs::write(&segments(short.path())[0], &fs::read(&files[0]).unwrap()[..50]).unwrap();
    let found = damage(Opened::open(short.path(), config()).unwrap_err());
    assert_eq!((found.index, found.what), (0, Fault::Incomplete));
}

#[tokio::test]
async fn a_group_changed_after_it_was_verified_is_not_read() {
    let dir = TempDir::new().unwrap();
    small(dir.path()).await;
    let opened = Opened::open(dir.path(), config()).unwrap();
    let other = TempDir::new().unwrap();
    small(other.path()).await;
    // A whole and sound group, but not the one that was there.
    fs::copy(&segments(other.path())[0], &segments(dir.path())[0]).unwrap();
    assert!(matches!(opened.reader().entry(0), Err(JournalError::Damaged(_))));
}
