#!/usr/bin/env python3
"""Attacks a table of counts of which some are withheld, with the solver HiGHS (PyPI: highspy).

attack.py CODES.csv PUBLISHED.csv THRESHOLD [--zeros-withheld] [--rounding BASE]
          [--population COUNTS.csv --others OTHERS.csv]

CODES.csv has a line per code: dimension, code, above. The codes above which nothing stands are
totals, and what has different ones is another table; codes of ages (Y15T19, Y_GE65) may contain
each other without saying so. PUBLISHED.csv has a column per dimension, and OBS_VALUE, which is
empty where a count is withheld; other columns that differ (a period) tell tables apart, but for
those that describe a single figure (SINGLE). A table need not have all its margins. A column
COMPLETE says along which dimensions (a;b) the parts of a total are all of it.

The attacker thinks of populations: how many persons there may be of each kind, a kind being as
fine as the codes of the table tell apart, and those that are in no code. Counts are whole, a total
is the sum of its kinds, and what is withheld is at least 1 if zeros are given out and nothing was rounded. Without that
column, parts are taken to be all of their total, unless some total of the same code that is given
out is more than its parts, or no population is left. BASE is what every count was rounded to.

COUNTS.csv and OTHERS.csv are for tables too large to be solved. The first is the population itself,
by its finest codes; the second has other ones, each numbered, by what they differ: number, a column
per dimension, change. Each is believed only after all that is published was found to be as it was;
and as the counts are known then, only small ones are looked for.

Prints as JSON: cells withheld, and of these: how many are known (recovered), how many are known to
be small, how many may be small and have fewer possible counts than the threshold (narrow), and
which. Ends with 1 if there is any.
"""
import argparse, csv, itertools, json, math, re, sys
from collections import defaultdict

import highspy, numpy

SINGLE = {"OBS_VALUE", "COMPLETE", "OBS_STATUS", "CONF_STATUS", "COMMENT_OBS", "ACTION", "STRUCTURE", "STRUCTURE_ID",
          "UNIT_MULT", "DECIMALS", "STOCK_FLOW", "REF_DATE", "ROUNDING", "AGE_DEF", "MIG_DEFINITION",
          "DATA_SOURCE", "COVERAGE", "TITLE", "COMPILING_ORG", "LAST_UPDATE"}
OFF = 1e-5


def read(path):
    with open(path, newline="", encoding="utf-8-sig") as file:
        return list(csv.DictReader(file))


def years(code):
    """From which age to below which."""
    for pattern, span in ((r"Y(\d+)", lambda a: (a, a + 1)), (r"Y(\d+)T(\d+)", lambda a, b: (a, b + 1)),
                          (r"Y_LT(\d+)", lambda b: (0, b)), (r"Y_GE(\d+)", lambda a: (a, math.inf))):
        found = re.fullmatch(pattern, code)
        if found:
            return span(*map(int, found.groups()))
    return None


class Dimension:
    """The codes of a dimension that occur in a table, and the kinds that each takes in."""

    def __init__(self, above, codes):
        self.top = next(iter(codes))
        while above.get(self.top):
            self.top = above[self.top]
        spans = {code: years(code) for code in codes if years(code)}
        ends = sorted({end for span in spans.values() for end in span})
        self.kinds = {code: {code} for code in codes if code not in spans}
        for code, (low, high) in spans.items():
            self.kinds[code] = {(a, b) for a, b in zip(ends, ends[1:]) if low <= a and b <= high}
        for code in codes:
            up = above.get(code)
            while up:
                if up in self.kinds:
                    self.kinds[up] |= self.kinds[code]
                up = above.get(up)
        # A code that is divided has those in it that no code below is for.
        self.all = set().union(*self.kinds.values()) | {self.top}
        self.kinds[self.top] = self.all
        self.parts = {code: self.divided(code) for code in codes}

    def divided(self, code):
        """The widest codes within a code."""
        within = [other for other in self.kinds if self.kinds[other] < self.kinds[code]]
        return [one for one in within if not any(self.kinds[one] < self.kinds[other] for other in within)]


def tables(names, above, rows):
    """Rows that sums may tie, each with its cell."""
    apart = [column for column in rows[0] if column not in names and column not in SINGLE]
    tops = defaultdict(list)
    for row in rows:
        top = []
        for name in names:
            code = row[name]
            while above[name].get(code):
                code = above[name][code]
            top.append(code)
        tops[tuple(top) + tuple(row[column] for column in apart)].append(row)
    return tops


