#!/usr/bin/env python3
"""Attacks a table of counts of which some are withheld, with the solver HiGHS (PyPI: highspy).

attack.py CELLS.csv PUBLISHED.csv THRESHOLD

CELLS.csv names the codes of each dimension, and in a column NAME_g the group of each code.
PUBLISHED.csv has a line per cell of the table and of all its margins: a code, a group or _T in
each dimension, and the count, which is empty where it is withheld. The attacker knows that counts
are whole, that totals add up, and that a withheld count is at least 1, as zeros are given out.

Prints what it finds as JSON: cells withheld; cells whose count it knows; cells that it knows to be
below the threshold; cells, not known to be at least the threshold, that have fewer possible
counts than the threshold. Ends with 1 if there is any of the last three.
"""
import csv, json, math, sys
import highspy, numpy

cells_file, published_file, threshold = sys.argv[1], sys.argv[2], int(sys.argv[3])
with open(cells_file, newline="") as file:
    rows = list(csv.DictReader(file))
names = [name for name in rows[0] if name != "freq" and not name.endswith("_g")]

# Of each dimension: the parts of the total and of each group.
parts = []
for name in names:
    group = name + "_g"
    parts.append({})
    for row in rows:
        above = row.get(group, "_T")
        parts[-1].setdefault(above, set()).add(row[name])
        if group in row:
            parts[-1].setdefault("_T", set()).add(above)

with open(published_file, newline="") as file:
    published = {tuple(row[name] for name in names): row["freq"] for row in csv.DictReader(file)}
known = {cell: int(count) for cell, count in published.items() if count != ""}
column = {cell: place for place, cell in enumerate(c for c, count in published.items() if count == "")}

# One equation for each total that has a withheld cell in it.
equations = set()
for dimension, families in enumerate(parts):
    for cell in published:
        for part in families.get(cell[dimension], ()):
            break
        else:
            continue
        below = [cell[:dimension] + (part,) + cell[dimension + 1:] for part in families[cell[dimension]]]
        terms, right = {}, 0
        for each, sign in [(cell, 1)] + [(other, -1) for other in below]:
            if each in column:
                terms[column[each]] = sign
            else:
                right -= sign * known.get(each, 0)
        if terms:
            equations.add((tuple(sorted(terms.items())), right))
        elif right:
            sys.exit(f"the total {cell} does not add up")

model, count = highspy.Highs(), len(column)
model.setOptionValue("output_flag", False)
infinity, empty = highspy.kHighsInf, numpy.array([], dtype=numpy.int32)
for _ in range(count):
    model.addVar(1.0, infinity)
for terms, right in sorted(equations):
    places, signs = zip(*terms)
    model.addRow(right, right, len(places), numpy.array(places, dtype=numpy.int32), numpy.array(signs, dtype=float))

# Nothing is known at first: both are set by the first solution.
least, greatest = [math.inf] * count, [-math.inf] * count

def solve(sense, place):
    """The extreme of one cell; what the solution says of the others counts for them."""
    model.changeObjectiveSense(sense)
    model.changeColCost(place, 1.0)
    model.run()
    status, values = model.getModelStatus(), model.getSolution().col_value
    model.changeColCost(place, 0.0)
    if status == highspy.HighsModelStatus.kUnbounded or status == highspy.HighsModelStatus.kUnboundedOrInfeasible:
        greatest[place] = math.inf
        return
    if status != highspy.HighsModelStatus.kOptimal:
        sys.exit(f"the solver ends with {model.modelStatusToString(status)}: the table is not one")
    for other, value in enumerate(values):
        least[other], greatest[other] = min(least[other], value), max(greatest[other], value)

def reach(place):
    up = greatest[place]
    return math.ceil(least[place] - 1e-6), up if up == math.inf else math.floor(up + 1e-6)

def clear(place):
    if least[place] == math.inf:
        return False
    low, high = reach(place)
    return high >= threshold and high - low + 1 >= threshold

for place in range(count):
    for sense in (highspy.ObjSense.kMaximize, highspy.ObjSense.kMinimize):
        if not clear(place):
            solve(sense, place)

found = {"withheld": count, "recovered": 0, "small": 0, "narrow": 0}
for place in range(count):
    low, high = reach(place)
    found["recovered"] += low == high
    found["small"] += high < threshold
    found["narrow"] += high - low + 1 < threshold and low < threshold
print(json.dumps(found))
sys.exit(1 if found["recovered"] or found["small"] or found["narrow"] else 0)
