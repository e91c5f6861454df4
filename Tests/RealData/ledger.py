"""What a stranger who reads the topics may rely on, checked event by event. Knows no broker.

- Every record is a CloudEvent 1.0 in binary mode with all its headers, keyed by its aggregate.
- Repeats have the same id and body, and are dropped.
- What is left of an aggregate is numbered 1, 2, 3, … in the order it is read, on one partition.
- Every body fits the released JSON Schema of its type.
"""

import hashlib
import json
from collections import Counter
from datetime import datetime
from uuid import UUID

import jsonschema_rs

MOST_EXAMPLES = 20  # of each kind of failure


class Schemas:
    """The released schemas by event type: files named `<type>.json` anywhere below a folder."""

    def __init__(self, folder):
        self.validators = {
            path.stem: jsonschema_rs.validator_for(json.loads(path.read_text()), validate_formats=True)
            for path in folder.rglob("*.json")}

    def problem(self, event_type, body):
        validator = self.validators.get(event_type)
        if validator is None:
            return "no released schema"
        error = next(validator.iter_errors(body), None)
        return error and f"at /{'/'.join(map(str, error.instance_path))}: {error.message}"


class Ledger:
    def __init__(self, schemas):
        self.schemas = schemas
        self.bodies = {}  # event id → digest of its body
        self.last = {}  # (tenant, subject) → last sequence
        self.partition = {}  # (topic, key) → partition
        self.types, self.failures, self.examples = Counter(), Counter(), {}
        self.records = self.repeats = 0

    def fail(self, kind, text):
        self.failures[kind] += 1
        examples = self.examples.setdefault(kind, [])
        if len(examples) < MOST_EXAMPLES:
            examples.append(text)

    def read(self, topic, partition, offset, key, headers, body):
        """One record, in the order its partition gives it."""
        self.records += 1
        place = f"{topic}[{partition}]@{offset}"
        if self.partition.setdefault((topic, key), partition) != partition:
            self.fail("key on two partitions", f"{place}: {key}")
        problem = header_problem(key, headers, body)
        if problem:
            self.fail("headers", f"{place}: {problem}")
            return
        identity, digest = headers["ce_id"], hashlib.sha256(body or b"").digest()
        known = self.bodies.get(identity)
        if known:
            self.repeats += 1
            if known != digest:
                self.fail("two bodies under one id", f"{place}: {identity}")
            return
        self.bodies[identity] = digest
        self.take(place, headers, body)

    def take(self, place, headers, body):
        """An event not read before."""
        kind, aggregate = headers["ce_type"], (headers["ce_tenantid"], headers["ce_subject"])
        self.types[kind] += 1
        sequence, last = int(headers["ce_sequence"]), self.last.get(aggregate, 0)
        if sequence != last + 1:
            self.fail("sequence", f"{place}: {aggregate[1]} of {aggregate[0]} says {sequence} after {last}")
        self.last[aggregate] = max(sequence, last)
        if body is None:
            return
        try:
            problem = self.schemas.problem(kind, json.loads(body))
        except ValueError as error:
            problem = f"not JSON ({error})"
        if problem:
            self.fail("schema", f"{place}: {kind}: {problem}")

    def sequences(self):
        """Tenant → aggregate id → its last sequence."""
        tenants = {}
        for (tenant, subject), sequence in self.last.items():
            tenants.setdefault(tenant, {})[subject.partition("/")[2]] = sequence
        return tenants

    def report(self):
        return {
            "records": self.records, "events": len(self.bodies), "repeats": self.repeats,
            "aggregates": len(self.last), "types": dict(sorted(self.types.items())),
            "failures": dict(self.failures), "examples": self.examples}


def is_time(text):
    return datetime.fromisoformat(text).tzinfo is not None


REQUIRED = {
    "ce_specversion": lambda text: text == "1.0",
    "ce_id": lambda text: str(UUID(text)) == text,
    "ce_source": lambda text: text.startswith("/"),
    "ce_type": lambda text: "." in text,
    "ce_subject": lambda text: all(text.partition("/")),
    "ce_time": is_time,
    "ce_tenantid": bool,
    "ce_sequence": lambda text: int(text) > 0,
    "ce_partitionkey": bool,
}


def header_problem(key, headers, body):
    """Why these are no complete headers of a CloudEvent in binary mode, or None."""
    for name, holds in REQUIRED.items():
        text = headers.get(name)
        try:
            if text is None or not holds(text):
                return f"{name} is {text!r}"
        except ValueError:
            return f"{name} is {text!r}"
    if headers["ce_partitionkey"] != key:
        return f"key {key!r} is not ce_partitionkey {headers['ce_partitionkey']!r}"
    if body is not None and headers.get("content-type") != "application/json":
        return f"content-type is {headers.get('content-type')!r}"
    return None
