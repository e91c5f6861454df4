#!/usr/bin/env python3
"""Throws generated calls, good and bad, at every operation of /openapi.json of a running Guanxi.

No call may be answered by a 5xx; every answer must have a status, a media type and a body that
the document names. It works in a tenant of its own, so nothing else is touched. The seed is
printed: the same seed makes the same calls.
"""

import argparse
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "deploy" / "demo"))
from client import Api, ApiError  # noqa: E402
from load import environment  # noqa: E402
from tenant import Tenant  # noqa: E402

CHECKS = [
    "not_a_server_error", "status_code_conformance", "content_type_conformance", "response_headers_conformance",
    "response_schema_conformance", "negative_data_rejection", "ignored_auth"]
# They would take away the very key with which the calls are made, or wait for something on purpose.
LEFT_OUT = ["^/v1/sessions", "^/v1/token$", "^/v1/api-keys/"]


def command(url, key, options, left_out):
    """The call of schemathesis that does it, with one worker: two that build their calls at once can meet in Python
    3.11's compiler ("AST constructor recursion depth mismatch")."""
    parts = [
        Path(sys.executable).with_name("schemathesis"), "run", f"{url}/openapi.json", "--url", url,
        "--header", f"Authorization: Bearer {key}", "--checks", ",".join(options.checks or CHECKS),
        "--seed", options.seed, "--max-examples", options.examples, "--workers", "1", "--request-timeout", "20",
        "--phases", options.phases, "--continue-on-failure", "--suppress-health-check", "all",
        "--report", "junit", "--report-junit-path", options.report]
    for pattern in left_out:
        parts += ["--exclude-path-regex", pattern]
    if options.only:
        parts += ["--include-path-regex", options.only]
    if options.seconds:
        parts += ["--max-time", options.seconds]
    return list(map(str, parts))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--examples", type=int, default=25, help="calls made up for each operation and phase (25)")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="default: the time")
    parser.add_argument("--seconds", type=int, help="budget for the whole run")
    parser.add_argument("--phases", default="examples,coverage,fuzzing,stateful")
    parser.add_argument("--checks", nargs="+", help=f"default: {' '.join(CHECKS)}")
    parser.add_argument("--only", help="only paths that match this regular expression")
    parser.add_argument("--report", type=Path, default=ROOT / ".run" / "fuzz.xml", help="JUnit report")
    options = parser.parse_args()
    known = environment()
    url = known.get("GUANXI_URL")
    if not url:
        sys.exit("No gateway to talk to: run `make run` first.")
    try:
        operator = Api(url, known.get("GUANXI_OPERATOR_KEY", ""))
        tenant = Tenant(operator, f"fuzz-{options.seed}", "Fuzz", "Asia/Shanghai", "CNY")
        print(f"seed {options.seed}", flush=True)
        options.report.parent.mkdir(parents=True, exist_ok=True)
        code = subprocess.run(command(url, tenant.api.key, options, LEFT_OUT)).returncode
        tenant.api.get("/v1/me")  # it still stands
    except ApiError as error:
        sys.exit(f"fuzz: {error}")
    print(f"fuzz: {'passed' if code == 0 else 'failed'} (seed {options.seed}, report {options.report})")
    sys.exit(code)


if __name__ == "__main__":
    main()
