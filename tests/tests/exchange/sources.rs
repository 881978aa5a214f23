//! Databases as sources: real ones are asked, and what they give goes the way of any file.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use birge_tests::{
    exchange::Exchange,
    node::Node,
    postgres::{PASSWORD, Postgres},
    process::{Output, Process},
    template::{demonstration, not_tried},
    watch,
};
use tempfile::TempDir;

use crate::clock::{library, with_offset};

/// A node that has asked nobody to enrol it yet.
fn node() -> (TempDir, Node) {
    let folder = tempfile::tempdir().unwrap();
    let node = Node::at(&folder.path().join("mia"), "agency/MIA", 1).unwrap();
    (folder, node)
}

fn secret(node: &Node) {
    let file = node.dir().join("password");
    fs::write(&file, PASSWORD).unwrap();
    fs::set_permissions(file, fs::Permissions::from_mode(0o600)).unwrap();
}

/// A source of this name, address and query, with more keys of its `[source.sql]`.
fn sql(node: &Node, name: &str, url: &str, query: &str, more: &str) {
    let query = toml::Value::String(query.into());
    let source =
        format!("name = \"{name}\"\n[source.sql]\nurl = \"{url}\"\nquery = {query}\n{more}");
    node.add_source(&source).unwrap();
}

/// What a source gives for a period, or the command's output where it gives nothing.
fn pulled(node: &Node, name: &str, period: &str) -> Result<String, Output> {
    let out = node.dir().join(format!("{name}.csv"));
    let _ = fs::remove_file(&out);
    let to = out.display().to_string();
    let output = node.command(&["pull", name, "--period", period, "--out", &to]).unwrap();
    match output.code {
        Some(0) => Ok(fs::read_to_string(out).unwrap()),
        _ => {
            assert!(!out.exists(), "{output:?}");
            Err(output)
        }
    }
}

fn refused(node: &Node, name: &str, says: &str) {
    let output = pulled(node, name, "2024").unwrap_err();
    assert!(output.stderr.contains(says) && output.stderr.contains("next: "), "{output:?}");
    assert!(!output.stderr.contains(PASSWORD), "{output:?}");
    let left = fs::read_dir(node.dir()).unwrap().flatten();
    assert!(left.into_iter().all(|it| !it.file_name().to_string_lossy().ends_with(".tmp")));
}

