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
