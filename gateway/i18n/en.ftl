# Why a request is decided as it is.
explain-decree = By decree { $number } of { $version }, in force from { $from }.
explain-asks = { $who } asks for { $dataset }, { $detail }; { $owner } hands it in.
explain-hands-in = { $who } hands in { $dataset }, approved, signed and by sex.
explain-totals = totals
explain-detail = broken down by { $dimensions }
explain-and = { " " }and{ " " }
explain-permitted = Permitted under article { $articles }:
explain-refused = Refused under article { $articles }:
explain-overruled = Article { $articles } would permit it; what forbids prevails.
explain-small-withheld = Counts from 1 to { $most }, and what they could be computed from, are withheld under article { $articles }:
explain-small-given = Small counts are given as they were handed in, under article { $articles }:
explain-zeros-withheld = Zeros are withheld too.
explain-unprotected = The decree withholds no small count of it.
explain-unmandated = Nobody must hand in { $dataset }, so nothing of it is exchanged.
explain-no-counts = The dataset counts no persons: nothing in it is a small count.
explain-instead = Within it would be permitted:
explain-instead-one = { $detail }, under article { $articles }
explain-nothing = Nothing within it would be permitted.

# What mails say to the officers of an agency.
reminder-subject-missing = Birge: figures of { $agency } are missing
reminder-subject-due = Birge: figures of { $agency } are due
reminder-to = To the responsible officer and the deputy at { $name } ({ $agency }).
reminder-law = Decree { $number } of { $version } asks for the following figures, and they have not come yet. Days are those of { $zone }.
reminder-missing = Missing:
reminder-due = Due:
reminder-missing-one = { $dataset } ({ $name }), period { $period }: were due until the end of { $day }, article { $article }
reminder-due-one = { $dataset } ({ $name }), period { $period }: in time until the end of { $day }, article { $article }
reminder-how = Hand them in at the agency's node; figures that come late are taken too:
reminder-obligations = What else is due, and what came, is told by:
reminder-automatic = The exchange wrote this by itself. A mail of this kind holds no figures, and nobody need answer it.

# The workbook of an answer.
workbook-data = Data
workbook-notes = Notes
workbook-dataset = Dataset
workbook-exchange = Exchange number
workbook-decree = Decree
workbook-decree-of = { $number } of { $version }
workbook-articles = Articles
workbook-given = Observations with what was handed in
workbook-withheld = Observations withheld
workbook-why = small counts, and what would tell them: they have no value and the status Q
workbook-narrowed = Left out
workbook-note = To be known
workbook-as-of = As it was known on
workbook-batches = Rests on the batches
workbook-made = Made on
workbook-cite = To cite
workbook-cite-as = { $name }, exchange { $exchange }, decree { $number } of { $version }
workbook-again = The same table in { $language }

# The portal's pages.
portal-name = Birge: migration figures
portal-language-name = English
portal-language = Language
portal-skip = To the content
portal-pages = Pages
portal-home = Home
portal-find = Datasets
portal-availability = Availability
portal-rights = Who sees what
portal-log = Log
portal-sign-in = Sign in
portal-sign-out = Sign out
portal-moment = { $day } { $name } { $year }, { $time }
portal-day = { $day } { $name } { $year }

# What is refused, and why.
portal-refused = Not permitted
portal-not-found = Not found
portal-not-signed-in = Nobody is signed in
portal-over-quota = Too many requests for now
portal-not-understood = The request cannot be read
portal-failed = The exchange could not do it
portal-by-articles = Under these articles
portal-article-n = article { $article }
portal-what-next = What to do next
portal-recorded-as = Recorded as exchange { $exchange }.
portal-to-datasets = To the datasets

# Signing in.
portal-sign-in-text = For persons whom their body has named. The account is made one's own with an invitation: agency-node account activate.
portal-sign-in-failed = This did not sign you in.
portal-account = Account
portal-account-help = Eight letters and digits, such as k3jq7x2m
portal-password = Password
portal-code = Code
portal-code-help = Six digits that the authenticator shows now

