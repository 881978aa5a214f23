//! A large published file from the disk through its mapping and all rules to a signed batch, against
//! the same read, recoded and checked with polars, which is columnar as well and uses all cores, and
//! with pandas.

use std::{fs, path::Path, process::Command, time::Instant};

use anyhow::{Context, Result, bail};
use birge_agency_node::{
    batch::{self, Said},
    config,
    mapping::Mapping,
};
use birge_proto::{clock::Clock, clock::SystemClock, envelope::SigningKey, identity::AgencyId};
use birge_schemas::structure::Structures;
use birge_tests::{
    binaries::{has_package, python, workspace},
    template::published,
};

const FILE: &str = "load/eurostat_migr_asyappctza_full.csv.zst";

/// The areas that are no countries, and who applied again, for whom there is no indicator.
const GROUPS: &str = r#"{"column": "geo", "isNot": ["EU27_2020", "EU28"]}, {"column": "citizen",
    "isNot": ["EU27_2020", "EU28", "EXT_EU27_2020", "XK", "UK_OCT"]}, {"column": "asyl_app",
    "isNot": ["SSEQ"]}"#;

pub(crate) fn run() -> Result<()> {
    let Some(packed) = published(FILE) else { return Ok(()) };
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("asylum.csv");
    unpack(&packed, &file)?;
    let mapping =
        fs::read_to_string(workspace().join("deploy/mappings/eurostat_asyappctza_short.json"))?;
    let of_all =
        r#"{"column": "citizen", "is": ["KG"]}, {"column": "geo", "isNot": ["EU27_2020", "EU28"]}"#;
    if !mapping.contains(of_all) {
        bail!("the mapping's conditions are not as they were");
    }
    let mapping = Mapping::parse(&mapping.replace(of_all, GROUPS)).map_err(anyhow::Error::msg)?;
    let structures = of_every_country()?;
    let agency: AgencyId = "MFA".parse()?;
    let key = SigningKey::generate()?;

    let start = Instant::now();
    let input = mapping.read(&structures, &file).map_err(|failure| anyhow::anyhow!("{failure}"))?;
    let read = start.elapsed().as_secs_f64();
    let now = SystemClock.now();
    let checked = batch::check(&structures, &agency, input, Said::default(), now);
    let Some(batch) = checked.batch else { bail!("not valid: {}", checked.report) };
    let rules = start.elapsed().as_secs_f64() - read;
    let observations = batch.observations();
    let signed = batch
        .draft(&agency, &config::Batch::default(), now)
        .and_then(|draft| draft.approved("head")?.sign(&key, None))
        .map_err(|failure| anyhow::anyhow!("{failure}"))?;
    let ours = start.elapsed().as_secs_f64();
    let bytes: usize = signed.blocks.iter().map(Vec::len).sum();
    println!(
        "harmonisation: {observations} observations of {FILE} read and mapped in {read:.1} s, rules \
         in {rules:.1} s, signed after {ours:.1} s, {bytes} bytes; peak memory {} MB",
        peak_megabytes()?
    );
    for library in ["polars", "pandas"] {
        against(library, &file, ours)?;
    }
    Ok(())
}

/// The same with a library of Python's, which is installed if it is not.
fn against(library: &str, file: &Path, ours: f64) -> Result<()> {
    if !has_package(library) {
        let mut pip = Command::new(python());
        pip.args(["-m", "pip", "install", "--quiet", library]);
        if !pip.status().is_ok_and(|status| status.success()) {
            println!("harmonisation: no {library} beside ours (PyPI: {library})");
            return Ok(());
        }
    }
    let script = workspace().join("tests/benches/harmonise.py");
    let output = Command::new(python()).arg(script).arg(library).arg(file).output()?;
    if !output.status.success() {
        bail!("{}", String::from_utf8_lossy(&output.stderr));
    }
    let said = String::from_utf8(output.stdout)?;
    let fields: Vec<f64> = said.split_whitespace().map(str::parse).collect::<Result<_, _>>()?;
    let [theirs, rows, peak] = fields[..] else { bail!("{said}") };
    println!(
        "harmonisation: {library} reads, recodes and checks {rows} rows in {theirs:.1} s, signing \
         nothing, peak memory {peak:.0} MB: ratio {:.2}",
        theirs / ours
    );
    Ok(())
}

fn unpack(packed: &Path, to: &Path) -> Result<()> {
    let mut zstd = Command::new("zstd");
    let status = zstd.args(["-q", "-d", "-f", "-o"]).arg(to).arg(packed).status();
    match status.context("zstd is not installed")?.success() {
        true => Ok(()),
        false => bail!("zstd cannot unpack {}", packed.display()),
    }
}

/// The bundled structures, but that applicants may be citizens of every country, and that sums may
/// be off by what they are off in this file (which the rules find, and then nothing is signed).
fn of_every_country() -> Result<Structures> {
    let bundle = Structures::bundled()?.to_bundle();
    let mut files: serde_json::Value = serde_json::from_slice(&bundle)?;
    let file = &mut files["datasets/ASYLUM_ABROAD.json"];
    let mut dataset: serde_json::Value = serde_json::from_str(file.as_str().context("a text")?)?;
    let region = &mut dataset["data"]["dataConstraints"][0]["cubeRegions"][0]["keyValues"];
    region.as_array_mut().context("a list")?.retain(|value| value["id"] != "REF_AREA");
    *file = dataset.to_string().into();
    let rules = &mut files["rules/ASYLUM_ABROAD.json"];
    let text =
        rules.as_str().context("a text")?.replace(r#""rounding": 5"#, r#""rounding": 100000"#);
    *rules = text.into();
    Ok(Structures::from_bundle(&serde_json::to_vec(&files)?)?)
}

/// The most memory that this process ever had.
fn peak_megabytes() -> Result<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
    Ok(kilobytes.context("VmHWM")? / 1024)
}