/// Over TLS and over a socket, each value as the database has it, and the period as a parameter.
#[test]
fn postgresql_is_asked_over_tls_and_a_socket() {
    let Some(postgres) = Postgres::start().unwrap() else { return };
    postgres
        .sql(
            "CREATE TYPE sex AS ENUM ('F', 'M');
             CREATE TABLE stays (sex sex, n bigint, rate numeric, share double precision, day date,
                 at timestamptz, closed boolean, note text, list integer[]);
             INSERT INTO stays VALUES
                 ('F', 9007199254740993, 12345678901234567890.0123456789, 0.1, '2024-02-29',
                  '2024-03-01 00:30+06', true, E'a \"note\", of\\ntwo lines', '{1}'),
                 ('M', -1, 0.10, 1e300, '2024-01-01', NULL, NULL, '', NULL);
             CREATE TABLE written (n integer);
             CREATE FUNCTION writes() RETURNS integer LANGUAGE sql AS
                 'INSERT INTO written VALUES (1) RETURNING n';
             GRANT ALL ON stays, written TO reader;",
        )
        .unwrap();
    let (_folder, node) = node();
    secret(&node);
    let tls =
        format!("password_file = \"password\"\nca_file = \"{}\"\n", postgres.authority().display());
    let (name, address) = (postgres.url("localhost"), postgres.url("127.0.0.1"));
    let all = "SELECT $1 AS period, $2::date AS first, $3 AS after, sex, n, rate, share, day, at, closed, \
               note FROM stays WHERE extract(year FROM day) = $1::integer ORDER BY sex;\n";
    sql(&node, "tls", &name, all, &tls);
    sql(&node, "socket", &postgres.socket_url(), all, "password_file = \"password\"");
    let expected = "period,first,after,sex,n,rate,share,day,at,closed,note\n\
        2024,2024-01-01,2025-01-01,F,9007199254740993,12345678901234567890.0123456789,0.1,2024-02-29,\
        2024-02-29 18:30:00+00,true,\"a \"\"note\"\", of\ntwo lines\"\n\
        2024,2024-01-01,2025-01-01,M,-1,0.10,1e+300,2024-01-01,,,\n";
    for source in ["tls", "socket"] {
        assert_eq!(pulled(&node, source, "2024").unwrap(), expected, "{source}");
    }
    refused_period(&node);

    // Who the server is must be shown, unless the configuration says otherwise in so many words.
    sql(&node, "other-name", &address, "SELECT 1 AS n", &tls);
    refused(&node, "other-name", "not valid for name");
    sql(&node, "any-name", &address, "SELECT 1 AS n", &format!("{tls}tls = \"verify-ca\""));
    assert_eq!(pulled(&node, "any-name", "2024").unwrap(), "n\n1\n");
    sql(
        &node,
        "unknown",
        &name,
        "SELECT 1 AS n",
        "password_file = \"password\"\ntls = \"verify-ca\"",
    );
    refused(&node, "unknown", "UnknownIssuer");
    sql(&node, "plain", &name, "SELECT 1 AS n", "password_file = \"password\"\ntls = \"disable\"");
    refused(&node, "plain", "pg_hba.conf");
    sql(
        &node,
        "no-password",
        &name,
        "SELECT 1 AS n",
        &format!("ca_file = \"{}\"", postgres.authority().display()),
    );
    refused(&node, "no-password", "password missing");

    // Nothing is written, whatever the query says.
    for (source, query, says) in [
        ("insert", "INSERT INTO written VALUES (1) RETURNING n", "SQLSTATE 42601"),
        (
            "with",
            "WITH x AS (INSERT INTO written VALUES (1) RETURNING n) SELECT * FROM x",
            "SQLSTATE 0A000",
        ),
        ("function", "SELECT writes() AS n", "read-only transaction"),
        ("two", "SELECT 1 AS n; DROP TABLE written", "multiple commands"),
        ("out", "SELECT 1 AS n) AS a; DROP TABLE written; --", "SQLSTATE 42601"),
        ("list", "SELECT list FROM stays", "one value"),
        ("twice", "SELECT n, n FROM stays", "two columns named"),
        ("many", "SELECT generate_series(1, 4) AS n", "more than 3 rows"),
        ("slow", "SELECT pg_sleep(60)::text AS n", "57014"),
        ("none", "SELECT n FROM stays WHERE sex::text = $1", "no rows for 2024"),
    ] {
        let more = format!("{tls}max_rows = 3\ntimeout_seconds = 1");
        sql(&node, source, &name, query, &more);
        refused(&node, source, says);
    }
    assert_eq!(postgres.sql("SELECT count(*) FROM written").unwrap(), "0");

    let password = node.dir().join("password");
    fs::set_permissions(&password, fs::Permissions::from_mode(0o644)).unwrap();
    refused(&node, "tls", "chmod 600");
    let doctor = node.command(&["doctor"]).unwrap();
    assert!(doctor.stdout.contains("tls: others may read the secret"), "{doctor:?}");
}

/// What is no period never comes near a database.
fn refused_period(node: &Node) {
    for wrong in ["2024' OR '1'='1", "2024; DROP TABLE stays", "2024-13"] {
        let output = pulled(node, "tls", wrong).unwrap_err();
        assert_eq!(output.code, Some(2), "{output:?}");
        assert!(output.stderr.contains("no reference period"), "{output:?}");
    }
}

/// The most memory that a process had, in KiB, told until it ends.
fn peak(node: &Node, arguments: &[&str]) -> u64 {
    let process = node.spawn(arguments).unwrap();
    let status = format!("/proc/{}/status", process.id());
    let mut peak = 0;
    loop {
        let text = fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let Some(line) = line else { break };
        peak = line.trim().trim_end_matches(" kB").parse().unwrap();
        std::thread::yield_now();
    }
    process.wait_end().unwrap().expect_code(0).unwrap();
    peak
}

