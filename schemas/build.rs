//! Has the crate compiled again when a file that it embeds changes.

use std::path::Path;

fn main() {
    for folder in ["crosswalks", "structures", "decrees"] {
        if Path::new(folder).exists() {
            println!("cargo:rerun-if-changed={folder}");
        }
    }
}
