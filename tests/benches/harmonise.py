"""Eurostat's migr_asyappctza read, recoded and checked with polars or pandas, as a node does it.

harmonise.py polars|pandas FILE.csv

Prints the seconds that it took, the rows, and the most memory in MB. The checks are those that the
rules of the dataset make of a batch: codes, periods, numbers, keys that stand twice, sexes that do
not add up within rounding, ages and countries that are more than their total, first-time applicants
that are more than all, and leaps from year to year. Nothing is signed.
"""

import resource
import sys
import time

SEX = {"T": "_T", "F": "F", "M": "M", "UNK": "_U"}
AGE = {"TOTAL": "_T", "UNK": "_U", "Y_LT14": "Y0T13", "Y_LT18": "Y0T17", "Y14-17": "Y14T17",
       "Y18-34": "Y18T34", "Y35-64": "Y35T64", "Y_GE65": "Y_GE65"}
AREA = {"EL": "GR", "UK": "GB", "TOTAL": "_T", "UNK": "_U", "RNC": "_O"}
GROUPS = ["EU27_2020", "EU28", "EXT_EU27_2020", "XK", "UK_OCT"]
KEY = ["citizen", "sex", "age", "asyl_app", "geo", "TIME_PERIOD"]


def but(name):
    return [each for each in KEY if each != name]


def with_polars(path):
    import polars as pl

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
    return time.perf_counter() - start, rows.height, findings


def with_pandas(path):
    import pandas as pd

    start = time.perf_counter()
    codes = ["freq", "citizen", "sex", "unit", "age", "asyl_app", "geo"]
    rows = pd.read_csv(path, dtype={name: "category" for name in codes}, keep_default_na=False, na_values={"values": [""]})
    rows = rows[~rows["geo"].isin(["EU27_2020", "EU28"]) & ~rows["citizen"].isin(GROUPS) & (rows["asyl_app"] != "SSEQ")]
    rows = rows.drop(columns=["freq", "unit"])
    for name, known in [("sex", SEX), ("age", AGE), ("citizen", AREA), ("geo", AREA), ("asyl_app", {"NASY_APP": "ASY_FIRST"})]:
        rows[name] = rows[name].cat.remove_unused_categories().cat.rename_categories(lambda code: known.get(code, code))
    value = rows["values"]
    findings = int((value.isna() | (value < 0) | (value % 1 != 0)).sum())
    findings += int(((rows["TIME_PERIOD"] < 1900) | (rows["TIME_PERIOD"] > 2100)).sum())
    findings += sum(len(code) > 4 for code in rows["citizen"].cat.categories)
    findings += int(rows.duplicated(KEY).sum())
    for name in ["sex", "age", "geo", "citizen"]:
        total, parts = rows[rows[name] == "_T"], rows[rows[name] != "_T"]
        if name == "age":
            parts = parts[parts["age"] != "Y0T17"]
        sums = parts.groupby(but(name), observed=True)["values"].agg(["sum", "size"]).reset_index()
        both = total.merge(sums, on=but(name))
        findings += int((both["sum"] - both["values"] > 2.5 * (both["size"] + 1)).sum())
        larger = parts.merge(total, on=but(name), suffixes=("", "_all"))
        findings += int((larger["values"] - larger["values_all"] > 5).sum())
    both = rows[rows["asyl_app"] == "ASY_FIRST"].merge(
        rows[rows["asyl_app"] == "ASY_APP"], on=but("asyl_app"), suffixes=("", "_all"))
    findings += int((both["values"] - both["values_all"] > 5).sum())
    series = rows.sort_values(KEY)
    before = series.groupby(but("TIME_PERIOD"), observed=True)["values"].shift(1)
    greater, less = series["values"].where(series["values"] > before, before), series["values"].where(series["values"] < before, before)
    findings += int(((greater >= 500) & (greater >= 5 * less)).sum())
    return time.perf_counter() - start, len(rows), findings


library, path = sys.argv[1:]
took, count, findings = with_polars(path) if library == "polars" else with_pandas(path)
print(took, count, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
print(f"{findings} findings", file=sys.stderr)