class Attack:
    def __init__(self, names, above, rows, options, complete=True):
        self.options, self.names = options, names
        cells = [tuple(row[name] for name in names) for row in rows]
        self.dimensions = [Dimension(above[name], {cell[at] for cell in cells}) for at, name in enumerate(names)]
        values = [row["OBS_VALUE"] for row in rows]
        self.told = {cell: set(row["COMPLETE"].split(";")) for cell, row in zip(cells, rows) if "COMPLETE" in row}
        self.given = {cell: int(float(value)) for cell, value in zip(cells, values) if value != ""}
        self.withheld = [cell for cell, value in zip(cells, values) if value == ""]
        self.off = int(options.rounding) // 2
        self.floor = 0 if options.zeros_withheld or self.off or not complete else 1
        empty = {cell for cell, count in self.given.items() if count + self.off < 1}
        self.kinds = self.populate(cells, self.beside(set(cells)) if complete else [], empty)

    def beside(self, cells):
        """Of which totals, and along which dimension, the parts are taken to be all."""
        lines, refuted = [], set()
        for cell in cells:
            for at, dimension in enumerate(self.dimensions):
                parts = [cell[:at] + (code,) + cell[at + 1:] for code in dimension.parts[cell[at]]]
                parts = [part for part in parts if part in cells]
                if not parts:
                    continue
                if self.told:
                    if self.names[at] in self.told[cell] and not self.off:
                        lines.append((at, cell, parts))
                    continue
                if all(each in self.given for each in [cell] + parts):
                    if self.given[cell] > sum(self.given[part] for part in parts) and not self.off:
                        refuted.add((at, cell[at]))
                else:
                    lines.append((at, cell, parts))
        return [line for line in lines if (line[0], line[1][line[0]]) not in refuted]

    def populate(self, cells, complete, empty):
        """The kinds that somebody may be of, each with the cells that it counts in."""
        whole = set(cells)
        codes_of = [defaultdict(list) for _ in self.dimensions]
        for at, dimension in enumerate(self.dimensions):
            for code, kinds in dimension.kinds.items():
                for kind in kinds:
                    codes_of[at][kind].append(code)
        nobody = defaultdict(list)
        for at, cell, parts in complete:
            nobody[cell].append((at, {part[at] for part in parts}))
        found = {}
        for kind in itertools.product(*(dimension.all for dimension in self.dimensions)):
            codes = [codes_of[at][each] for at, each in enumerate(kind)]
            within = [cell for cell in itertools.product(*codes) if cell in whole]
            if any(cell in empty for cell in within):
                continue
            left_out = (codes[at] for cell in within for at, parts in nobody.get(cell, ())
                        if not parts.intersection(codes[at]))
            if within and not any(True for _ in left_out):
                # Kinds that count in the same cells are one.
                found[tuple(sorted(within))] = kind
        return found

    def programme(self):
        model = highspy.Highs()
        model.setOptionValue("output_flag", False)
        columns = {within: place for place, within in enumerate(sorted(self.kinds))}
        # A variable per withheld cell after one per kind, so that its extremes can be asked for.
        many = len(columns) + len(self.withheld)
        zeros = numpy.zeros(many)
        model.addCols(many, zeros, numpy.concatenate([numpy.zeros(len(columns)), numpy.full(len(self.withheld), float(self.floor))]),
                      numpy.full(many, highspy.kHighsInf), 0, numpy.zeros(many + 1, dtype=numpy.int32),
                      numpy.array([], dtype=numpy.int32), numpy.array([]))
        members = defaultdict(list)
        for within, place in columns.items():
            for cell in within:
                members[cell].append(place)
        place_of = {cell: len(columns) + at for at, cell in enumerate(self.withheld)}
        starts, places, values, low, high = [], [], [], [], []
        for cell in sorted(set(self.given) | set(self.withheld)):
            starts.append(len(places))
            places += members[cell]
            values += [1.0] * len(members[cell])
            if cell in place_of:
                places.append(place_of[cell])
                values.append(-1.0)
            count = self.given.get(cell, 0)
            off = self.off if cell in self.given else 0
            low.append(max(0.0, count - off))
            high.append(count + off)
        model.addRows(len(low), numpy.array(low, dtype=float), numpy.array(high, dtype=float), len(places),
                      numpy.array(starts, dtype=numpy.int32), numpy.array(places, dtype=numpy.int32), numpy.array(values))
        return model, len(columns)

    def others(self, population, others):
        """The least and greatest of each withheld cell in populations that were handed in."""
        held = set(self.withheld)
        above = {}

        def within(kind):
            if kind not in above:
                codes = [[code for code, kinds in dimension.kinds.items() if dimension.kinds[kind[at]] <= kinds]
                         for at, dimension in enumerate(self.dimensions)]
                above[kind] = list(itertools.product(*codes))
            return above[kind]

        counts, sums = {}, defaultdict(int)
        for row in population:
            kind = tuple(row[name] for name in self.names)
            counts[kind] = int(row["OBS_VALUE"])
            for cell in within(kind):
                sums[cell] += counts[kind]
        if any(sums[cell] != count for cell, count in self.given.items()):
            sys.exit("the population is not the one that was published")
        least, greatest = [[sums[cell] for cell in self.withheld] for _ in range(2)]
        place = {cell: at for at, cell in enumerate(self.withheld)}
        for _, rows in itertools.groupby(others, key=lambda row: row["number"]):
            changes = defaultdict(int)
            for row in rows:
                kind, change = tuple(row[name] for name in self.names), int(row["change"])
                if counts[kind] + change < 0:
                    sys.exit(f"a population has less than nobody in {kind}")
                for cell in within(kind):
                    changes[cell] += change
            for cell, change in changes.items():
                if change and (cell not in held or sums[cell] + change < self.floor):
                    sys.exit(f"a population is not as published: {cell} differs by {change}")
                if change:
                    count, at = sums[cell] + change, place[cell]
                    least[at], greatest[at] = min(least[at], count), max(greatest[at], count)
        small = range(0 if self.options.zeros_withheld else 1, self.options.threshold)
        return least, greatest, [at for at, cell in enumerate(self.withheld) if sums[cell] in small]

    def run(self, population=None, others=None):
        """The interval of each withheld cell as far as it is not safe; none if no population is left."""
        least, greatest = [math.inf] * len(self.withheld), [-math.inf] * len(self.withheld)
        wanted = range(len(self.withheld))
        if population is not None:
            least, greatest, wanted = self.others(population, others)
        threshold = self.options.threshold

        def reach(at):
            low = math.ceil(least[at] - OFF)
            return low, math.inf if greatest[at] == math.inf else math.floor(greatest[at] + OFF)

        def safe(at):
            if least[at] == math.inf:
                return False
            low, high = reach(at)
            return high >= threshold and high - low + 1 >= threshold

        todo = [at for at in wanted if not safe(at)]
        if todo:
            model, first = self.programme()
            for at in todo:
                for sense in (highspy.ObjSense.kMaximize, highspy.ObjSense.kMinimize):
                    if safe(at):
                        continue
                    model.changeObjectiveSense(sense)
                    model.changeColCost(first + at, 1.0)
                    model.run()
                    status = model.getModelStatus()
                    solution = model.getSolution().col_value
                    model.changeColCost(first + at, 0.0)
                    if status == highspy.HighsModelStatus.kInfeasible:
                        return None
                    if status in (highspy.HighsModelStatus.kUnbounded, highspy.HighsModelStatus.kUnboundedOrInfeasible):
                        greatest[at] = math.inf
                        continue
                    if status != highspy.HighsModelStatus.kOptimal:
                        sys.exit(f"the solver ends with {model.modelStatusToString(status)}")
                    for other in range(len(self.withheld)):
                        value = solution[first + other]
                        least[other], greatest[other] = min(least[other], value), max(greatest[other], value)
        return [(self.withheld[at], *reach(at)) for at in todo]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("codes")
    parser.add_argument("published")
    parser.add_argument("threshold", type=int)
    parser.add_argument("--zeros-withheld", action="store_true")
    parser.add_argument("--rounding", type=float, default=0)
    parser.add_argument("--population")
    parser.add_argument("--others")
    options = parser.parse_args()
    above = defaultdict(dict)
    for row in read(options.codes):
        above[row["dimension"]][row["code"]] = row["above"]
    rows, names = read(options.published), list(above)
    population = [read(file) for file in (options.population, options.others) if file]
    found = {"tables": 0, "withheld": 0, "recovered": 0, "small": 0, "narrow": 0, "unexplained": 0, "cells": []}
    for key, table in tables(names, above, rows).items() if rows else ():
        hidden = sum(row["OBS_VALUE"] == "" for row in table)
        if not hidden:
            continue
        found["tables"] += 1
        found["withheld"] += hidden
        intervals = Attack(names, above, table, options).run(*population)
        if intervals is None:
            intervals = Attack(names, above, table, options, complete=False).run()
        if intervals is None:
            found["unexplained"] += hidden
            continue
        for cell, low, high in intervals:
            known, small = low == high, high < options.threshold
            narrow = high - low + 1 < options.threshold and low < options.threshold
            found["recovered"] += known
            found["small"] += small
            found["narrow"] += narrow
            if known or small or narrow:
                found["cells"].append([*key[len(names):], *cell, low, None if high == math.inf else high])
    print(json.dumps(found))
    sys.exit(1 if found["cells"] else 0)


main()
