"""The independent figures against what is known of the public files, and on small cases by hand."""

import os
import tempfile
import unittest
from datetime import date, timedelta
from pathlib import Path

import expected
import samples

DATA = Path(os.environ.get("GUANXI_TEST_DATA", Path(__file__).parents[3] / "shared" / "data"))


@unittest.skipUnless((DATA / "maven-crm").is_dir(), f"no public data in {DATA}; set GUANXI_TEST_DATA")
class PublicFiles(unittest.TestCase):
    def test_hardware(self):
        figures = expected.hardware(DATA)
        self.assertEqual(
            figures["total"],
            {"won": 4238, "lost": 2473, "open": 2089, "wonValue": "10005534.00", "winRate": "0.6315"})
        self.assertEqual(figures["stage"], {"prospecting": 500, "engaging": 1589})
        self.assertEqual(figures["withoutAccount"], 1425)
        pro = figures["product"]["GTX Pro"]
        self.assertEqual((pro["won"], pro["lost"], pro["open"], pro["winRate"]), (729, 418, 333, "0.6356"))
        self.assertEqual([len(figures[name]) for name in ("product", "owner", "manager", "region")], [7, 30, 6, 3])
        for group in ("product", "owner", "manager", "region", "quarter"):
            self.assertEqual(sum(row["won"] for row in figures[group].values()), 4238, group)

    def test_education(self):
        figures = expected.education(DATA)
        self.assertEqual(figures["total"], {"created": 9240, "converted": 3561, "conversionRate": "0.3854"})
        self.assertEqual(figures["source"]["google"]["created"], 5)
        self.assertEqual(figures["source"][None]["created"], 36)

    def test_music(self):
        figures = expected.music(DATA)
        self.assertEqual((figures["total"]["customers"], figures["total"]["orders"]), (23570, 69659))
        self.assertEqual(sum(row["customers"] for row in figures["lifecycle"].values()), 23570)


class Cases(unittest.TestCase):
    def state(self, *gaps, silence):
        """The state after orders with these gaps in days, the last `silence` days ago."""
        last = date(1998, 6, 30) - timedelta(silence)
        days = [last - timedelta(sum(gaps[index:])) for index in range(len(gaps) + 1)]
        return expected.lifecycle(days, date(1998, 6, 30))

    def test_lifecycle(self):
        self.assertEqual(self.state(silence=89), "signed")
        self.assertEqual(self.state(silence=90), "atRisk")
        self.assertEqual(self.state(silence=179), "atRisk")
        self.assertEqual(self.state(silence=180), "lost")
        self.assertEqual(self.state(*[3] * 7, silence=0), "developing")
        self.assertEqual(self.state(*[3] * 8, silence=0), "stable")
        self.assertEqual(self.state(180, silence=5), "wonBack")
        self.assertEqual(self.state(180, 0, silence=5), "developing")
        self.assertIsNone(expected.lifecycle([date(1999, 1, 1)], date(1998, 6, 30)))

    def test_ratio(self):
        self.assertEqual(expected.ratio(729, 729 + 418), "0.6356")
        self.assertEqual(expected.ratio(1, 32), "0.0313")
        self.assertIsNone(expected.ratio(0, 0))

    def test_samples_hold_every_trap(self):
        with tempfile.TemporaryDirectory() as folder:
            data = samples.make(folder)
            hardware, education, music = (expected.DATASETS[name](data) for name in expected.DATASETS)
        self.assertIn("GTX Pro", hardware["product"])
        self.assertNotIn("GTXPro", hardware["product"])
        self.assertGreater(hardware["withoutAccount"], 0)
        self.assertTrue({None, "Google", "google"} <= set(education["source"]))
        self.assertNotIn("Select", education["source"])
        self.assertTrue({"signed", "developing", "stable", "atRisk", "lost"} <= set(music["lifecycle"]))


if __name__ == "__main__":
    unittest.main()
