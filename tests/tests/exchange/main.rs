//! The whole exchange: real processes, real TLS, real files. One binary, so that it links once.
//!
//! | module | promise |
//! |---|---|
//! | `admission` | nobody unknown gets in |
//! | `access` | who may see what of the log, what is due, what an old copy leads to |
//! | `authority` | the operator alone makes no agency and no decree |
//! | `signatories` | no decree is enacted that too few of the authority's keys signed |
//! | `succession` | a key of the log follows on another, and a log ends |
//! | `tampering` | what was not signed so is not taken; a bad batch changes nothing |
//! | `template` | whatever file comes, there is a report and no panic |
//! | `figures` | the findings in real figures are those that are known |
//! | `races` | sent twice, done once; of two revisions one wins |
//! | `crash` | no receipt before durability; nothing lost, nothing twice |
//! | `lines` | killed nodes, lines that break, slow lines: every batch arrives once, in order |
//! | `matrix` | the same at every system call of a commit, killed or refused |
//! | `disk` | a full disk refuses and harms nothing |
//! | `rebuild` | everything but the journal can be rebuilt from it |
//! | `damage` | one flipped byte is found and placed |
//! | `time` | the journal's time never runs backwards |
//! | `disclosure` | a withheld cell stays withheld |
//! | `attacked` | a solver that is not ours tells nothing of what is withheld |
//! | `log` | others' tools accept the log |
//! | `services` | what is served, and to whom |
//! | `quota` | who asks too much is put off, and nobody else |
//! | `enactment` | decrees are checked, enacted, and hold from their date |
//! | `recorded` | every refusal of somebody identified is a record |
//! | `reminders` | who owes figures is told by mail, once a day, and mail stops nothing else |
//! | `renewal` | certificates are renewed before they end, and after a long absence |
//! | `console` | the node's pages and its push API: who gets in, one batch of what is pushed, for everybody |
//! | `revisions` | what stands is changed by a revision, and how |
//! | `versions` | what was known when: as-of, release to the public, withdrawal, consent |
//! | `auditing` | what auditors list, export, mirror, report and hold is proved |
//! | `witnessing` | what the quorum of witnesses has signed is told from what it has not |
//! | `starting` | a gateway on an old copy of its data writes nothing |
//! | `names` | names of persons in records are erased and the log holds |
//! | `people` | persons sign in, and nobody does in another's name |
//! | `carried` | batches go and receipts come where there is no line |
//! | `forms` | workbooks for offices go out and come back |
//! | `approval` | nothing is signed that the approver's key has not approved |
//! | `sources` | a database is asked, and what it gives goes the way of any file |
//! | `words` | exit codes, and what is said with them |
//! | `witness_node` | a node cosigns one history, and finds a second one |
//! | `portal` | people see with a browser what they may, and the same as on every other way |
//! | `sdmx` | clients of the field read the same figures over SDMX REST, in every form |
//! | `demo` | the demonstration tells its story |

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod access;
mod admission;
mod approval;
mod attacked;
mod auditing;
mod authority;
mod carried;
mod clock;
mod console;
mod countries;
mod crash;
mod damage;
mod demo;
mod disclosure;
mod disk;
mod doctor;
mod enactment;
mod figures;
mod forms;
mod harmonisation;
mod law;
mod lines;
mod log;
mod matrix;
mod names;
mod obligations;
mod people;
mod portal;
mod quota;
mod races;
mod rebuild;
mod recorded;
mod reminders;
mod renewal;
mod revisions;
mod sdmx;
mod services;
mod signatories;
mod simulation;
mod sources;
mod starting;
mod succession;
mod support;
mod tampering;
mod template;
mod time;
mod versions;
mod within;
mod witness_node;
mod witnessing;
mod words;
