//! The kinds of event that the journal records.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    AccountAct, Authorised, Counts, DecreeName, KeySignature, Outcome, Protection, Ruling,
};
use crate::{
    identity::Identity,
    manifest::{Action, BatchId, Cause},
};

/// The kinds of event, each with what is recorded of it. Digests are lower-case hex.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum Event {
    /// The log begins; its keys are pinned.
    Genesis {
        /// Origin line of the log's checkpoints.
        origin: String,
        /// The log's verification key, as a C2SP vkey.
        log_key: String,
        /// Public keys of the authority that signs decrees, in hex.
        authority_keys: Vec<String>,
        /// How many of these keys must have signed a decree: from 1 to all of them.
        authority_quorum: u64,
        /// Keys of the witnesses that are known by then, as C2SP vkeys.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        witness_keys: BTreeMap<Identity, String>,
    },
    /// Structures and rules come into use; the body holds them.
    StructuresAdopted {
        /// SHA-256 of the body.
        digest: String,
    },
    /// A decree is enacted; the body holds it.
    DecreeEnacted {
        /// Which.
        decree: DecreeName,
        /// First moment in force.
        in_force_from: Timestamp,
        /// SHA-256 of the body.
        digest: String,
        /// The authority's signatures, of at least as many keys as the log's first record asks
        /// for: ascending by key, each key once.
        signatures: Vec<KeySignature>,
    },
    /// A certificate was issued and a signing key registered.
    ParticipantEnrolled {
        /// For whom.
        identity: Identity,
        /// Serial number of the certificate, in hex.
        serial: String,
        /// SHA-256 of the certificate's DER.
        certificate: String,
        /// Public signing key in hex, where the identity signs.
        #[serde(skip_serializing_if = "Option::is_none")]
        signing_key: Option<String>,
        /// Key with which it witnesses the log, as a C2SP vkey.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        witness_key: Option<String>,
        /// The authority's countersignature; absent only for the operator, at genesis.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        authorised: Option<Authorised>,
    },
    /// A certificate was issued anew, for the key with which its holder was enrolled.
    CertificateRenewed {
        /// For whom.
        identity: Identity,
        /// Serial number of the new certificate, in hex.
        serial: String,
        /// SHA-256 of the new certificate's DER.
        certificate: String,
        /// That its holder asked for it, under its signing key; absent only for the operator.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        asked: Option<Authorised>,
    },
    /// Every certificate and key of an identity stops counting.
    ParticipantRevoked {
        /// Whose.
        identity: Identity,
        /// Serial numbers revoked.
        serials: Vec<String>,
    },
    /// Something happened to a person's account.
    Account {
        /// Whose.
        person: Identity,
        /// What.
        act: AccountAct,
    },
    /// A batch was accepted; the body holds it.
    SubmissionAccepted {
        /// Its name.
        batch: BatchId,
        /// Dataset.
        dataset: String,
        /// Version of the dataset's structure.
        version: String,
        /// Reference periods.
        periods: Vec<String>,
        /// What it does.
        action: Action,
        /// What it revises.
        #[serde(skip_serializing_if = "Option::is_none")]
        revises: Option<BatchId>,
        /// Success or warning.
        outcome: Outcome,
        /// What happened to observations.
        counts: Counts,
        /// Findings by code.
        findings: BTreeMap<String, u64>,
        /// Came after its deadline (article 4(2)).
        late: bool,
        /// Why it revises, in a word.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cause: Option<Cause>,
        /// The chair's consent to revise frozen periods (article 5(2)): its signature over the
        /// batch's name.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        consent: Option<KeySignature>,
        /// Key of whoever approved it within the agency (article 5(1)), where that was signed: the
        /// first 8 bytes of its SHA-256, in hex.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        approved: Option<String>,
        /// Codes of the findings that the agency says are right; its reasons lie in the body.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        justified: Vec<String>,
        /// SHA-256 of the body.
        digest: String,
        /// Why it was permitted.
        ruling: Ruling,
    },
    /// A batch was checked at its agency's wish, and not kept.
    SubmissionChecked {
        /// Its name.
        batch: BatchId,
        /// Dataset.
        dataset: String,
        /// What it would have come to.
        outcome: Outcome,
        /// Findings by code.
        findings: BTreeMap<String, u64>,
    },
    /// A batch was refused.
    SubmissionRejected {
        /// Its name, where the manifest could be read.
        #[serde(skip_serializing_if = "Option::is_none")]
        batch: Option<BatchId>,
        /// Dataset, where known.
        #[serde(skip_serializing_if = "Option::is_none")]
        dataset: Option<String>,
        /// Code of the problem.
        problem: String,
        /// Findings by code.
        findings: BTreeMap<String, u64>,
        /// What the decree said, where it was asked.
        #[serde(skip_serializing_if = "Option::is_none")]
        ruling: Option<Ruling>,
        /// The articles under which it was refused, where that was not by the ruling.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        articles: Vec<String>,
    },
    /// What of a dataset's periods may be given out under article 7; the body holds the pattern.
    Released {
        /// Dataset.
        dataset: String,
        /// Periods.
        periods: Vec<String>,
        /// The batch that made it necessary.
        batch: BatchId,
        /// Cells in these periods.
        cells: u64,
        /// Cells withheld, for whatever reason.
        withheld: u64,
        /// Method and version of the suppression.
        method: String,
        /// How it was protected, and what an attack on it came to (article 7(2)).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        protection: Option<Protection>,
        /// SHA-256 of the body.
        digest: String,
    },
    /// What of a dataset's periods became public (article 8(1)).
    PublicReleased {
        /// Dataset.
        dataset: String,
        /// Periods.
        periods: Vec<String>,
        /// The batch that made them what they are.
        batch: BatchId,
        /// The decree that was in force.
        decree: DecreeName,
        /// The articles under which they did.
        articles: Vec<String>,
    },
    /// A query was answered.
    QueryAnswered {
        /// Dataset.
        dataset: String,
        /// Keyed digest of the selection.
        selection: String,
        /// Batches that the answer rests on.
        batches: Vec<BatchId>,
        /// Cells given with a value.
        answered: u64,
        /// Cells withheld.
        withheld: u64,
        /// Of all these, cells that were not public yet (article 8(1)).
        #[serde(default, skip_serializing_if = "is_zero")]
        early: u64,
        /// Asked as of an earlier moment.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        as_of: Option<Timestamp>,
        /// Keyed digest of selection, release and columns.
        digest: String,
        /// Why it was permitted.
        ruling: Ruling,
    },
    /// A query was refused.
    QueryRefused {
        /// Dataset, where it exists.
        #[serde(skip_serializing_if = "Option::is_none")]
        dataset: Option<String>,
        /// Code of the problem.
        problem: String,
        /// What the decree said, where it was asked.
        #[serde(skip_serializing_if = "Option::is_none")]
        ruling: Option<Ruling>,
    },
    /// Somebody identified was refused something else.
    ActRefused {
        /// The act, as service and method.
        act: String,
        /// Code of the problem.
        problem: String,
    },
    /// Records were read.
    RecordsRead {
        /// From this index.
        from: u64,
        /// Up to before this one.
        to: u64,
    },
    /// A draft of a decree was asked every decision, and those that would change were told.
    Simulated {
        /// SHA-256 of the draft's bundle.
        digest: String,
        /// Records that were gone through.
        records: u64,
        /// Decisions that would change.
        changed: u64,
    },
    /// Too few witnesses sign: checkpoints are shown as sequenced only.
    WitnessQuorumLost {
        /// Leaves of the last checkpoint that the quorum signed; 0 for none.
        witnessed: u64,
        /// Witnesses that did not answer.
        missing: Vec<Identity>,
    },
    /// The quorum signs again.
    WitnessQuorumRegained {
        /// Leaves of the first checkpoint that it signed again.
        witnessed: u64,
    },
    /// The operator had the gateway write though too few witnesses had said what they hold.
    StartedUnwitnessed {
        /// Witnesses that answered.
        answered: u64,
        /// How many had to.
        needed: u64,
    },
    /// The log's checkpoints bear the signature of one more key.
    LogKeyAdded {
        /// The key, as a C2SP vkey.
        log_key: String,
        /// The authority's countersignature.
        authorised: Authorised,
    },
    /// The log's checkpoints no longer bear the signature of a key.
    LogKeyRetired {
        /// The key, as a C2SP vkey.
        log_key: String,
        /// The authority's countersignature.
        authorised: Authorised,
    },
    /// Nothing more is written to this log; another goes on from here.
    LogFrozen {
        /// Origin of the log that goes on.
        successor: String,
        /// Its key, as a C2SP vkey.
        log_key: String,
        /// The authority's countersignature.
        authorised: Authorised,
    },
    /// From here on the tree is that of another log, which begins with all that the frozen one
    /// holds: exchanges are counted on, and the one proves to continue the other.
    LogContinued {
        /// Origin line of this log's checkpoints.
        origin: String,
        /// Its key, as a C2SP vkey.
        log_key: String,
        /// The frozen log's last checkpoint, a signed note with its cosignatures. It covers
        /// every record before this one.
        last: String,
    },
    /// A legal hold was put on records: what may be erased of them stays.
    HoldPlaced {
        /// Its name.
        hold: String,
        /// First record.
        from: u64,
        /// One past the last; absent: all that come, too.
        #[serde(skip_serializing_if = "Option::is_none")]
        to: Option<u64>,
    },
    /// A legal hold was lifted.
    HoldLifted {
        /// Its name.
        hold: String,
    },
    /// In sums: what failed before anybody was identified, and what went beyond a quota.
    Turned {
        /// Since when.
        since: Timestamp,
        /// By reason.
        counts: BTreeMap<String, u64>,
    },
    /// Names of persons were erased, but for those under a legal hold (article 9(4)).
    NamesErased {
        /// In records before this moment.
        before: Timestamp,
        /// Records whose names were erased.
        records: u64,
    },
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde asks for")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}
