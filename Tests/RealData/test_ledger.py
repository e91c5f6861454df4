"""Each promise broken once: the ledger must say so, and must be silent about a sound log."""

import json
import tempfile
import unittest
from pathlib import Path

try:
    from ledger import Ledger, Schemas
except ImportError as missing:
    raise unittest.SkipTest(f"{missing}: pip install -r Tests/requirements.txt") from missing

ID = "0190f5a0-0000-7000-8000-{:012}"


class Promises(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        schema = {"type": "object", "required": ["lead"], "properties": {"lead": {"type": "object"}}}
        (Path(folder.name) / "lead.created.json").write_text(json.dumps(schema))
        self.ledger = Ledger(Schemas(Path(folder.name)))

    def read(self, number, sequence, partition=3, body=b'{"lead":{}}', **changed):
        headers = {
            "ce_specversion": "1.0", "ce_id": ID.format(number), "ce_source": "/leads", "ce_type": "lead.created",
            "ce_subject": "lead/a", "ce_time": "2026-01-01T00:00:00.000Z", "ce_tenantid": "t1",
            "ce_sequence": str(sequence), "ce_partitionkey": "t1/a", "content-type": "application/json", **changed}
        headers = {name: text for name, text in headers.items() if text is not None}
        self.ledger.read("guanxi.leads", partition, 0, "t1/a", headers, body)

    def failures(self):
        return dict(self.ledger.failures)

    def test_a_relay_that_published_again_is_sound(self):
        for number in (1, 2, 3, 2, 3, 4):
            self.read(number, number)
        self.assertEqual(self.failures(), {})
        self.assertEqual(self.ledger.repeats, 2)
        self.assertEqual(self.ledger.sequences(), {"t1": {"a": 4}})

    def test_a_gap(self):
        self.read(1, 1)
        self.read(3, 3)
        self.assertEqual(self.failures(), {"sequence": 1})

    def test_an_inversion(self):
        for number in (2, 1):
            self.read(number, number)
        self.assertEqual(self.failures(), {"sequence": 2})

    def test_another_event_under_a_used_sequence(self):
        self.read(1, 1)
        self.read(2, 1)
        self.assertEqual(self.failures(), {"sequence": 1})

    def test_two_bodies_under_one_id(self):
        self.read(1, 1)
        self.read(1, 1, body=b'{"lead":{"a":1}}')
        self.assertEqual(self.failures(), {"two bodies under one id": 1})

    def test_two_partitions(self):
        self.read(1, 1)
        self.read(2, 2, partition=4)
        self.assertEqual(self.failures(), {"key on two partitions": 1})

    def test_schema(self):
        self.read(1, 1, body=b"{}")
        self.read(2, 2, ce_type="lead.vanished")
        self.read(3, 3, body=b"{")
        self.assertEqual(self.failures(), {"schema": 3})

    def test_headers(self):
        wrong = [
            {"ce_id": None}, {"ce_id": "1"}, {"ce_time": "yesterday"}, {"ce_time": "2026-01-01T00:00:00"},
            {"ce_sequence": "0"}, {"ce_subject": "lead"}, {"ce_partitionkey": "t1/b"}, {"content-type": None},
            {"ce_specversion": "0.3"}, {"ce_tenantid": None}]
        for change in wrong:
            self.read(1, 1, **change)
        self.assertEqual(self.failures(), {"headers": len(wrong)})


if __name__ == "__main__":
    unittest.main()
