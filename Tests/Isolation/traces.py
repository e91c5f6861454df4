"""What is left of requests elsewhere: events on the topics, log lines, metrics."""

import http.client
import json
import re
import subprocess

CANARY = re.compile(r"cnry[0-9a-f]{16}")


def rows(database, sql):
    """The rows of a query as JSON, as the superuser."""
    # As input: it may be longer than an argument can be.
    done = subprocess.run(
        ["psql", database, "-XAtq", "-v", "ON_ERROR_STOP=1"], input=f"select row_to_json(r) from ({sql}) r", check=True,
        stdout=subprocess.PIPE, text=True, encoding="utf-8")
    return [json.loads(line) for line in done.stdout.splitlines() if line]


class Traces:
    def __init__(self, system, judge, tenants):
        self.system, self.judge = system, judge
        self.owner = {tenant.canary: tenant.id for tenant in tenants}
        self.secrets = [secret for tenant in tenants for secret in tenant.secrets]

    def events(self):
        """Of every event: its key and its tenant are of one tenant, and so is everything in it."""
        for key, tenant, text in self.kafka() if self.system.log == "kafka" else self.embedded():
            owners = {self.owner[c] for c in CANARY.findall(text) if c in self.owner}
            reason = None
            if key.split("/")[0] != tenant:
                reason = "the key is not of the event's tenant"
            elif owners - {tenant}:
                reason = "another tenant's canary"
            elif any(secret in text for secret in self.secrets):
                reason = "a secret"
            self.judge.saw("events", f"{key} of {tenant}", reason, text)

    def embedded(self):
        for row in rows(
                self.system.database("guanxi_log"),
                "select key, encode(headers, 'hex') as headers, convert_from(body, 'UTF8') as body"
                " from shared.log_record"):
            headers = bytes.fromhex(row["headers"])
            found = re.search(rb"ce_tenantid[^a-z2-7]+([a-z2-7]{16})", headers)
            yield row["key"], found[1].decode() if found else "", headers.decode("utf-8", "replace") + (row["body"] or "")

    def kafka(self):
        from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition
        servers = self.system.environment()["KAFKA_BOOTSTRAP_SERVERS"]
        consumer = Consumer({"bootstrap.servers": servers, "group.id": "isolation", "enable.auto.commit": False})
        places = [
            TopicPartition(topic, number, OFFSET_BEGINNING)
            for topic, known in consumer.list_topics(timeout=10).topics.items() if topic.startswith("guanxi.")
            for number in known.partitions]
        waiting = sum(consumer.get_watermark_offsets(place)[1] for place in places)
        consumer.assign(places)
        while waiting > 0:
            for message in consumer.consume(500, timeout=10):
                waiting -= 1
                headers = {name: (value or b"").decode() for name, value in message.headers() or []}
                body = (message.value() or b"").decode("utf-8", "replace")
                yield (message.key() or b"").decode(), headers.get("ce_tenantid", ""), str(headers) + body
        consumer.close()

    def logs(self):
        """No line holds what tenants keep, or a secret."""
        for path in sorted((self.system.folder / "log").glob("*.log")):
            for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
                reason = None
                if CANARY.search(line):
                    reason = "what a tenant keeps"
                elif any(secret in line for secret in self.secrets):
                    reason = "a secret"
                self.judge.saw("log lines", f"{path.name}:{number}", reason, line)

    def metrics(self, services):
        ids = set(self.owner.values())
        for service, (_, internal) in services.items():
            connection = http.client.HTTPConnection("127.0.0.1", internal, timeout=10)
            for target in ("/metrics", "/health/ready", "/health/live", "/internal/openapi.json"):
                connection.request("GET", target)
                text = connection.getresponse().read().decode()
                reason = "a tenant's id" if any(i in text for i in ids) else None
                reason = "what a tenant keeps" if CANARY.search(text) else reason
                self.judge.saw("metrics and health", f"{service} {target}", reason, text)
