//! Who owes figures is told by mail, before and after the deadline (decree, articles 3(1), 4(2)):
//! once a day at most, whatever happens to the gateway or to the mail server.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
};

use birge_gateway::decree::{Decree, Obligation};
use birge_proto::clock::{Clock, SystemClock};
use birge_tests::{
    answer::request,
    batch::Batch,
    binaries::{has_package, python, workspace},
    client::Client,
    country,
    exchange::{Exchange, free_address},
    process::Process,
    template::{self, not_tried},
    watch,
};
use serde_json::Value;

use crate::support::{block_on, place, submit};

/// A mail server that is not ours.
struct MailServer {
    folder: PathBuf,
    _process: Process,
}

impl MailServer {
    /// Whether there is one.
    fn installed() -> bool {
        let there = has_package("aiosmtpd");
        if !there {
            not_tried("reminders before a mail server (tests/run installs aiosmtpd)");
        }
        there
    }

    /// In the clear, or with a certificate and its key.
    fn start(address: SocketAddr, folder: &Path, certificate: &[PathBuf]) -> Self {
        fs::create_dir_all(folder).unwrap();
        let mut command = Command::new(python());
        command.arg(workspace().join("tests/interop/smtp.py"));
        command.arg(address.port().to_string()).arg(folder).args(certificate);
        let process = Process::spawn("mail server", &mut command).unwrap();
        process.wait_line("ready").unwrap();
        Self { folder: folder.to_owned(), _process: process }
    }

    fn files(&self, extension: &str) -> Vec<PathBuf> {
        let mut files = watch::files_below(&self.folder);
        files.retain(|file| file.extension().is_some_and(|is| is == extension));
        files
    }

    /// The mails that have come, once there are so many.
    fn mails(&self, least: usize) -> Vec<Value> {
        let what = format!("{least} mails");
        watch::until(&self.folder, &what, || {
            let mails = self.files("json");
            Ok((mails.len() >= least).then_some(()))
        })
        .unwrap();
        let read = |file: PathBuf| serde_json::from_slice(&fs::read(file).unwrap()).unwrap();
        self.files("json").into_iter().map(read).collect()
    }
}

/// Turns reminders on: nothing is told before a deadline, so that what is told does not hang on
/// the day of the test.
fn configure(exchange: &Exchange, server: &str, agencies: &[&str]) {
    let text = fs::read_to_string(exchange.config()).unwrap();
    let text = text.split("[reminders]").next().unwrap();
    let mut text =
        format!("{text}[reminders]\n{server}\nfrom = \"Birge <exchange@birge.example>\"\n");
    text += "days_before = []\n";
    for agency in agencies {
        let (name, language) = agency.split_once(' ').unwrap();
        let domain = name.to_lowercase();
        text += &format!(
            "[[reminders.contact]]\nagency = \"{name}\"\nofficer = \"officer@{domain}.example\"\n\
             deputy = \"deputy@{domain}.example\"\nlanguage = \"{language}\"\n"
        );
    }
    fs::write(exchange.config(), text).unwrap();
}

fn to(mails: &[Value]) -> Vec<&str> {
    let mut to: Vec<_> = mails.iter().map(|mail| mail["to"][0].as_str().unwrap()).collect();
    to.sort_unstable();
    to
}

/// What MIA owes by now, handed in: the demonstration's figures of 2023 as those of each year.
fn hand_in(exchange: &Exchange) {
    let mia = exchange.node("agency/MIA").unwrap();
    let decree = Decree::from_bundle(&birge_schemas::decree::model().unwrap()).unwrap();
    let owed = decree.obligations(SystemClock.now());
    let years = owed.iter().filter(|owed| owed.dataset == "TRAFFICKING");
    let text = template::demonstration("mia/TRAFFICKING.csv").unwrap();
    let (head, rows) = text.split_once('\n').unwrap();
    let mut text = format!("{head}\n");
    for Obligation { period, .. } in years {
        for row in rows.lines().filter(|row| row.contains(",PS,2023,")) {
            text += &format!("{}\n", row.replace(",PS,2023,", &format!(",PS,{period},")));
        }
    }
    let batch = Batch::from_csv("MIA", &text, 1_000).unwrap();
    place(&block_on(submit(exchange, &mia, &batch)).unwrap());
}

