//! The present is the journal's, not the machine's.

use jiff::ToSpan;

use super::*;
use crate::{ceremony::DecreeSignature, keys::read_signing_key, serve::admin::enacted};

#[tokio::test]
async fn a_clock_that_steps_back_brings_no_earlier_decree_back() {
    let mut scene = Scene::new().await;
    let before = scene.clock_now();
    let from = before + 1.hour();
    let name = DecreeName { number: "1".into(), version: "2026-01-01".into() };
    let bundle = birge_schemas::decree::model().unwrap();
    let mut files = birge_schemas::decree::files(&bundle).unwrap();
    let parameters = files.get_mut("decree.json").unwrap();
    let mut changed: serde_json::Value = serde_json::from_str(parameters).unwrap();
    changed["version"] = name.version.clone().into();
    changed["inForceFrom"] = from.to_string().into();
    *parameters = changed.to_string();
    let bundle = birge_schemas::decree::to_bundle(&files).unwrap();
    let amendment = Decree::from_bundle(&bundle).unwrap();
    let authority = read_signing_key(&scene.dir.path().join("authority/authority.key")).unwrap();
    let signature = DecreeSignature::make(&bundle, &authority).unwrap();
    let enacted = enacted(&amendment, &bundle, vec![signature.into()]);
    scene.append("operator/BIRGE", vec![(enacted, Some(bundle.into()))]).await;
    scene.follower.catch_up().unwrap();

    let in_force = |scene: &Scene, time| {
        scene.catalog.read(|state| state.decree_at(time).unwrap().name().version)
    };
    assert_eq!(in_force(&scene, before), "2024-01-01");
    assert_eq!(in_force(&scene, from), "2026-01-01");

    // Something is recorded under the amendment; then the clock steps back behind its date.
    scene.clock.set(from);
    scene.append("operator/BIRGE", vec![(Event::RecordsRead { from: 0, to: 0 }, None)]).await;
    scene.follower.catch_up().unwrap();
    scene.clock.set(before);
    assert_eq!(in_force(&scene, before), "2026-01-01");
    assert_eq!(in_force(&scene.restarted().await, before), "2026-01-01", "after a restart too");
}
