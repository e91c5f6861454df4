"""Compares what was answered with what is there: the services' tables, the topics, the projections.

Shares no code with the services; reads the databases as their superuser and the topics as a stranger. Every check
appends sentences about what is wrong to its list; an empty list is a promise kept.
"""

import json
import sys
from collections import Counter, defaultdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "RealData"))
from ledger import Ledger, Schemas  # noqa: E402

SCHEMAS = Path(__file__).parents[2] / "Shared" / "Contracts" / "Released"
# Tables whose rows are aggregates, by service.
AGGREGATES = {
    "leads": ("leads",), "opportunities": ("opportunities", "pipelines"),
    "customers": ("accounts", "contacts", "orders")}
# The event that each kind of write makes, and where its marker is.
EVENTS = {
    "lead.create": "lead.created", "lead.patch": "lead.updated", "lead.convert": "lead.converted",
    "lead.delete": "lead.deleted", "lead.restore": "lead.restored", "account.create": "account.created",
    "order.create": "order.created", "opportunity.create": "opportunity.created",
    "opportunity.move": "opportunity.stage-moved", "opportunity.win": "opportunity.won",
    "opportunity.lose": "opportunity.lost"}
MARKED = {"lead": "need", "account": "description", "order": "description", "opportunity": "description"}
EXAMPLES = 5


class Topics(Ledger):
    """The ledger of the real-data test, which keeps the events besides."""

    def __init__(self):
        super().__init__(Schemas(SCHEMAS))
        self.events = defaultdict(dict)  # (tenant, aggregate id) → sequence → (type, id, body)

    def take(self, place, headers, body):
        super().take(place, headers, body)
        aggregate = headers["ce_subject"].partition("/")[2]
        self.events[headers["ce_tenantid"], aggregate][int(headers["ce_sequence"])] = (
            headers["ce_type"], headers["ce_id"], json.loads(body) if body else {})


