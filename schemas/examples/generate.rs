//! Writes `schemas/json/batch-<DATASET>.json` from the structures:
//! `cargo run -p birge-schemas --example generate`.

use std::{error::Error, fs, path::Path};

use birge_schemas::{json_schema, structure::Structures};

fn main() -> Result<(), Box<dyn Error>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("json");
    for structure in Structures::bundled()?.iter() {
        let path = folder.join(format!("batch-{}.json", structure.id));
        fs::write(&path, json_schema::text(&json_schema::of_batch(structure)))?;
        println!("{}", path.display());
    }
    Ok(())
}