/// However many rows there are, few of them lie in memory.
#[test]
fn a_million_rows_pass_through_little_memory() {
    let Some(postgres) = Postgres::start().unwrap() else { return };
    let (folder, node) = node();
    secret(&node);
    let query = "SELECT i AS id, 'person ' || i AS name, i % 97 AS age, \
                 date '2024-01-01' + i % 366 AS day FROM generate_series(1, $1::integer * 1000) AS i";
    let more =
        format!("password_file = \"password\"\nca_file = \"{}\"", postgres.authority().display());
    sql(&node, "rows", &postgres.url("localhost"), query, &more);
    let out = folder.path().join("rows.csv");
    let to = out.display().to_string();
    let [few, many] = ["0001", "1000"]
        .map(|period| peak(&node, &["pull", "rows", "--period", period, "--out", &to]));
    assert_eq!(fs::read_to_string(&out).unwrap().lines().count(), 1_000_001);
    println!("peak memory: {few} KiB for 1,000 rows, {many} KiB for 1,000,000");
    assert!(many < few + (16 << 10), "{few} KiB for 1,000 rows, {many} KiB for 1,000,000");
}

/// A SQLite file of the demonstration's figures in the common template.
fn figures(file: &Path) {
    let text = demonstration("mia/TRAFFICKING.csv").unwrap();
    let mut read = csv::Reader::from_reader(text.as_bytes());
    let names: Vec<String> = read.headers().unwrap().iter().map(str::to_owned).collect();
    let mut connection = rusqlite::Connection::open(file).unwrap();
    connection.execute(&format!("CREATE TABLE figures ({})", names.join(", ")), ()).unwrap();
    let marks = vec!["?"; names.len()].join(", ");
    let insert = format!("INSERT INTO figures VALUES ({marks})");
    let transaction = connection.transaction().unwrap();
    for record in read.records() {
        let record = record.unwrap();
        transaction.execute(&insert, rusqlite::params_from_iter(record.iter())).unwrap();
    }
    transaction.commit().unwrap();
}

/// From the ministry's database to the receipt, and no second batch of the same figures.
#[test]
fn what_a_database_gives_is_handed_in_once() {
    let exchange = Exchange::start().unwrap();
    let mia = exchange.node("agency/MIA").unwrap();
    figures(&mia.dir().join("own.db"));
    let query = "SELECT * FROM figures WHERE TIME_PERIOD = ?1";
    sql(&mia, "own", "sqlite:own.db", query, "");
    let checked = mia.command(&["pull", "own", "--period", "2012", "--dry-run"]).unwrap();
    assert!(checked.expect_code(0).unwrap().stdout.contains("valid: "));
    let queued = mia.command(&["pull", "own", "--period", "2012"]).unwrap().expect_code(0).unwrap();
    assert!(queued.stdout.contains("queued as batch"), "{queued:?}");
    let running = mia.run().unwrap();
    mia.wait_receipts(1).unwrap();
    // While it runs, that takes the file; the same figures make nothing.
    for period in ["2012", "2013"] {
        let pull = mia.command(&["pull", "own", "--period", period]).unwrap();
        assert!(pull.expect_code(0).unwrap().stdout.contains("`agency-node run` takes it"));
    }
    assert_eq!(mia.wait_receipts(2).unwrap().len(), 2);
    let said = running.stop().unwrap().stderr;
    assert!(said.contains("nothing to do"), "{said}");
    let kept: Vec<_> = fs::read_dir(mia.dir().join("sent")).unwrap().flatten().collect();
    assert_eq!(kept.len(), 3);
    assert!(kept.iter().all(|it| it.metadata().unwrap().permissions().mode() & 0o077 == 0));
}

