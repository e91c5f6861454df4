"""Every operation of /openapi.json, and how to call it plausibly."""

import json
import re
import uuid
from urllib.parse import quote, urlencode

from world import COLLECTIONS

METHODS = ("get", "post", "put", "patch", "delete")
# Ends the very identity with which the attempts are made, or makes the whole platform work for a long time.
LEFT_OUT = {"endSession", "rebuildAnalytics"}


class Operation:
    def __init__(self, document, method, path, described):
        self.schemas = document["components"]["schemas"]
        self.method, self.path, self.id = method.upper(), path, described["operationId"]
        self.permission = described.get("x-permission")
        parameters = described.get("parameters", [])
        self.queries = [p["name"] for p in parameters if p["in"] == "query" and p["name"] != "filters"]
        self.has_filters = any(p["name"] == "filters" for p in parameters)
        self.headers = [p["name"] for p in parameters if p["in"] == "header"]
        self.names = re.findall(r"{(\w+)}", path)
        content = described.get("requestBody", {}).get("content", {})
        self.media = next(iter(content), None)
        self.schema = self.resolve(content[self.media].get("schema") or {}) if content else None
        self.collection = path.split("/")[2] if path.count("/") > 1 else ""

    def resolve(self, schema):
        while "$ref" in schema:
            schema = self.schemas[schema["$ref"].rsplit("/", 1)[1]]
        return schema

    def target(self, values=None, query=()):
        """The path with its parameters, a random id where none is given."""
        values = values or {}
        path = re.sub(
            r"{(\w+)}", lambda match: quote(str(values.get(match[1], uuid.uuid4())), safe=""), self.path)
        return path + ("?" + urlencode(query) if query else "")

    def content(self, body):
        """(header, bytes) of a body; `body` None is a plausible one."""
        if self.media is None:
            return [], None
        if self.media == "text/csv":
            return [("Content-Type", self.media)], body if body is not None else b"company,person\nx,y\n"
        value = self.sample() if body is None else body
        if self.media == "application/x-www-form-urlencoded":
            return [("Content-Type", self.media)], urlencode(value).encode()
        if self.path.endswith("/bulk") and not isinstance(value, list):
            value = [value]
        return [("Content-Type", self.media)], json.dumps(value).encode()

    def row(self):
        """The schema of what a body is made of: of one row, for bulk."""
        if self.path.endswith("/bulk"):
            single = self.id.replace("bulkCreate", "") + "Create"
            return self.resolve(self.schemas.get(single, {}))
        return self.schema or {}

    def sample(self):
        return self.value(self.row())

    def value(self, schema):
        """The least that a schema takes."""
        schema = self.resolve(schema)
        kind = schema.get("type")
        kind = next((k for k in kind if k != "null"), None) if isinstance(kind, list) else kind
        if "enum" in schema:
            return next(v for v in schema["enum"] if v is not None)
        if kind == "object" or "properties" in schema:
            return {
                name: self.value(schema["properties"][name]) for name in schema.get("required", [])
                if name in schema.get("properties", {})}
        if kind == "array":
            return []
        if kind == "integer":
            return schema.get("minimum", 1)
        if kind in ("number", "boolean"):
            return 1 if kind == "number" else True
        if "pattern" in schema:
            return "USD" if "A-Z" in schema["pattern"] else "12.50"
        return {"uuid": str(uuid.uuid4()), "date": "2026-01-02", "date-time": "2026-01-02T03:04:05Z",
                "email": "x@example.com", "uri": "https://example.com"}.get(schema.get("format"), "2026-11")

    def fields(self, schema=None, prefix=()):
        """(path, schema) of every field of the body, those within objects too."""
        schema = self.resolve(schema if schema is not None else self.row())
        for name, field in schema.get("properties", {}).items():
            field = self.resolve(field)
            yield (*prefix, name), field
            if "properties" in field:
                yield from self.fields(field, (*prefix, name))

    def with_field(self, path, value):
        body = self.sample()
        if not isinstance(body, dict):
            body = {}
        place = body
        for name in path[:-1]:
            place = place.setdefault(name, {})
        place[path[-1]] = value
        return body

    def references(self):
        """Fields that name another object."""
        return [(path, field.get("x-references")) for path, field in self.fields() if field.get("format") == "uuid"]

    def texts(self):
        """Fields that take any text."""
        return [
            path for path, field in self.fields()
            if "string" in str(field.get("type")) and "enum" not in field and field.get("format") != "uuid"]

    def filters(self):
        """What a list can be filtered and sorted by: the fields of what it lists."""
        kind = COLLECTIONS.get(self.collection)
        name = kind[0].upper() + kind[1:] if kind else ""
        return list(self.resolve(self.schemas.get(name, {})).get("properties", {}))


def operations(document):
    return [
        Operation(document, method, path, described) for path, item in document["paths"].items()
        for method, described in item.items() if method in METHODS and described["operationId"] not in LEFT_OUT]
