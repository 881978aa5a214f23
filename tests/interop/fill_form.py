"""Fills in a form as an office does, with openpyxl, or reads what was marked in it.

fill_form.py FORM OUT VALUES      VALUES: JSON, {row: {column id: value}}, rows from 0
fill_form.py FORM marked          prints JSON: {row: {column id: text}} of cells with a red ground,
                                  and "above": what stands over the column of findings
fill_form.py FORM shown           prints JSON: every row as {column id: value}
"""

import json
import sys

import openpyxl

IDS, FIRST = 4, 5
path, what = sys.argv[1:3]
book = openpyxl.load_workbook(path)
sheet = book.worksheets[0]
columns = {cell.value: cell.column for cell in sheet[IDS] if cell.value}


def red(cell):
    return cell.fill.fill_type == "solid" and cell.fill.fgColor.rgb[-6:].upper() == "FFD9D9"


if what == "marked":
    found = {}
    for line in range(FIRST, sheet.max_row + 1):
        cells = {name: sheet.cell(line, column) for name, column in columns.items()}
        wrong = {name: str(cell.value) for name, cell in cells.items() if red(cell)}
        if wrong:
            found[line - FIRST] = wrong
    above = sheet.cell(1, columns["FINDINGS"]).value if "FINDINGS" in columns else None
    print(json.dumps({"rows": found, "above": above}))
elif what == "shown":
    rows = [
        {name: sheet.cell(line, column).value for name, column in columns.items()}
        for line in range(FIRST, sheet.max_row + 1)
    ]
    locked = [
        name for name, column in columns.items() if sheet.cell(FIRST, column).protection.locked
    ]
    rules = [str(rule.sqref) for rule in sheet.data_validations.dataValidation]
    print(json.dumps({"rows": rows, "locked": locked, "protected": sheet.protection.sheet,
                      "rules": rules, "sheets": [it.sheet_state for it in book.worksheets]}))
else:
    for row, values in json.loads(sys.argv[3]).items():
        for name, value in values.items():
            sheet.cell(FIRST + int(row), columns[name]).value = value
    book.save(what)
