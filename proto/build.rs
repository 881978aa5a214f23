//! Compiles `exchange/v1/*.proto` with protox, so that no `protoc` need be installed.

use std::{env, error::Error, fs, path::PathBuf};

const FILES: [&str; 6] = [
    "exchange/v1/intake.proto",
    "exchange/v1/query.proto",
    "exchange/v1/audit.proto",
    "exchange/v1/admin.proto",
    "exchange/v1/people.proto",
    "exchange/v1/witness.proto",
];

fn main() -> Result<(), Box<dyn Error>> {
    for file in FILES {
        println!("cargo:rerun-if-changed={file}");
    }
    let mut compiler = protox::Compiler::new(["."])?;
    compiler.include_source_info(true).include_imports(true).open_files(FILES)?;

    let descriptors = PathBuf::from(env::var("OUT_DIR")?).join("exchange.v1.bin");
    fs::write(descriptors, compiler.encode_file_descriptor_set())?;
    tonic_prost_build::configure()
        .bytes(".exchange.v1.SubmitRequest")
        .compile_fds(compiler.file_descriptor_set())?;
    Ok(())
}
