"""Says of every attempt whether it got through."""

import re
import threading
from collections import Counter

from world import UUID

# Members of an answer that differ from one call to the next and tell nothing.
PASSING = re.compile(r'"(requestId|createdAt|updatedAt|asOf|now)":"[^"]*"')


class Judge:
    """Counts attempts by kind, and keeps what got through.

    Through is: a word, an id or a secret of somebody else in an answer; an answer that differs from the one for
    something that does not exist; a success where there must be none; a server's error; no answer. A look at what attempts
    left behind is none itself, and is counted apart.
    """

    def __init__(self, victims):
        self.victims, self.lock = victims, threading.Lock()
        self.attempts, self.looks, self.answers, self.through = Counter(), Counter(), {}, []

    def look(self, kind, what, answer, sent="", allowed=None):
        """Of an attempt that was answered. `sent` is what the attacker wrote himself and may get back; `allowed` are
        the statuses that it may have."""
        seen = answer.everything.lower()
        sent = sent.lower()
        reason = None
        for victim in self.victims:
            if victim.canary in seen and victim.canary not in sent:
                reason = f"the canary of {victim.slug}"
            elif any(secret.lower() in seen and secret.lower() not in sent for secret in victim.secrets):
                reason = f"a secret of {victim.slug}"
            else:
                foreign = {one for one in set(UUID.findall(seen)) & victim.watched if one not in sent}
                if foreign:
                    reason = f"ids of {victim.slug}: {sorted(foreign)[:3]}"
        # A report that has not got as far as it is asked to wait for says so.
        is_waiting = answer.status == 503 and "waitFor=" in what
        if reason is None and answer.status == 0:
            reason = "no answer"
        if reason is None and answer.status >= 500 and not is_waiting:
            reason = "a server's error"
        if reason is None and allowed is not None and answer.status not in allowed:
            reason = f"status {answer.status} instead of {sorted(allowed)}"
        self.note(kind, what, reason, answer.status, answer.text)

    def note(self, kind, what, reason=None, status=None, text=""):
        """One attempt, and why it got through, if it did."""
        with self.lock:
            self.attempts[kind] += 1
            self.answers.setdefault(kind, Counter())[status] += 1
        self.find(kind, what, reason, text)

    def saw(self, kind, what, reason=None, text=""):
        """A look at what is left elsewhere, and what is wrong there, if anything is."""
        with self.lock:
            self.looks[kind] += 1
        self.find(kind, what, reason, text)

    def find(self, kind, what, reason, text=""):
        """Something more about what was counted already."""
        if reason is not None:
            with self.lock:
                self.through.append((kind, what, reason, text[:400]))

    def too_few(self, least):
        """(kind, number, least) of every kind of which there were fewer attempts or looks."""
        made = self.attempts + self.looks
        return [(kind, made[kind], number) for kind, number in least.items() if made[kind] < number]

    def table(self):
        rows = [("KIND", "ATTEMPTS", "LOOKS", "THROUGH", "ANSWERED BY")]
        through = Counter(kind for kind, *_ in self.through)
        for kind in dict.fromkeys([*self.attempts, *self.looks, *through]):
            answers = ", ".join(f"{status}: {n}" for status, n in sorted(
                ((s, n) for s, n in self.answers.get(kind, {}).items() if s is not None)))
            rows.append((kind, str(self.attempts[kind]), str(self.looks[kind]), str(through[kind]), answers))
        rows.append(("total", str(self.attempts.total()), str(self.looks.total()), str(len(self.through)), ""))
        widths = [max(len(row[i]) for row in rows) for i in range(4)]
        return "\n".join(
            f"{row[0]:<{widths[0]}}  {row[1]:>{widths[1]}}  {row[2]:>{widths[2]}}  {row[3]:>{widths[3]}}  {row[4]}".rstrip()
            for row in rows)


def alike(answer, sent_ids):
    """An answer without what is particular to this call."""
    text = PASSING.sub("", answer.text)
    for number, text_id in enumerate(sent_ids):
        text = text.replace(text_id, f"<{number}>")
    return answer.status, UUID.sub("<made>", text)