#[test]
fn sqlite_is_asked_and_never_written_to() {
    let (_folder, node) = node();
    let file = node.dir().join("own.db");
    let connection = rusqlite::Connection::open(&file).unwrap();
    connection
        .execute_batch(
            "CREATE TABLE t (n, x, s, b);
             INSERT INTO t VALUES (9007199254740993, 0.1, 'Бишкек, \"центр\"', NULL)",
        )
        .unwrap();
    let before = fs::read(&file).unwrap();
    sql(&node, "all", "sqlite:own.db", "SELECT ?1 AS p, n, x, s, b FROM t;", "");
    assert_eq!(
        pulled(&node, "all", "2024-Q1").unwrap(),
        "p,n,x,s,b\n2024-Q1,9007199254740993,0.1,\"Бишкек, \"\"центр\"\"\",\n"
    );
    for (source, url, query, says) in [
        ("insert", "sqlite:own.db", "INSERT INTO t (n) VALUES (1) RETURNING n", "writes"),
        ("two", "sqlite:own.db", "SELECT 1; DROP TABLE t", "Multiple statements"),
        ("attach", "sqlite:own.db", "ATTACH 'other.db' AS other", "0 columns"),
        ("bytes", "sqlite:own.db", "SELECT x'00' AS b", "holds bytes"),
        ("none", "sqlite:own.db", "SELECT n FROM t WHERE s = ?1", "no rows for 2024"),
        ("missing", "sqlite:missing.db", "SELECT 1", "unable to open"),
        (
            "slow",
            "sqlite:own.db",
            "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) SELECT max(n) FROM c",
            "timeout_seconds",
        ),
    ] {
        sql(&node, source, url, query, "timeout_seconds = 1");
        refused(&node, source, says);
    }
    assert_eq!(fs::read(&file).unwrap(), before);
    assert!(!node.dir().join("missing.db").exists() && !node.dir().join("other.db").exists());
}

/// Over restarts, kills, and a clock that jumps forward and back: each time is met once, and of those
/// that passed while the node was off the newest.
#[test]
fn a_source_is_asked_when_it_is_due_and_once() {
    let Some(library) = library() else {
        return not_tried("a source on a schedule under a moved clock (faketime is not installed)");
    };
    let mut exchange = Exchange::start().unwrap();
    let mia = exchange.node("agency/MIA").unwrap();
    // What is queued waits: under another clock it is for no gateway.
    exchange.stop().unwrap();
    figures(&mia.dir().join("own.db"));
    mia.add_source(
        "name = \"own\"\nschedule = \"0 6 5 * *\"\ntime_zone = \"Asia/Bishkek\"\nperiod = \"month\"\n\
         [source.sql]\nurl = \"sqlite:own.db\"\n\
         query = \"SELECT * FROM figures WHERE TIME_PERIOD = '2012' AND ?1 LIKE '20%'\"",
    )
    .unwrap();
    let offset = mia.dir().join("offset");
    let run = |days: &str| {
        fs::write(&offset, days).unwrap();
        let command = mia.program(&["run"]).unwrap();
        let process = Process::spawn("run", &mut with_offset(&command, &library, &offset)).unwrap();
        process.wait_line("node ready").unwrap();
        process
    };
    let sent = || watch::files_below(&mia.dir().join("sent")).len();
    let state = mia.dir().join("state/schedules/own");
    let first = run("+0d");
    watch::until(mia.dir(), "the source to be seen", || Ok(state.exists().then_some(()))).unwrap();
    first.kill().unwrap();
    let taken = mia.dir().join("state/schedules/own.taken");
    // Days from today, and how often the source was asked by then.
    for (days, asked) in
        [("+40d", 1), ("+40d", 1), ("+75d", 2), ("+40d", 2), ("+75d", 2), ("+110d", 3)]
    {
        let running = run(days);
        let noted = || fs::read_to_string(&taken).unwrap_or_default();
        watch::until(mia.dir(), &format!("{asked} files"), || {
            let mut sent = watch::files_below(&mia.dir().join("sent"));
            sent.sort();
            let newest = sent.last().and_then(|file| Some(file.file_name()?.to_str()?.to_owned()));
            let is_noted = newest.is_some_and(|newest| noted().contains(&newest));
            Ok((sent.len() == asked && is_noted).then_some(()))
        })
        .unwrap();
        running.kill().unwrap();
    }
    assert_eq!(sent(), 3);
    let status = mia.command(&["status"]).unwrap().stdout;
    assert!(status.contains("source own") && status.contains("says what batch"), "{status}");
    assert_eq!(
        watch::files_below(&mia.dir().join("outbox")).len(),
        1,
        "the same figures, one batch"
    );
}
