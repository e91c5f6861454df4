"""A tenant ready to be filled: made if it is not there, with a key to act in it, and its people."""

import atexit
import re
import time
from datetime import datetime, timedelta, timezone

from client import Api, ApiError, segment
from workers import chunks, each, note

CHUNK = 500
ROW_ATTEMPTS = 6
SAGA_PATIENCE = 120


class Tenant:
    """Finds or makes things in one tenant; nothing that is there already is made again."""

    def __init__(self, operator, slug, name, time_zone, currency, industry=None):
        self.slug, self.currency = slug, currency
        self.info = self.find_or_make(operator, {
            "slug": slug, "name": name, "timeZone": time_zone, "currency": currency, "industry": industry})
        self.api = caller(operator, self.info["id"], "demo loader", "admin")

    @staticmethod
    def find_or_make(operator, body):
        """One that is being made, or whose making was cut off, is waited for: it comes to be, or it goes."""
        while True:
            try:
                info = operator.get(f"/v1/tenants/{body['slug']}")
            except ApiError as error:
                if error.status != 404:
                    raise
                try:
                    info = operator.post("/v1/tenants", body, attempt=time.monotonic_ns())
                except ApiError as refused:
                    # The answer to an earlier attempt was lost: what it made is there or is being cleared away.
                    if refused.status != 409:
                        raise
                    continue
                note(f"tenant {body['slug']} made")
            if info["status"] not in ("provisioning", "deleting"):
                return info
            time.sleep(1)

    def named(self, path, field="name"):
        """What a collection holds, by `field`."""
        return {item[field]: item for item in self.api.list(path) if item.get(field) is not None}

    def ensure(self, path, bodies, field="name"):
        """Makes those of `bodies` whose `field` the collection does not hold; answers all by `field`."""
        there = self.named(path, field)
        for body in bodies:
            if body[field] not in there:
                there[body[field]] = self.api.post(path, body)
        return there

    def upsert(self, path, system, rows):
        """`PUT …/by-external` for a few rows, in order; answers the objects by external id."""
        return {
            row["externalId"]: self.api.put(
                f"{path}/by-external/{segment(system)}/{segment(row['externalId'])}",
                {name: value for name, value in row.items() if name not in ("externalId", "externalSystem")})
            for row in rows}

    def external(self, path, system, fields):
        """What a collection holds of an external system, by external id."""
        query = {"externalSystem": system, "fields": f"id,externalId,{fields}"}
        return {item["externalId"]: item for item in self.api.list(path, **query)}

    def bulk(self, label, path, rows):
        """Creates rows through `…/bulk`. A refused row is tried again for a while: what it refers
        to may be on its way from another service. Returns how many were made."""
        refused = []

        def send(rows):
            for attempt in range(ROW_ATTEMPTS):
                results = self.api.post(f"{path}/bulk", rows, attempt)["items"]
                failed = [(row, result) for row, result in zip(rows, results) if not accepted(result)]
                rows = [row for row, _ in failed]
                if not rows:
                    return
                pause(attempt)
            refused.extend(failed)

        each(label, chunks(rows, CHUNK), send, threads=6, weight=len)
        if refused:
            row, result = refused[0]
            raise ApiError(f"POST {path}/bulk", result.get("status"), {
                "detail": f"{len(refused)} rows refused, the first {row.get('externalId')}: {result}"})
        return len(rows)


def caller(operator, tenant_id, name, role):
    """An API key of a tenant for a day, made with the operator's."""
    expires = datetime.now(timezone.utc) + timedelta(days=1)
    key = operator.post(f"/v1/tenants/{tenant_id}/api-keys", {
        "name": name, "role": role, "expiresAt": expires.isoformat(timespec="milliseconds")})
    api = Api(operator.url, key["key"], operator.patience)
    atexit.register(forget, api, key["id"])
    return api


def forget(api, key_id):
    """Revokes the caller's own key; one that cannot be revoked now expires by itself."""
    try:
        Api(api.url, api.key, patience=0).call("DELETE", f"/v1/api-keys/{key_id}")
    except ApiError:
        pass


def reader(environment, slug):
    """(id, caller) of a tenant that is there, for scripts that only look."""
    operator = Api(environment["GUANXI_URL"], environment["GUANXI_OPERATOR_KEY"])
    tenant_id = operator.get(f"/v1/tenants/{slug}")["id"]
    return tenant_id, caller(operator, tenant_id, f"reader of {slug}", "admin")


def convert(api, lead, body):
    """A lead's real conversion: a customer and an opportunity come of it. 202 means that the saga goes on by itself,
    which is waited for."""
    answer = api.call("POST", f"/v1/leads/{lead}/convert", body)
    deadline = time.monotonic() + SAGA_PATIENCE
    while answer.status == 202 and api.get(f"/v1/leads/{lead}")["status"] != "converted":
        if time.monotonic() > deadline:
            raise ApiError(f"conversion of {lead}", 202, f"not done in {SAGA_PATIENCE} s")
        time.sleep(0.2)


def accepted(result):
    """A row made now, or made by a run before this one."""
    return result.get("status") in (200, 201, 409)


def pause(attempt):
    time.sleep(0.25 * 2 ** attempt)


def login(name):
    """`Mei-Mei Johns` → `mei-mei.johns`."""
    return re.sub(r"[^a-z0-9-]+", ".", name.lower()).strip(".")


def midnight(day):
    """The first moment of an ISO date in UTC."""
    return f"{day}T00:00:00.000Z"
