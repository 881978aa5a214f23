//! The chair's consent to revise frozen periods (article 5(2)).

use super::*;

#[test]
fn article_5_2_a_frozen_period_is_revised_with_the_chair_s_consent_and_no_other() {
    if country::model_only(
        "article_5_2_a_frozen_period_is_revised_with_the_chair_s_consent_and_no_other",
    ) {
        return;
    }
    block_on(async {
        let scene = Scene::new().await;
        let mlssm = scene.exchange.node("agency/MLSSM").unwrap();
        let file = |name: &str| scene.mia.dir().join(name).to_str().unwrap().to_owned();
        let (old, new) = (file("old.csv"), file("new.csv"));
        let text = birge_tests::template::demonstration("mia/TRAFFICKING.csv").unwrap();
        let (head, rows) = text.split_once('\n').unwrap();
        let of_2018 = |ends: &str| {
            let rows = rows.lines().filter(|row| row.contains(",PS,2018,")).map(str::to_owned);
            let rows: Vec<_> = rows.map(|row| row.replacen(",A,A,KG", ends, 1)).collect();
            format!("{head}\n{}\n", rows.join("\n"))
        };
        fs::write(&old, of_2018(",A,A,KG")).unwrap();
        fs::write(&new, of_2018(",R,A,KG")).unwrap();
        scene.node(&scene.mia, &["submit", &old], 0);
        let refused = scene.node(&scene.mia, &["submit", &new, "--reason", "recounted"], 1);
        assert_eq!(refused["problem"]["articles"], serde_json::json!(["5(2)"]), "{refused}");
        assert!(refused["problem"]["hints"].to_string().contains("--ask-consent"), "{refused}");

        let (request, consent) = (file("request.json"), file("consent.json"));
        // What was verified before the consent came must go on to be known after it.
        scene.node(&scene.auditor, &["audit", "verify"], 0);
        let ask = ["submit", &new, "--reason", "recounted", "--ask-consent", &request];
        let batch = scene.node(&scene.mia, &ask, 0)["batch"].as_str().unwrap().to_owned();
        let shown = scene.nsc.command(&["consent", "show", &request]).unwrap();
        let shown = shown.expect_code(0).unwrap().stdout;
        assert!(shown.contains("recounted") && shown.contains("2018"), "{shown}");
        // Another's consent, and the agency's own, are none; the batch goes on waiting.
        for node in [&mlssm, &scene.mia] {
            scene.node(node, &["consent", "give", &request, "--out", &consent], 0);
            let refused = scene.node(&scene.mia, &["consent", "use", &consent], 1);
            assert_eq!(refused["problem"]["code"], "BAD_SIGNATURE", "{refused}");
        }
        let waiting = scene.node(&scene.mia, &["consent", "list"], 0);
        assert_eq!(waiting["waiting"][0]["batch"], batch, "{waiting}");
        let refusals = scene.records().await;
        let under_5_2 = |record: &&Record| record.articles() == ["5(2)"];
        assert_eq!(
            refusals.values().filter(under_5_2).count(),
            3,
            "each on record, with its article"
        );
        scene.node(&scene.nsc, &["consent", "give", &request, "--out", &consent], 0);
        let told = scene.node(&scene.mia, &["consent", "use", &consent], 0);
        assert_eq!(told["batch"], batch);
        let gone = scene.node(&scene.mia, &["consent", "use", &consent], 2);
        assert!(gone["problem"]["detail"].to_string().contains("waits here"), "{gone}");
        // One asked for in vain is let go.
        let vain = scene.node(&scene.mia, &ask, 0)["batch"].as_str().unwrap().to_owned();
        scene.node(&scene.mia, &["consent", "drop", &vain], 0);
        assert_eq!(
            scene.node(&scene.mia, &["consent", "list"], 0)["waiting"],
            serde_json::json!([])
        );
        let index = told["exchange"].as_u64().unwrap();
        let recorded = record(&scene.exchange, &scene.auditor, index).await;
        assert_eq!(recorded.articles(), ["4(1)", "5(1)", "5(2)"]);
        let Event::SubmissionAccepted { consent, .. } = recorded.event else { panic!("accepted") };
        assert!(consent.is_some(), "the consent is on record");
        scene.node(&scene.auditor, &["audit", "verify"], 0);
        let paper = scene.auditor.dir().join("paper.md");
        scene.node(&scene.auditor, &["audit", "report", "--out", paper.to_str().unwrap()], 0);
        let paper = std::fs::read_to_string(paper).unwrap();
        let back = paper.split("## ").find(|part| part.starts_with("Batches withdrawn")).unwrap();
        assert!(back.contains(&batch.to_string()) && back.contains("with consent"), "{paper}");
        assert!(own_records(&scene.exchange, &scene.mia).await.contains_key(&index));
        scene.gateway.stop().await;
        scene.exchange.gateway(&["verify"]).unwrap().expect_code(0).unwrap();
    });
}
