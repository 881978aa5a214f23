//! Batches that the operator carries in: judged as any, in the name of the agency that signed them.
//! Who carries them has no say: nothing but what is signed counts.

use std::sync::Arc;

use birge_proto::{
    envelope::MANIFEST_TYPE,
    identity::{Identity, Role},
    manifest::Manifest,
    problem::{Kind, Problem},
    wire::{SubmitHeader, SubmitRequest, SubmitResponse, submit_request::Part},
};
use futures::StreamExt;
use tokio::time::timeout;
use tonic::Streaming;

use super::intake::{PATIENCE, blocks};
use crate::{catalog::Catalog, intake::Intake};

/// Takes in one batch.
///
/// # Errors
/// As for [`Intake::submit`]; and where it is not signed by an agency that is enrolled.
pub(super) async fn import(
    catalog: &Catalog,
    intake: &Arc<Intake>,
    mut parts: Streaming<SubmitRequest>,
) -> Result<SubmitResponse, Problem> {
    let first = timeout(PATIENCE, parts.next()).await;
    let Ok(Some(Ok(SubmitRequest { part: Some(Part::Header(header)) }))) = first else {
        return Err(Problem::new(Kind::Malformed, "the stream does not begin with a header"));
    };
    let agency = signer(catalog, &header)?;
    // What is not signed is as over a line on which nothing broke.
    let header = SubmitHeader { dry_run: false, preview: false, held: 0, ..header };
    intake.submit(&agency, header, Box::pin(blocks(parts, PATIENCE))).await
}

/// The agency whose signature the manifest bears.
fn signer(catalog: &Catalog, header: &SubmitHeader) -> Result<Identity, Problem> {
    let manifest = Manifest::parse(&header.manifest)
        .map_err(|error| Problem::new(Kind::Malformed, error.to_string()))?;
    let agency = Identity::of(Role::Agency, manifest.agency);
    let key = catalog.read(|state| {
        let known = state.registry.participant(&agency).filter(|known| !known.serials.is_empty());
        known.map(|known| known.signing_keys.get(&header.key_id).copied())
    });
    let key = key.ok_or_else(|| {
        let detail = format!("{agency} is not enrolled, or was revoked");
        Problem::new(Kind::NotEnrolled, detail)
    })?;
    let holds = |key: birge_proto::envelope::VerifyingKey| {
        key.verify(MANIFEST_TYPE, &header.manifest, &header.signature).is_ok()
    };
    match key.is_some_and(holds) {
        true => Ok(agency),
        false => {
            let detail = format!("the batch is not signed with a key of {agency}");
            Err(Problem::new(Kind::BadSignature, detail)
                .hint("sign with the key that was enrolled"))
        }
    }
}