# Finding datasets.
portal-words = Words
portal-agency = Agency
portal-period = Period
portal-any = any
portal-search = Search
portal-found = Datasets found: { $count } of { $all }.
portal-found-nothing = No dataset has all these words.
portal-show-all = Show all
portal-unmandated = Nobody must hand it in
portal-one-period = Figures of { $period }
portal-periods-from-to = Figures from { $first } to { $last }, periods: { $count }
portal-newest = newest of { $day }
portal-no-figures = No figures have come yet.
portal-table = Table
portal-charts = Charts:
portal-chart-lines = Lines through time
portal-chart-pyramid = Population pyramid
portal-chart-stacked = Stacked bars
portal-chart-grouped = Grouped bars
portal-chart-dots = Gap between women and men
portal-chart-matrix = Matrix
portal-chart-regions = Map of regions

# Choosing a table, and the table.
portal-choose = Choose what is shown
portal-all = all
portal-chosen = chosen: { $count }
portal-several = In long lists, several are chosen with Ctrl held down. A list in which nothing is chosen leaves all open.
portal-filter-list = Narrow the list down
portal-from = From
portal-to = To
portal-last = Last periods
portal-as-of = As known on
portal-across = Across, in columns
portal-along = Along
portal-show-gap = Gap and ratio of women and men
portal-show = Show
portal-gap = Women less men
portal-ratio = Women per 100 men
portal-value = Value
portal-mark-withheld = c
portal-mark-missing = :
portal-mark-absent = ..
portal-means-withheld = withheld: a small count, or one that would tell such a count (articles 7(1), 7(2))
portal-means-missing = not available: it was handed in without a value
portal-means-absent = no such observation, or not computed
portal-skip-table = Past the table
portal-table-cut = There are more rows than one page shows. Choose less, or take the file, which has all.
portal-trace-hint = Every figure leads to where it comes from.
portal-nothing-given = Nothing is given of what is chosen.
portal-show-last = Show all of the last period
portal-answer-cut = These are not all cells: more were chosen than one page asks for. The files have all.
portal-narrowed = Left out:
portal-note = To be known:
portal-take = Take it with you
portal-file-xlsx = Excel (XLSX)
portal-file-csv = CSV (SDMX-CSV 2.0)
portal-file-json = SDMX-JSON 2.0
portal-file-xml = SDMX-ML 2.1
portal-cite = Cite this:
portal-cite-as = { $name } ({ $dataset }), exchange { $exchange }, { $decree }, { $day }. { $checkpoint }
portal-cite-checkpoint = Log { $origin }, { $size } records, root { $root }…
portal-copy = Copy
portal-token-help = TOKEN stands for one of your own: agency-node account token.
portal-rests = What it rests on
portal-exchange = Exchange number
portal-decree = Decree
portal-decree-of = decree { $number } of { $version }
portal-given = Figures given
portal-withheld = Withheld
portal-batches = Batches
portal-and-more = and { $count } more
portal-articles = Articles
portal-article = Article

# Charts.
portal-as-svg = Take the chart as SVG
portal-chart-cut = Not all of what is chosen is drawn; the table and the files have more.
portal-nothing-to-draw = There is nothing to draw of what is chosen. Choose more of what the chart goes along.
portal-drawn-from = What is drawn
portal-alt-through = { $series }: { $from } ({ $first }), { $to } ({ $last }).
portal-alt-between = { $series }: largest { $from } ({ $first }), smallest { $to } ({ $last }).

# Where a figure comes from.
portal-trace = Where a figure comes from
portal-where-from = Batches that made it what it is
portal-versions = Versions of the period
portal-state = State
portal-accepted = Accepted
portal-public-since = Public since
portal-not-yet = not yet
portal-batch = Batch
portal-version-current = current
portal-version-superseded = superseded
portal-version-withdrawn = withdrawn
portal-version-withdrawal = withdrawal
portal-handed-in-by = Handed in by
portal-dataset = Dataset
portal-proof = Proof
portal-proved-record = Checked just now: the log committed to this very record.
portal-proved-leaf = Checked just now: the record stands in the log that the checkpoint signs.
portal-log-name = Log
portal-tree-size = Records covered
portal-root = Root
portal-proof-steps = Steps of the proof, and the signed checkpoint
portal-checkpoint = Checkpoint
portal-witnesses = Witnesses
portal-no-witnesses = No witness is enrolled.
portal-signed-at = signed this checkpoint on { $moment }
portal-not-signed = has not signed this checkpoint
portal-proof-file = Take the proof
portal-proof-help = (C2SP tlog-proof; agency-node audit prove checks the same without this page)
portal-not-covered = No checkpoint covers it yet: look again in a few seconds.

