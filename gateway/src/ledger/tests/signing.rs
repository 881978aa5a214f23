//! When checkpoints are signed, and what is kept of their cosignatures.

use birge_proto::{
    clock::Timestamp,
    tlog::{
        cosignature::Cosigner,
        note::{NoteSigner, add_signature},
    },
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
    let journal = exchange.journal();
    let again = Ledger::open(&dir, config, exchange.signer(), journal.reader()).unwrap().0;
    assert_eq!(again.settled().borrow().note, cosigned(&six).note, "kept over a restart");
    again.begin().await.unwrap();
    let newest = again.checkpoint();
    assert_eq!(newest.borrow().note, cosigned(&six).note);
    assert!(!newest.has_changed().unwrap(), "who cosigned it would be waited for once more");
}

#[tokio::test]
async fn a_key_that_is_added_signs_beside_the_first_and_then_alone() {
    let exchange = Exchange::new();
    let key = Exchange::new().key;
    let next = || NoteSigner::new(ORIGIN, SigningKey::from_pkcs8(&key).unwrap()).unwrap();
    let keys = [exchange.signer().verifier(), next().verifier()];
    let signed =
        |note: &[u8]| keys.each_ref().map(|key| Checkpoint::open(note, key, ORIGIN).is_ok());
    let state = |signers: Signers| {
        State::open(Store::new(&exchange.ledger_dir()), signers, exchange.reader())
    };
    let advance = |signers| state(signers).unwrap().advance().unwrap().note.clone();
    exchange.grow(10).await;
    assert_eq!(signed(&advance(exchange.signer().into())), [true, false]);
    exchange.grow(11).await;
    let both = Signers::new(ORIGIN, vec![exchange.signer(), next()], vec![]);
    assert_eq!(signed(&advance(both)), [true, true]);
    fs::remove_file(exchange.ledger_dir().join("checkpoint")).unwrap();
    advance(exchange.signer().into());
    // The last checkpoint bears the first key alone, which is retired.
    let stranger = state(next().into()).err();
    assert!(matches!(stranger, Some(LedgerError::Damaged(_))), "{stranger:?}");
    exchange.grow(12).await;
    let former = |size| Former { key: exchange.signer().verifier(), size };
    let alone = |size| Signers::new(ORIGIN, vec![next()], vec![former(size)]);
    // It signed a checkpoint of 11 entries, which a key that ended before cannot have.
    let early = state(alone(10)).err();
    assert!(matches!(early, Some(LedgerError::Damaged(_))), "{early:?}");
    let alone = alone(11);
    assert_eq!(signed(&advance(alone)), [false, true]);
}