#[test]
fn officers_are_told_once_a_day_of_what_is_missing_and_of_nothing_that_came() {
    if country::model_only(
        "officers_are_told_once_a_day_of_what_is_missing_and_of_nothing_that_came",
    ) || !MailServer::installed()
    {
        return;
    }
    let mut exchange = Exchange::start().unwrap();
    hand_in(&exchange);
    exchange.stop().unwrap().expect_code(0).unwrap();
    let address = free_address().unwrap();
    let server = format!("host = \"127.0.0.1\"\nport = {}\ntls = \"none\"", address.port());
    configure(&exchange, &server, &["MIA en", "SBS en", "MLSSM ru", "COA en"]);

    // The mail server is away: nothing else waits for it.
    exchange.serve().unwrap();
    let mia = exchange.node("agency/MIA").unwrap();
    block_on(async {
        let client = Client::of(&mia, exchange.address()).await.unwrap();
        client.ask(request("TRAFFICKING", &[])).await.unwrap();
    });
    let previewed = exchange.gateway(&["reminders", "preview", "--output", "json"]).unwrap();
    let previewed: Vec<Value> =
        serde_json::from_str(&previewed.expect_code(0).unwrap().stdout).unwrap();
    let server = MailServer::start(address, &exchange.dir().join("mails"), &[]);
    let mails = server.mails(4);
    let four = [
        "deputy@mlssm.example",
        "deputy@sbs.example",
        "officer@mlssm.example",
        "officer@sbs.example",
    ];
    assert_eq!(to(&mails), four, "what MIA owes has come");
    for (mail, previewed) in mails.iter().zip(&previewed) {
        assert_eq!(
            (&mail["to"][0], &mail["headers"]["Subject"]),
            (&previewed["to"], &previewed["subject"])
        );
        assert_eq!(mail["body"], previewed["body"]);
    }
    let [of_sbs, .., of_mlssm] = &mails[..] else { panic!("{mails:?}") };
    let body = of_sbs["body"].as_str().unwrap();
    for part in
        ["- BORDER (", "period 2024-01: were due until the end of 2024-02-15", "agency-node submit"]
    {
        assert!(body.contains(part), "{part} is missing in {body}");
    }
    assert_eq!(of_sbs["headers"]["Auto-Submitted"], "auto-generated");
    assert_eq!(of_sbs["from"], "exchange@birge.example");
    let body = of_mlssm["body"].as_str().unwrap();
    assert!(body.contains("LABOUR_ABROAD") && body.contains("срок истёк"), "{body}");
    let said = exchange.stop().unwrap().expect_code(0).unwrap().stderr;
    assert_eq!(said.matches("the mail server is away").count(), 1, "{said}");
    for odd in ["COA has a contact and is no participant", "NSC takes part and has no contact"] {
        assert!(said.contains(odd), "{odd} is missing in {said}");
    }

    // After a restart only who was not told yet.
    let text = fs::read_to_string(exchange.config()).unwrap();
    fs::write(exchange.config(), text.replace("deputy@sbs", "refused@sbs")).unwrap();
    let text = fs::read_to_string(exchange.config()).unwrap();
    let contact = "[[reminders.contact]]\nagency = \"NBKR\"\nofficer = \"officer@nbkr.example\"\n\
                   deputy = \"officer@nbkr.example\"\n";
    fs::write(exchange.config(), text + contact).unwrap();
    exchange.serve().unwrap();
    let mails = server.mails(5);
    assert_eq!(to(&mails[4..]), ["officer@nbkr.example"], "officer and deputy in one");
    let said = exchange.stop().unwrap().expect_code(0).unwrap().stderr;
    assert!(said.contains("the mail server refuses a reminder"), "{said}");
    assert_eq!(server.mails(5).len(), 5);
    let none = exchange.gateway(&["reminders", "preview"]).unwrap().expect_code(0).unwrap();
    assert!(none.stdout.contains("refused@sbs.example") && !none.stdout.contains("officer@"));
}