class Checker:
    def __init__(self, cluster, tenants, journal, topics):
        self.cluster, self.tenants, self.steps, self.topics = cluster, tenants, journal.steps, topics
        self.rows = {}

    def read(self):
        """The services' rows, once: (service, table, tenant) → id → columns."""
        for service, tables in AGGREGATES.items():
            for table in tables:
                for tenant in self.tenants:
                    self.rows[service, table, tenant] = {
                        row[0]: json.loads(row[1]) for row in self.cluster.psql(
                            f"guanxi_{service}", f"select id, to_jsonb(x) from t_{tenant}.{table} x")}

    def all(self):
        """(promise, what is wrong) of every check."""
        self.read()
        return [
            ("every acknowledged write is there, once", self.acknowledged()),
            ("nothing that was refused is there", self.refused()),
            ("topics: contiguous, in order, one body for an id, valid schemas", self.order()),
            ("each aggregate's version is the sequence of its last event", self.versions()),
            ("projections equal the topics and the services", self.projections()),
            ("sums kept by the services are right", self.sums()),
            ("no saga is half-done", self.sagas()),
            ("no event is parked", self.parked())]

    # What was answered.

    def acknowledged(self):
        wrong, made = [], self.by_kind()
        for step in self.steps:
            if step.outcome != "acked" or step.version is None or step.kind not in EVENTS:
                continue
            event = self.topics.events[step.tenant, step.object_id].get(step.version)
            if event is None:
                wrong.append(f"{step.kind} {step.object_id} was acknowledged as version {step.version}: no event")
            elif event[0] != EVENTS[step.kind]:
                wrong.append(f"{step.kind} {step.object_id} version {step.version} is {event[0]} on the topic")
            elif step.marker and self.marker(event) != step.marker:
                wrong.append(f"{step.kind} {step.object_id} version {step.version} says {self.marker(event)}")
        wrong += self.counts(made)
        return wrong + self.rows_with_markers()

    @staticmethod
    def marker(event):
        kind = event[0].partition(".")[0]
        return (event[2].get(kind) or {}).get(MARKED.get(kind, ""))

    def by_kind(self):
        """(tenant, object, event type) → numbers of acknowledged and of unanswered writes."""
        made = defaultdict(Counter)
        for step in self.steps:
            if step.kind in EVENTS and step.object_id:
                made[step.tenant, step.object_id, EVENTS[step.kind]][step.outcome] += 1
        return made

    def counts(self, made):
        """Each write made one event: not none and not two."""
        wrong = []
        for (tenant, identity, kind), outcomes in made.items():
            seen = sum(event[0] == kind for event in self.topics.events[tenant, identity].values())
            most = outcomes["acked"] + outcomes["unknown"]
            if not outcomes["acked"] <= seen <= most:
                wrong.append(f"{kind} of {identity}: {outcomes['acked']} acknowledged, {seen} on the topic")
        return wrong

    def rows_with_markers(self):
        """A creation made one row."""
        wrong, found = [], Counter()
        tables = {"leads": "need", "accounts": "description", "orders": "description", "opportunities": "description"}
        for (_, table, _), rows in self.rows.items():
            for row in rows.values():
                found[table, row.get(tables.get(table, ""))] += 1
        kinds = {"lead.create": "leads", "account.create": "accounts", "order.create": "orders",
                 "opportunity.create": "opportunities"}
        patched = {step.object_id for step in self.steps if step.kind == "lead.patch" and step.outcome != "refused"}
        for step in self.steps:
            table = kinds.get(step.kind)
            if table and step.object_id not in patched:
                number, least = found[table, step.marker], step.outcome == "acked"
                if not least <= number <= 1:
                    wrong.append(f"{step.kind} {step.marker}, {step.outcome}: {number} rows")
            if step.kind == "lead.convert":
                for table in ("accounts", "opportunities"):
                    number = found[table, step.marker]
                    if number > 1 or (step.outcome == "acked" and number < 1):
                        wrong.append(f"{step.kind} {step.marker}, {step.outcome}: {number} {table}")
        return wrong

    def refused(self):
        markers = {
            self.marker(event) for events in self.topics.events.values() for event in events.values()}
        for (_, table, _), rows in self.rows.items():
            for row in rows.values():
                markers |= {row.get("need"), row.get("description")}
        return [
            f"{step.kind} {step.marker} was refused with {step.status} and is there"
            for step in self.steps if step.outcome == "refused" and step.marker and step.marker in markers]

    # The topics.

    def order(self):
        report = self.topics.report()
        return [f"{kind}: {text}" for kind, texts in report["examples"].items() for text in texts]

    def versions(self):
        wrong = []
        for (service, table, tenant), rows in self.rows.items():
            for identity, row in rows.items():
                last = max(self.topics.events[tenant, identity], default=0)
                if last != row["version"]:
                    wrong.append(f"{table} {identity}: version {row['version']}, last event {last}")
        known = {(tenant, identity) for (_, _, tenant), rows in self.rows.items() for identity in rows}
        kinds = {"lead", "opportunity", "account", "contact", "order", "pipeline"}
        for key, events in self.topics.events.items():
            if not events:
                continue
            kind = next(iter(events.values()))[0].partition(".")[0]
            if kind in kinds and key[0] in self.tenants and key not in known:
                wrong.append(f"{kind} {key[1]} has events and no row")
        return wrong

    # Projections.

    def projections(self):
        wrong = []
        for tenant in self.tenants:
            history = {
                (row[0], int(row[1])): row[2] for row in self.cluster.psql(
                    "guanxi_analytics", f"select aggregate_id, sequence, id from t_{tenant}.event_history")}
            topics = {
                (identity, sequence): event[1] for (owner, identity), events in self.topics.events.items()
                if owner == tenant for sequence, event in events.items()}
            if history != topics:
                more, fewer = history.keys() - topics.keys(), topics.keys() - history.keys()
                wrong.append(f"history of {tenant}: {len(more)} more and {len(fewer)} fewer events than the topics")
            wrong += self.facts(tenant)
        return wrong

    def facts(self, tenant):
        pairs = [
            ("leads", "leads", "lead_facts", ("status", "source", "account_id", "owner_id")),
            ("opportunities", "opportunities", "opportunity_facts", ("status", "stage", "account_id", "lead_id")),
            ("customers", "accounts", "account_facts", ("name", "lead_id", "owner_id")),
            ("customers", "orders", "order_facts", ("account_id", "status", "ordered_on"))]
        wrong = []
        for service, table, facts, columns in pairs:
            got = {row[0]: json.loads(row[1]) for row in self.cluster.psql(
                "guanxi_analytics", f"select id, to_jsonb(x) from t_{tenant}.{facts} x")}
            should = self.rows[service, table, tenant]
            for identity in got.keys() | should.keys():
                one, other = got.get(identity), should.get(identity)
                if one is None or other is None:
                    wrong.append(f"{facts} {identity}: {'missing' if one is None else 'of nothing'}")
                    continue
                differ = [name for name in columns if one[name] != other[name]]
                if one["deleted"] != (other["deleted_at"] is not None):
                    differ.append("deleted")
                if differ:
                    wrong.append(f"{facts} {identity}: {', '.join(differ)}")
        return wrong

    def sums(self):
        """Order counts and values on the accounts."""
        wrong = []
        for tenant in self.tenants:
            count, value = Counter(), Counter()
            for order in self.rows["customers", "orders", tenant].values():
                if order["deleted_at"] is None and order["status"] not in ("cancelled", "returned"):
                    count[order["account_id"]] += 1
                    value[order["account_id"]] += order["amount_minor"]
            for identity, account in self.rows["customers", "accounts", tenant].items():
                got = (account["order_count"], account["order_value_minor"] or 0)
                if got != (count[identity], value[identity]):
                    wrong.append(f"account {identity}: {got}, its orders say {count[identity], value[identity]}")
        return wrong

    # Sagas and dead letters.

    def sagas(self):
        wrong = []
        for tenant in self.tenants:
            sagas = {row[0]: row for row in self.cluster.psql(
                "guanxi_leads", f"select id, lead_id, phase, reason from t_{tenant}.conversions")}
            leads = self.rows["leads", "leads", tenant]
            for saga, lead, phase, reason in sagas.values():
                if phase not in ("completed", "failed"):
                    wrong.append(f"saga {saga} is {phase}")
                elif phase == "failed":
                    wrong.append(f"saga {saga} failed, and should not have: {reason}")
                elif leads[lead]["status"] != "converted":
                    wrong.append(f"saga {saga} is completed, its lead {leads[lead]['status']}")
            wrong += self.steps_of_sagas(tenant, sagas)
            wrong += self.contacts(tenant)
            for identity, lead in leads.items():
                if lead["status"] == "converted":
                    for service, table, column in (
                            ("customers", "accounts", "account_id"), ("customers", "contacts", "contact_id"),
                            ("opportunities", "opportunities", "opportunity_id")):
                        there = self.rows[service, table, tenant].get(lead[column])
                        if there is None or there["deleted_at"] is not None:
                            wrong.append(f"lead {identity} is converted and has no {column}")
                elif lead["conversion_id"] and lead["deleted_at"] is None:
                    wrong.append(f"lead {identity} is being converted still ({lead['status']})")
        return wrong

    def steps_of_sagas(self, tenant, sagas):
        """What a step made belongs to the lead of its saga."""
        wrong, leads = [], self.rows["leads", "leads", tenant]
        for service in ("customers", "opportunities"):
            for saga, step, made in self.cluster.psql(
                    f"guanxi_{service}",
                    f"select saga, step, object_id from t_{tenant}.conversions where created"):
                if saga not in sagas:
                    wrong.append(f"{service} made the {step} {made} for saga {saga}, which leads does not know")
                elif leads[sagas[saga][1]][f"{step}_id"] != made:
                    wrong.append(f"{service} made the {step} {made} for lead {sagas[saga][1]}, which has another")
        return wrong

    def contacts(self, tenant):
        """Nobody but a conversion makes contacts here: each belongs to one lead, which is converted."""
        leads = [one for one in self.rows["leads", "leads", tenant].values() if one["status"] == "converted"]
        owners = Counter(lead["contact_id"] for lead in leads)
        return [
            f"contact {identity} belongs to {owners[identity]} converted leads"
            for identity in self.rows["customers", "contacts", tenant] if owners[identity] != 1]

    def parked(self):
        wrong = []
        for service in ("gateway", *AGGREGATES, "analytics"):
            for row in self.cluster.psql(
                    f"guanxi_{service}", "select consumer, aggregate, sequence, state, reason from shared.dead_letter"):
                wrong.append(f"{service}: {' '.join(row)}")
        return wrong


def shorten(wrong):
    return [*wrong[:EXAMPLES], *([f"… and {len(wrong) - EXAMPLES} more"] if len(wrong) > EXAMPLES else [])]