# What is due, and what came.
portal-availability-text = What the decree asks for, what came and when, and what it lacks of the common template.
portal-availability-table = Datasets by year
portal-all-years = All years
portal-state-on-time = on time
portal-state-late = late
portal-state-missing = missing
portal-state-due = due
portal-state-partial = partial
portal-state-no-sex = not by sex
portal-lacks = lacks
portal-due-next = Due next
portal-before = Last day

# Rights.
portal-in-force = in force from { $day }.
portal-rights-of = Rights of: { $who }
portal-detail = Finest detail
portal-small-counts = Small counts
portal-nothing-of-it = nothing
portal-once-public = once public
portal-as-handed-in = as handed in
portal-are-withheld = withheld
portal-totals-only = totals
portal-hidden-no-persons = no counts of persons
portal-hidden-small = counts from 1 to { $most } are withheld
portal-hidden-zeros = counts from 0 to { $most } are withheld
portal-hidden-nothing = no small count is withheld
portal-rights-help = What is coarser is given too, where the articles do not say otherwise.
portal-rights-all = Rights of all
portal-body = Body
portal-role-agency = agency
portal-role-member = member of the working group
portal-role-observer = observer
portal-role-public = the public
portal-role-auditor = auditor
portal-role-operator = technical operator
portal-role-gateway = the exchange itself

# The log.
portal-log-text = The log holds { $size } records. Here stand those that concern you; auditors see all. That they were looked at is recorded, too.
portal-quorum-lost = Too few witnesses sign: since then nobody outside vouches for the log.
portal-filter = Narrow down
portal-party = Party
portal-what = What
portal-who = Who
portal-time = Time
portal-verdict = Decision
portal-verdict-permitted = permitted
portal-verdict-refused = refused
portal-records = Records
portal-no-records = No record fits.
portal-older = Older
portal-records-file = Take these records as a file (JSON Lines)
portal-checkpoint-of = Checkpoint of { $origin } over { $size } records, root:
portal-verify-help = The whole log is checked without the exchange's word by agency-node audit verify.
portal-record-n = Record { $index }
portal-record-before = Record before
portal-record-after = Record after
portal-record-closed = This record does not concern you, so its content is not shown. That it stands in the log can be proved all the same.
portal-record-closed-public = Records are not shown to the public. That this one stands in the log can be proved all the same.
portal-record-notice = Your data were used. A notice does not say by whom, and cannot be proved.
portal-as-recorded = As it was recorded
portal-somebody = somebody

# Home.
portal-owed = What your agency owes
portal-late-agencies = Figures that are missing
portal-rejected = What was rejected of your agency
portal-unusual = What is unusual
portal-nothing-wrong = Nothing among the last records.
portal-news = What is new
portal-revised = revised

# What records are of.
portal-kind-genesis = beginning of the log
portal-kind-structures-adopted = structures adopted
portal-kind-decree-enacted = decree enacted
portal-kind-participant-enrolled = participant enrolled
portal-kind-certificate-renewed = certificate renewed
portal-kind-participant-revoked = participant revoked
portal-kind-account = account of a person
portal-kind-submission-accepted = batch accepted
portal-kind-submission-checked = batch checked
portal-kind-submission-rejected = batch rejected
portal-kind-released = released to participants
portal-kind-public-released = released to the public
portal-kind-query-answered = question answered
portal-kind-query-refused = question refused
portal-kind-act-refused = act refused
portal-kind-records-read = records read
portal-kind-simulated = draft simulated
portal-kind-witness-quorum-lost = witnesses too few
portal-kind-witness-quorum-regained = witnesses enough again
portal-kind-started-unwitnessed = started unwitnessed
portal-kind-log-key-added = key of the log added
portal-kind-log-key-retired = key of the log retired
portal-kind-log-frozen = log frozen
portal-kind-log-continued = log continued
portal-kind-hold-placed = legal hold placed
portal-kind-hold-lifted = legal hold lifted
portal-kind-names-erased = names erased
portal-kind-turned = strangers turned away

# Why figures were revised.
portal-cause-source-error = an error of the source
portal-cause-processing-error = an error of processing
portal-cause-misattributed = figures of another period, dataset or unit
portal-cause-disclosure = figures that gave away what must stay hidden
portal-cause-late-data = data that came in late
portal-cause-method = a change of method
