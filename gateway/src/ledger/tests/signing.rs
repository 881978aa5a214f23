//! When checkpoints are signed, and what is kept of their cosignatures.

use birge_proto::{
    clock::Timestamp,
    tlog::{cosignature::Cosigner, note::add_signature},
};

use super::*;

#[tokio::test]
async fn nothing_is_signed_before_it_may_be() {
    let exchange = Exchange::new();
    exchange.grow(5).await;
    exchange.advance().unwrap();
    exchange.grow(300).await;
    let contents = fs::read(exchange.ledger_dir().join("checkpoint")).unwrap();
    let (dir, config) = (exchange.ledger_dir(), LedgerConfig { interval_ms: 0 });
    let journal = exchange.journal();
    let (ledger, settler) =
        Ledger::open(&dir, config, exchange.signer(), journal.reader()).unwrap();
    journal.append(Class::Reading, Draft::records(1)).await.unwrap();
    assert_eq!(ledger.settled().borrow().note, contents);
    let seen = |size, root| Checkpoint::new(ORIGIN, size, root).unwrap();
    let at = |size| proof::root(size, &ledger.tiles(300)).unwrap();
    for size in [0, 5, 300] {
        assert_eq!(ledger.contradiction(&seen(size, at(size))).unwrap(), None, "{size}");
    }
    let other = ledger.contradiction(&seen(4, at(5))).unwrap();
    assert_eq!(other, Some(Contradiction::Other { size: 4 }));
    let larger = ledger.contradiction(&seen(301, at(5))).unwrap();
    assert_eq!(larger, Some(Contradiction::Larger { seen: 301, own: 300 }));
    assert!(ledger.begin().await.is_err(), "it is fenced");
    journal.close().await;
    drop(settler);
    ledger.finish().await;
    assert_eq!(fs::read(dir.join("checkpoint")).unwrap(), contents, "nothing was signed");
}

#[tokio::test]
async fn cosignatures_are_kept_and_never_replace_a_larger_checkpoint() {
    let exchange = Exchange::new();
    exchange.grow(5).await;
    let (dir, config) = (exchange.ledger_dir(), LedgerConfig { interval_ms: 0 });
    let journal = exchange.journal();
    let (ledger, settler) =
        Ledger::open(&dir, config, exchange.signer(), journal.reader()).unwrap();
    ledger.begin().await.unwrap();
    let five = ledger.checkpoint().borrow().clone();
    let witness = Cosigner::new("witness", SigningKey::generate().unwrap()).unwrap();
    let cosigned = |published: &Published| {
        let line = witness.cosign(&published.checkpoint, Timestamp::UNIX_EPOCH).unwrap();
        let note = add_signature(&published.note, &line).unwrap();
        Arc::new(Published { checkpoint: published.checkpoint.clone(), note })
    };
    settler.settle(cosigned(&five)).await.unwrap();
    let on_disk = || fs::read(dir.join("checkpoint")).unwrap();
    assert_eq!(on_disk(), cosigned(&five).note);
    exchange.verify().unwrap();

    journal.append(Class::Reading, Draft::records(1)).await.unwrap();
    let mut newest = ledger.checkpoint();
    let six = newest.wait_for(|newest| newest.checkpoint.size() == 6).await.unwrap().clone();
    assert_eq!(on_disk(), six.note);
    settler.settle(five.clone()).await.unwrap();
    assert_eq!(on_disk(), six.note, "a smaller one came late");
    settler.settle(cosigned(&six)).await.unwrap();
    settler.settle(five).await.unwrap();
    assert_eq!(ledger.settled().borrow().note, cosigned(&six).note);
    journal.close().await;
    drop(settler);
    ledger.finish().await;
    let again = Ledger::open(&dir, config, exchange.signer(), exchange.reader()).unwrap().0;
    assert_eq!(again.settled().borrow().note, cosigned(&six).note, "kept over a restart");
    again.begin().await.unwrap();
    assert_eq!(again.checkpoint().borrow().note, cosigned(&six).note);
}
