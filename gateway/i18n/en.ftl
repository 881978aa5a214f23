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
explain-small-withheld = Counts below { $threshold }, and what they could be computed from, are withheld under article { $articles }:
explain-small-given = Small counts are given as they were handed in, under article { $articles }:
explain-no-counts = The dataset counts no persons: nothing in it is a small count.
explain-instead = Within it would be permitted:
explain-instead-one = { $detail }, under article { $articles }
explain-nothing = Nothing within it would be permitted.
