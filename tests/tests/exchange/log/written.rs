//! A log that a gateway wrote for real requests, kept as it stood at several sizes.

use std::{fs, path::PathBuf};

use birge_gateway::keys::Keys;
use birge_proto::{
    problem::Problem,
    tlog::{checkpoint::Checkpoint, hash, hash::HASH_BYTES, note::NoteSigner},
    wire::DescribeDatasetRequest,
};
use birge_tests::{answer::request, client::Client, exchange::Exchange};
use futures::{StreamExt, TryStreamExt, stream};
use tempfile::TempDir;

use crate::support::{block_on, submit, trafficking, wait_covered, year};

/// Around the edges of tiles, up to a third level of them.
pub(super) const SIZES: [u64; 5] = [1, 255, 256, 257, 70_000];

/// Bytes of an entry in a bundle: its length in two, then the leaf.
const ENTRY_BYTES: usize = 2 + birge_proto::record::LEAF_BYTES;

/// The log at each of [`SIZES`].
#[derive(Debug)]
pub(super) struct Written {
    dir: TempDir,
    /// The log's verification key.
    pub(super) key: String,
}

impl Written {
    /// Has a gateway write it. Two batches and some answers open it; what fills it are
    /// questions about a dataset that does not exist, each of which is one record.
    pub(super) fn by_a_gateway() -> Self {
        let dir = TempDir::with_prefix("birge-log-").unwrap();
        let mut exchange = Exchange::at(&dir.path().join("exchange")).unwrap();
        exchange.set("quota", "records_per_minute", 10_000_000).unwrap();
        exchange.serve().unwrap();
        let nodes = ["agency/MIA", "agency/NSC"];
        let [mia, nsc] = nodes.map(|identity| exchange.node(identity).unwrap());
        let key = log_key(&exchange);
        let written = Self { dir, key: key.verifier().to_string() };
        block_on(async {
            submit(&exchange, &mia, &trafficking()).await.unwrap();
            submit(&exchange, &nsc, &year(2024, 100)).await.unwrap();
            let client = Client::of(&nsc, exchange.address()).await.unwrap();
            for _ in 0..20 {
                client.ask(request("MIG_STOCK", &[])).await.unwrap();
            }
            let mut size = refused(&client).await.unwrap() + 1;
            for next in SIZES.into_iter().skip(1) {
                stream::iter(size..next)
                    .map(|_| refused(&client))
                    .buffer_unordered(512)
                    .try_for_each(|_| async { Ok(()) })
                    .await
                    .unwrap();
                size = next;
                tokio::task::block_in_place(|| wait_size(&exchange, size));
                birge_tests::exchange::copy(&exchange.ledger(), &written.mirror(size)).unwrap();
            }
        });
        exchange.stop().unwrap().expect_code(0).unwrap();
        written.cut_to_one(&key);
        written
    }

    /// The folder of the checkpoint, tiles and bundles at a size.
    pub(super) fn mirror(&self, size: u64) -> PathBuf {
        self.dir.path().join(size.to_string())
    }

    /// The log when it had one entry. No gateway publishes that: the group that begins a log
    /// has four records. So the files are cut from those of the next size, and the checkpoint
    /// is signed here, with the gateway's key.
    fn cut_to_one(&self, key: &NoteSigner) {
        let (from, to) = (self.mirror(SIZES[1]), self.mirror(1));
        for (folder, length) in [("entries", ENTRY_BYTES), ("0", HASH_BYTES)] {
            let wider = fs::read(from.join("tile").join(folder).join("000.p/255")).unwrap();
            let folder = to.join("tile").join(folder).join("000.p");
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join("1"), &wider[..length]).unwrap();
        }
        let entry = fs::read(to.join("tile/entries/000.p/1")).unwrap();
        let head = Checkpoint::new(key.verifier().vkey().name(), 1, hash::leaf(&entry[2..]));
        fs::write(to.join("checkpoint"), head.unwrap().sign(key).unwrap()).unwrap();
    }
}

/// The key that a gateway signs checkpoints with.
pub(super) fn log_key(exchange: &Exchange) -> NoteSigner {
    let config: toml::Table = fs::read_to_string(exchange.config()).unwrap().parse().unwrap();
    let origin = config["exchange"]["origin"].as_str().unwrap();
    let key = Keys::in_folder(&exchange.home().join("keys")).signing_key("log.key").unwrap();
    NoteSigner::new(origin, key).unwrap()
}

/// Asks what is refused, and answers with the number of the record of it.
async fn refused(client: &Client) -> Result<u64, Problem> {
    let unknown = DescribeDatasetRequest { id: "NOTHING".into() };
    let status = client.query().describe_dataset(unknown).await.unwrap_err();
    let problem = Problem::from_status(&status);
    problem.exchange.ok_or(problem)
}

/// Waits for the checkpoint of exactly `size` entries, on the disk and from the gateway.
pub(super) fn wait_size(exchange: &Exchange, size: u64) {
    wait_covered(exchange, size - 1);
    let note = fs::read_to_string(exchange.ledger().join("checkpoint")).unwrap();
    assert_eq!(note.lines().nth(1), Some(&*size.to_string()), "{note}");
}
