"""Reads the embedded event log as a stranger: from its tables, with PostgreSQL's own client."""

import subprocess

PSQL = "/usr/lib/postgresql/15/bin/psql"
RECORDS = """
copy (select t.name, r.partition, r."offset", r.key, encode(r.headers, 'hex'), encode(r.body, 'hex')
    from shared.log_record r join shared.log_topic t on t.id = r.topic
    where t.name like 'guanxi.%' order by t.name, r.partition, r."offset") to stdout
"""


def read(url, ledger):
    """Gives every record of every topic to a ledger, in the order of the offsets."""
    with subprocess.Popen([PSQL, url, "-Xqc", RECORDS], stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            topic, partition, offset, key, head, body = line.rstrip("\n").split("\t")
            ledger.read(
                topic, int(partition), int(offset), key, headers(bytes.fromhex(head)),
                None if body == r"\N" else bytes.fromhex(body))
    if process.returncode:
        raise OSError(f"{PSQL} ended with {process.returncode}")


def headers(packed):
    """Name and value in turn, each after its length in four bytes."""
    parts, place = [], 0
    while place < len(packed):
        length = int.from_bytes(packed[place:place + 4], "big")
        parts.append(packed[place + 4:place + 4 + length].decode())
        place += 4 + length
    return dict(zip(parts[::2], parts[1::2], strict=True))
