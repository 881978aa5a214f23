//! Between the acceptance of a batch and its release.

use std::{fs, path::PathBuf};

use super::*;

/// What anybody may learn of the batch: its cells, that it stands, that it is current.
fn met(catalog: &Catalog, batch: &Batch) -> [bool; 3] {
    catalog.read(|state| {
        [
            state.holding(DATASET).period("2024").is_some(),
            state.registry.batch(&batch.id).is_some(),
            state.registry.current(DATASET, &["2024".into()]) == Some(batch.id),
        ]
    })
}

/// The batch is met, and what is withheld of it is what its release says.
fn met_as_released(catalog: &Catalog, batch: &Batch) {
    assert_eq!(met(catalog, batch), [true; 3]);
    let holding = catalog.read(|state| state.holding(DATASET));
    let version = holding.period("2024").unwrap().current().unwrap();
    assert_eq!(version.slice.rows(), 3);
    assert!(!version.withheld.is_empty(), "three women are a small count");
    assert_eq!(Some(&*version.withheld), batch.release.pattern("2024").unwrap().as_ref());
}

#[tokio::test]
async fn a_batch_is_not_met_before_its_release() {
    let mut scene = Scene::new().await;
    let batch = scene.batch(3);
    scene.append("agency/NSC", vec![batch.accepted.clone()]).await;
    scene.follower.catch_up().unwrap();
    assert_eq!(met(&scene.catalog, &batch), [false; 3]);
    scene.append("agency/NSC", vec![batch.released()]).await;
    scene.follower.catch_up().unwrap();
    met_as_released(&scene.catalog, &batch);
}

#[tokio::test]
async fn a_gateway_starts_again_from_a_journal_that_ends_before_the_release() {
    let scene = Scene::new().await;
    let batch = scene.batch(3);
    scene.append("agency/NSC", vec![batch.accepted.clone()]).await;
    let mut scene = scene.restarted().await;
    assert_eq!(met(&scene.catalog, &batch), [false; 3]);
    scene.append("agency/NSC", vec![batch.released()]).await;
    scene.follower.catch_up().unwrap();
    met_as_released(&scene.catalog, &batch);
    // And from one that holds both, whatever the index has taken in.
    let scene = scene.restarted().await;
    met_as_released(&scene.catalog, &batch);
}

/// The two are one group of the journal: wherever a power cut tears it, none of it is left.
#[tokio::test]
async fn a_torn_journal_holds_a_batch_with_its_release_or_neither() {
    let scene = Scene::new().await.restarted().await;
    let (dir, batch) = (scene.dir.path().to_owned(), scene.batch(3));
    let events = vec![batch.accepted.clone(), batch.released()];
    let length = |dir: &Path| fs::metadata(segment(dir)).unwrap().len();
    scene.journal.close().await;
    let before = length(&dir);
    let scene = scene.restarted().await;
    scene.append("agency/NSC", events).await;
    let clock = scene.clock.clone();
    scene.journal.close().await;
    let after = length(&dir);
    assert!(before < after);
    let step = ((after - before) / 40).max(1) as usize;
    let cuts = (before..after).step_by(step).chain([after - 1]);
    for cut in cuts {
        let torn = TempDir::new().unwrap();
        fs::create_dir(torn.path().join("journal")).unwrap();
        fs::copy(segment(&dir), segment(torn.path())).unwrap();
        fs::OpenOptions::new()
            .write(true)
            .open(segment(torn.path()))
            .unwrap()
            .set_len(cut)
            .unwrap();
        let (journal, catalog, mut follower) = open(torn.path(), &clock);
        assert_eq!(met(&catalog, &batch), [false; 3], "cut at {cut} of {before}..{after}");
        // Nothing of it is in the way when it is handed in again.
        let again = Draft {
            actor: nsc(),
            parties: vec![],
            decree: None,
            events: vec![batch.accepted.clone(), batch.released()],
            signed_by: Some(scene.key.verifying_key()),
            persons: [].into(),
        };
        let committed = journal.append(Class::Submission, again).await.unwrap();
        assert_eq!(committed.reply, Reply::Recorded);
        follower.catch_up().unwrap();
        met_as_released(&catalog, &batch);
        journal.close().await;
    }
}

/// The one segment of a small journal.
fn segment(dir: &Path) -> PathBuf {
    dir.join("journal").join(format!("{:020}.journal", 0))
}

#[tokio::test]
async fn a_pattern_is_laid_on_no_other_rows() {
    type Spoil = fn(&Scene, &Batch) -> (Event, Option<Body>);
    let spoilt: [(&str, Spoil); 5] = [
        ("which was not accepted", |_, batch| released(BatchId([7; 32]), &batch.release)),
        ("for 2 cells, 3 stand", |_, batch| {
            released(batch.id, &Release { cells: 2, ..batch.release.clone() })
        }),
        ("says nothing of 2024", |_, batch| {
            let periods = BTreeMap::new();
            released(batch.id, &Release { periods, ..batch.release.clone() })
        }),
        ("is no bitmap", |_, batch| {
            let periods = [("2024".to_owned(), "AAAA".to_owned())].into();
            released(batch.id, &Release { periods, ..batch.release.clone() })
        }),
        ("is not where it should be", |_, _| (Event::RecordsRead { from: 0, to: 0 }, None)),
    ];
    for (expected, spoil) in spoilt {
        let mut scene = Scene::new().await;
        let batch = scene.batch(3);
        let instead = spoil(&scene, &batch);
        scene.append("agency/NSC", vec![batch.accepted.clone()]).await;
        scene.append("agency/NSC", vec![instead]).await;
        let error = format!("{:#}", scene.follower.catch_up().unwrap_err());
        assert!(error.contains(expected), "{error}");
        assert_eq!(met(&scene.catalog, &batch), [false; 3], "{expected}");
    }
}
