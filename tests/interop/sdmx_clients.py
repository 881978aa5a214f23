"""Clients of the field ask the exchange over SDMX REST, each as it comes from its makers.

sdmx_clients.py CLIENT BASE AUTHORITY DATAFLOW AREA

Prints, as JSON, what the client read: dataflows, dimensions, codes of SEX, and the cells of one
area by sex from 2023 on, as [SEX, TIME_PERIOD, value or null]. AUTHORITY is the certificate that
is trusted; whoever asks with a session, a token or a certificate of its own says so in BEARER and
CERTIFICATE, KEY of the environment. rsdmx has a script of its own, sdmx_client.R.
"""

import json
import os
import sys
import warnings

warnings.simplefilter("ignore")
client, base, authority, dataflow, area = sys.argv[1:]
AGENCY = "BIRGE"


def cell(sex, period, value):
    missing = value is None or value != value
    return [sex, str(period), None if missing else float(value)]


def with_sdmx1():
    import sdmx

    certificate = os.environ.get("CERTIFICATE")
    session = {"verify": authority}
    if certificate:
        session["cert"] = (certificate, os.environ["KEY"])
    headers = {}
    if bearer := os.environ.get("BEARER"):
        headers = {"Authorization": f"Bearer {bearer}"}
    told = {}
    for version, path in (("2.1", "v1"), ("3.0.0", "v2")):
        source = {
            "id": AGENCY,
            "name": "Birge",
            "url": f"{base}/{path}",
            "versions": [version],
            "data_content_type": "XML",
        }
        sdmx.add_source(source, override=True)
        client = sdmx.Client(AGENCY, **session)
        client.session.headers.update(headers)
        flows = client.dataflow(provider=AGENCY).dataflow
        message = client.dataflow(dataflow, provider=AGENCY, params={"references": "all"})
        (structure,) = message.structure.values()
        dimensions = [dimension.id for dimension in structure.dimensions]
        (sexes,) = [scheme for key, scheme in message.codelist.items() if "CL_SEX" in key]
        # The one looks up the structure by itself, the other is handed it.
        places = ["A", area, "", "F+M", "", "", ""][: len(dimensions) - 1]
        key = ".".join(places)
        # In version 2 it asks for a span by no means; then it is told apart here.
        span = {"startPeriod": "2023"} if path == "v1" else {}
        generic = client.data(dataflow, key=key, params=span)
        told[path] = {
            "dataflows": sorted(flows),
            "dimensions": dimensions,
            "sexes": sorted(code.id for code in sexes),
            "cells": cells_of_sdmx1(generic),
        }
        if path == "v1":
            specific = client.data(dataflow, key=key, params=span, dsd=structure)
            assert "specific" in specific.response.headers["content-type"], specific.response.headers
            assert cells_of_sdmx1(specific) == told[path]["cells"]
            keys = client.data(dataflow, params={"detail": "serieskeysonly"})
            assert len(keys.data[0].series) > 0
            frame = sdmx.to_pandas(generic)
            assert len(frame) == len(told[path]["cells"]), frame
    return told


def cells_of_sdmx1(message):
    cells = []
    for data in message.data:
        for observation in data.obs:
            codes = {key: value.value for key, value in observation.key.values.items()}
            if codes["TIME_PERIOD"] < "2023":
                continue
            cells.append(cell(codes["SEX"], codes["TIME_PERIOD"], observation.value))
    return sorted(cells)


def with_pysdmx():
    from pysdmx.api.dc.rest import SdmxConnector
    from pysdmx.api.fmr import RegistryClient

    registry = RegistryClient(f"{base}/v2", pem=authority)
    schema = registry.get_schema("dataflow", AGENCY, dataflow, "1.0.0")
    sexes = registry.get_codes(AGENCY, "CL_SEX")
    assert [agency.id for agency in registry.get_agencies("SDMX")] == [AGENCY]
    assert any(concept.id == "SEX" for concept in registry.get_concepts(AGENCY, "CS_MIG_GENDER"))
    assert registry.get_dataflow_details(AGENCY, dataflow).id == dataflow
    assert registry.get_data_structures(AGENCY, f"DSD_{dataflow}", "1.0.0")

    connector = SdmxConnector(f"{base}/v2", pem=authority)
    flows = connector.dataflows()
    flow = f"Dataflow={AGENCY}:{dataflow}(1.0.0)"
    of_interest = f"REF_AREA='{area}' AND SEX IN ('F', 'M') AND TIME_PERIOD >= '2023'"
    there = connector.dataflow(flow, f"REF_AREA='{area}'")
    rows = list(connector.data(flow, of_interest))
    cells = [cell(row["SEX"], row["TIME_PERIOD"], float(row["OBS_VALUE"])) for row in rows]
    return {
        "v2": {
            "dataflows": sorted(flow.id for flow in flows),
            "dimensions": [component.id for component in schema.components.dimensions],
            "sexes": sorted(code.id for code in sexes),
            "cells": sorted(cells),
            "observations": there.obs_count,
        }
    }


print(json.dumps({"sdmx1": with_sdmx1, "pysdmx": with_pysdmx}[client]()))
