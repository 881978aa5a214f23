"""Eurostat's migr_asyappctza read, recoded and checked with polars, as a node does it.

harmonise.py FILE.csv

Prints the seconds that it took, the rows, and the most memory in MB. The checks are those that the
rules of the dataset make of a batch: codes, periods, numbers, keys that stand twice, sexes that do
not add up within rounding, ages and countries that are more than their total, first-time applicants
that are more than all, and leaps from year to year. Nothing is signed.
"""

import resource
import sys
import time

import polars as pl

SEX = {"T": "_T", "F": "F", "M": "M", "UNK": "_U"}
AGE = {"TOTAL": "_T", "UNK": "_U", "Y_LT14": "Y0T13", "Y_LT18": "Y0T17", "Y14-17": "Y14T17",
       "Y18-34": "Y18T34", "Y35-64": "Y35T64", "Y_GE65": "Y_GE65"}
AREA = {"EL": "GR", "UK": "GB", "TOTAL": "_T", "UNK": "_U", "RNC": "_O"}
GROUPS = ["EU27_2020", "EU28", "EXT_EU27_2020", "XK", "UK_OCT"]
KEY = ["citizen", "sex", "age", "asyl_app", "geo", "TIME_PERIOD"]


def but(name):
    return [each for each in KEY if each != name]


def main(path):
    start = time.perf_counter()
    rows = pl.read_csv(path, schema_overrides={"values": pl.Float64})
    rows = rows.filter(~pl.col("geo").is_in(["EU27_2020", "EU28"]), ~pl.col("citizen").is_in(GROUPS),
                       pl.col("asyl_app") != "SSEQ")
    rows = rows.with_columns(
        pl.col("sex").replace_strict(SEX),
        pl.col("age").replace_strict(AGE),
        pl.col("citizen").replace(AREA),
        pl.col("geo").replace(AREA),
        pl.col("asyl_app").replace({"NASY_APP": "ASY_FIRST"}),
    ).drop("freq", "unit")
    findings = rows.filter(pl.col("values").is_null() | (pl.col("values") < 0) | (pl.col("values") % 1 != 0)).height
    findings += rows.filter((pl.col("TIME_PERIOD") < 1900) | (pl.col("TIME_PERIOD") > 2100)).height
    findings += rows.filter(pl.col("citizen").str.len_chars() > 4).height
    findings += rows.height - rows.select(KEY).n_unique()
    for name in ["sex", "age", "geo", "citizen"]:
        total = rows.filter(pl.col(name) == "_T")
        parts = rows.filter(pl.col(name) != "_T")
        if name == "age":
            parts = parts.filter(pl.col("age") != "Y0T17")
        sums = parts.group_by(but(name)).agg(pl.col("values").sum().alias("sum"), pl.len().alias("parts"))
        both = total.join(sums, on=but(name))
        tolerance = 2.5 * (both["parts"] + 1)
        findings += both.filter(both["sum"] - both["values"] > tolerance).height
        larger = parts.join(total, on=but(name), suffix="_all")
        findings += larger.filter(pl.col("values") - pl.col("values_all") > 5).height
    both = rows.filter(pl.col("asyl_app") == "ASY_FIRST").join(
        rows.filter(pl.col("asyl_app") == "ASY_APP"), on=but("asyl_app"), suffix="_all")
    findings += both.filter(pl.col("values") - pl.col("values_all") > 5).height
    series = rows.sort(KEY).with_columns(
        pl.col("values").shift(1).over(but("TIME_PERIOD")).alias("before"))
    greater, less = pl.max_horizontal("values", "before"), pl.min_horizontal("values", "before")
    findings += series.filter((greater >= 500) & (greater >= 5 * less)).height
    took = time.perf_counter() - start
    print(took, rows.height, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    print(f"{findings} findings", file=sys.stderr)


main(sys.argv[1])
