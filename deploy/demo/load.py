#!/usr/bin/env python3
"""Fills tenants through the API: the project's own demo data, or a public data set.

Everything goes by external ids and idempotency keys, so it can be stopped and run again at any
time: nothing is doubled, and it waits for a service that is away for a moment.
"""

import argparse
import os
import shlex
import time
from pathlib import Path

import demo
import education
import hardware
import music
from client import Api, ApiError
from workers import fail

DATASETS = {"hardware": hardware, "education": education, "music": music, "demo": demo}
ENVIRONMENT = Path(__file__).parents[2] / ".run" / "guanxi.env"


def environment(path=ENVIRONMENT, over=os.environ):
    """What the running system wrote for scripts, below what `over` says."""
    values = {}
    if path.is_file():
        for line in path.read_text().splitlines():
            name, mark, value = line.removeprefix("export ").partition("=")
            if mark:
                values[name.strip()] = "".join(shlex.split(value))
    return {**values, **over}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("dataset", choices=DATASETS, help="what to load")
    parser.add_argument("--data", help="folder with maven-crm/, x-education/ and cdnow/ (not for demo)")
    parser.add_argument("--url", help="the gateway; default GUANXI_URL or what .run/guanxi.env says")
    parser.add_argument("--key-file", help="file with an operator's key; default GUANXI_OPERATOR_KEY")
    parser.add_argument("--limit", type=int, help="only the first N rows of the main file")
    parser.add_argument("--patience", type=float, default=120, help="seconds to wait for a service (120)")
    return parser.parse_args()


def main():
    options, known = arguments(), environment()
    url = options.url or known.get("GUANXI_URL")
    key = Path(options.key_file).read_text().strip() if options.key_file else known.get("GUANXI_OPERATOR_KEY")
    if not url or not key:
        fail("No gateway to talk to: run `make run` first, or give --url and --key-file.")
    if options.dataset != "demo" and not (options.data and Path(options.data).is_dir()):
        fail(f"Give the folder of the data set with --data (see docs); {options.data!r} is none.")
    began = time.monotonic()
    print(f"Loading {options.dataset} through {url}", flush=True)
    operator = Api(url, key, options.patience)
    try:
        DATASETS[options.dataset].load(operator, options.data, options.limit)
    except (ApiError, OSError) as error:
        fail(f"{error}\nRun the same command again to go on from here.")
    print(f"{options.dataset}: loaded in {time.monotonic() - began:.1f} s", flush=True)


if __name__ == "__main__":
    main()