#[test]
fn nothing_goes_out_in_the_clear_unless_it_stays_on_the_machine() {
    let mut exchange = Exchange::start().unwrap();
    exchange.stop().unwrap().expect_code(0).unwrap();
    configure(&exchange, "host = \"192.0.2.1\"\ntls = \"none\"", &["SBS en"]);
    let refused = exchange.gateway(&["serve"]).unwrap().expect_code(2).unwrap();
    assert!(refused.stderr.contains("mail to 192.0.2.1 would go out in the clear"), "{refused:?}");

    if !MailServer::installed() {
        return;
    }
    let (address, keys) = (free_address().unwrap(), exchange.home().join("keys"));
    let server = format!("host = \"localhost\"\nport = {}", address.port());
    configure(&exchange, &server, &["SBS en"]);
    let trusting = |mut command: Command| {
        command.env("SSL_CERT_FILE", keys.join("ca.crt"));
        command
    };
    let bare = MailServer::start(address, &exchange.dir().join("bare"), &[]);
    exchange.serve_by(trusting).unwrap();
    let greeted = || Ok((bare.files("hello").len() >= 2).then_some(()));
    watch::until(&bare.folder, "a second try", greeted).unwrap();
    exchange.stop().unwrap().expect_code(0).unwrap();
    assert_eq!(bare.mails(0), Vec::<Value>::new(), "it offers no STARTTLS");
    drop(bare);

    let signed_in = format!("{server}\nusername = \"birge\"\npassword_file = \"keys/mail\"");
    configure(&exchange, &signed_in, &["SBS en"]);
    let refused = exchange.gateway(&["serve"]).unwrap().expect_code(2).unwrap();
    assert!(refused.stderr.contains("its password cannot be read from"), "{refused:?}");
    fs::write(keys.join("mail"), "open sesame\n").unwrap();
    let certificate = ["tls.crt", "tls.key"].map(|file| keys.join(file));
    let secure = MailServer::start(address, &exchange.dir().join("secure"), &certificate);
    exchange.serve_by(trusting).unwrap();
    let mails = secure.mails(2);
    assert_eq!(to(&mails), ["deputy@sbs.example", "officer@sbs.example"]);
    assert!(mails.iter().all(|mail| mail["tls"] == true && mail["signedIn"] == true), "{mails:?}");
    let said = exchange.stop().unwrap().expect_code(0).unwrap();
    assert!(!format!("{said:?}").contains("sesame"), "{said:?}");
}

/// On an old copy of its data it would call missing what came long ago.
#[test]
fn a_gateway_that_does_not_know_yet_whether_it_is_the_newest_reminds_nobody() {
    if country::model_only(
        "a_gateway_that_does_not_know_yet_whether_it_is_the_newest_reminds_nobody",
    ) || !MailServer::installed()
    {
        return;
    }
    let mut exchange = Exchange::start().unwrap();
    let bodies = ["agency/NSC", "agency/MLSSM", "agency/MIA", "agency/MFA"];
    let [nsc, ..] = bodies.map(|identity| exchange.node(identity).unwrap());
    exchange.stop().unwrap().expect_code(0).unwrap();
    let address = free_address().unwrap();
    let server = format!("host = \"127.0.0.1\"\nport = {}\ntls = \"none\"", address.port());
    configure(&exchange, &server, &["SBS en"]);
    let server = MailServer::start(address, &exchange.dir().join("mails"), &[]);
    exchange.serve().unwrap();
    exchange.server().unwrap().wait_line("gateway waits").unwrap();
    block_on(async {
        let client = Client::of(&nsc, exchange.address()).await.unwrap();
        client.ask(request("MIG_STOCK", &[])).await.unwrap_err();
    });
    exchange.stop().unwrap().expect_code(0).unwrap();
    assert_eq!(server.files("hello"), Vec::<PathBuf>::new());

    exchange.serve_with(&["--unwitnessed"]).unwrap();
    assert_eq!(server.mails(2).len(), 2);
}
