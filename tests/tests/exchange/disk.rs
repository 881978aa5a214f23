//! A full disk refuses and harms nothing (promises 1 and 2).

use std::{path::Path, process::Command};

use birge_proto::problem::Kind;
use birge_tests::{
    answer::request,
    client::Client,
    exchange::Exchange,
    template::{self, not_tried},
    watch,
};

use crate::support::{
    accepted, block_on, bulky, kind, records, signed, stop_and_verify, submit, trafficking, year,
};

/// A small file system on the journal's folder, unmounted when dropped.
struct Small<'a>(&'a Path);

impl<'a> Small<'a> {
    /// None where this user may not mount.
    fn mount(folder: &'a Path, size: &str) -> Option<Self> {
        let mut command = Command::new("mount");
        command.args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"]).arg(folder);
        let mounted = command.output().is_ok_and(|output| output.status.success());
        mounted.then_some(Self(folder))
    }

    fn grow(&self, size: &str) {
        let mut command = Command::new("mount");
        command.args(["-o", &format!("remount,size={size}")]).arg(self.0);
        assert!(command.status().unwrap().success());
    }
}

impl Drop for Small<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0).status();
    }
}

#[test]
fn a_full_disk_refuses_a_batch_and_takes_it_once_there_is_room() {
    let mut exchange = Exchange::start().unwrap();
    let nsc = exchange.node("agency/NSC").unwrap();
    let auditor = exchange.node("auditor/COA").unwrap();
    exchange.stop().unwrap().expect_code(0).unwrap();
    exchange.set("journal", "reserve_bytes", 0).unwrap();
    let (journal, kept) = (exchange.journal(), exchange.dir().join("kept"));
    std::fs::rename(&journal, &kept).unwrap();
    std::fs::create_dir(&journal).unwrap();
    let Some(small) = Small::mount(&journal, "512k") else {
        return not_tried("a full disk (this user may not mount a file system)");
    };
    for file in watch::files_below(&kept) {
        std::fs::copy(&file, journal.join(file.strip_prefix(&kept).unwrap())).unwrap();
    }
    exchange.serve().unwrap();
    let batch = signed(&bulky(1000), &nsc);
    block_on(async {
        let client = Client::of(&nsc, exchange.address()).await.unwrap();
        let refusal = client.submit(batch.parts()).await.unwrap_err();
        let expected = [Kind::DiskReserved, Kind::Fenced];
        assert!(expected.contains(&refusal.kind), "{refusal}");
    });
    if exchange.server().is_some_and(|server| server.signal("0").is_ok()) {
        stop_and_verify(&mut exchange);
    } else {
        assert_ne!(exchange.wait_end().unwrap().code, Some(0), "fenced, yet ended as if well");
        exchange.gateway(&["verify"]).unwrap().expect_code(0).unwrap();
    }
    small.grow("64m");
    exchange.serve().unwrap();
    block_on(async {
        let client = Client::of(&nsc, exchange.address()).await.unwrap();
        client.submit(batch.parts()).await.unwrap();
        assert_eq!(accepted(&records(&exchange, &auditor).await, "agency/NSC"), 1);
    });
    stop_and_verify(&mut exchange);
}

/// The reserve: first readers are refused, then submissions, never the operator.
#[test]
fn the_disks_reserve_is_kept_for_those_who_write() {
    let mut exchange = Exchange::start().unwrap();
    let nsc = exchange.node("agency/NSC").unwrap();
    let mia = exchange.node("agency/MIA").unwrap();
    block_on(submit(&exchange, &nsc, &year(2024, 100))).unwrap();
    let ask = |exchange: &Exchange| {
        block_on(async {
            let client = Client::of(&mia, exchange.address()).await.unwrap();
            client.ask(request("MIG_STOCK", &[])).await
        })
    };
    ask(&exchange).unwrap();
    exchange.stop().unwrap().expect_code(0).unwrap();

    // More than there is, but a quarter of it is there: readers only are refused.
    reserve(&exchange, 2);
    exchange.serve().unwrap();
    assert_eq!(kind(ask(&exchange)), Kind::DiskReserved);
    block_on(submit(&exchange, &mia, &trafficking())).unwrap();
    exchange.stop().unwrap().expect_code(0).unwrap();

    reserve(&exchange, 8);
    exchange.serve().unwrap();
    assert_eq!(kind(ask(&exchange)), Kind::DiskReserved);
    let refused = kind(block_on(submit(&exchange, &nsc, &bulky(1000))));
    assert_eq!(refused, Kind::DiskReserved);
    let revoke = ["revoke", "agency/MIA", "--reason", "the operator still acts"];
    exchange.gateway(&revoke).unwrap().expect_code(0).unwrap();
    stop_and_verify(&mut exchange);
}

/// Reserves so many times what is free.
fn reserve(exchange: &Exchange, times: i64) {
    let bytes = free(&exchange.journal()) * times;
    exchange.set("journal", "reserve_bytes", bytes).unwrap();
}

fn free(folder: &Path) -> i64 {
    let output = Command::new("df").args(["--output=avail", "-B1"]).arg(folder).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().last().unwrap().trim().parse().unwrap()
}

/// What comes stays in the inbox, and is taken once there is room.
#[test]
fn a_node_on_a_full_disk_loses_nothing_and_goes_on_once_there_is_room() {
    let exchange = Exchange::start().unwrap();
    let mia = exchange.node("agency/MIA").unwrap();
    mia.set("inbox", "scan_seconds", 1).unwrap();
    let kept = exchange.dir().join("kept");
    std::fs::rename(mia.dir(), &kept).unwrap();
    std::fs::create_dir(mia.dir()).unwrap();
    let Some(_small) = Small::mount(mia.dir(), "2m") else {
        return not_tried("a node on a full disk (this user may not mount a file system)");
    };
    birge_tests::exchange::copy(&kept, mia.dir()).unwrap();
    let figures = template::demonstration("mia/TRAFFICKING.csv").unwrap();
    let (part, filler) = (mia.dir().join("part"), mia.dir().join("filler"));
    std::fs::write(&part, figures).unwrap();
    let process = mia.run().unwrap();
    assert!(std::fs::write(&filler, vec![0; 4 << 20]).is_err(), "the disk is not full");
    let file = mia.inbox().join("TRAFFICKING.csv");
    std::fs::rename(part, &file).unwrap();
    watch::until(mia.dir(), "the node to say that the disk is full", || {
        Ok(process.tail().contains("stays in the inbox").then_some(()))
    })
    .unwrap();
    assert!(file.exists());
    std::fs::remove_file(filler).unwrap();
    let waited = mia.wait_receipts(1);
    waited.unwrap_or_else(|error| panic!("{error:#}\n{}", process.tail()));
    process.stop().unwrap().expect_code(0).unwrap();
    let auditor = exchange.node("auditor/COA").unwrap();
    assert_eq!(accepted(&block_on(records(&exchange, &auditor)), "agency/MIA"), 1);
}
