"""Flame graphs: where a process spends its time, by the stacks that perf samples. Wide is dear; below is who calls.

An SVG each, whose frames tell their name and share when pointed at.
"""

import re
import subprocess
import tempfile
from collections import Counter
from contextlib import contextmanager
from html import escape
from pathlib import Path

WIDTH, ROW, LETTER, LEAST = 1200, 16, 6.2, 0.004
# What of a frame's library or name says whose it is, and its colour.
OWNERS = [
    ("kernel", "#b8c4d6", re.compile(r"^\[kernel|^\[vdso")), ("C libraries", "#e3c98a", re.compile(r"\.so")),
    ("Swift's runtime", "#e8a08a", re.compile(r"^(swift_|swift::|_swift|_Contiguous|\$sS|Swift|static Swift|specialized Swift|generic)")),
    ("Guanxi", "#9cc9a3", re.compile("")),
]
# What the demangler says before a name beyond whose it is.
BEFORE = re.compile(r"\(\d+\) (suspend|await) resume partial function for |(@objc|specialized|static) |closure #\d+ (in )?")


@contextmanager
def recorded(file, title, pid, rate=997):
    """Samples a process meanwhile and draws `file`."""
    with tempfile.NamedTemporaryFile(suffix=".perf") as data:
        perf = subprocess.Popen(
            ["perf", "record", "-q", "-e", "cpu-clock", "-F", str(rate), "-g", "-p", str(pid), "-o", data.name],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            yield
        finally:
            perf.terminate()
            perf.wait()
        stacks = fold(subprocess.run(
            ["perf", "script", "-i", data.name, "-F", "comm,ip,sym,dso"], check=True, capture_output=True,
            text=True).stdout)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(svg(stacks, title))
    print(f"       {file.name}: {sum(stacks.values()):,} samples", flush=True)


def fold(script):
    """How often each stack was seen, the outermost frame first; a frame is (name, library)."""
    stacks = Counter()
    for sample in script.strip().split("\n\n"):
        frames = re.findall(r"^\s+[0-9a-f]+ (.*) \((.*)\)$", sample, re.M)
        # Code without frame pointers leaves addresses that are nobody's. The kernel's own depths are of no interest here.
        frames = [frame for frame in reversed(frames) if frame[1] != "[unknown]"]
        kernel = next((depth for depth, frame in enumerate(frames) if frame[1].startswith("[kernel")), len(frames))
        frames = frames[:kernel + 4]
        if frames:
            stacks[tuple(frames)] += 1
    names = sorted({name for stack in stacks for name, _ in stack})
    plain = dict(zip(names, demangled(names)))
    folded = Counter()
    for stack, count in stacks.items():
        named = ((plain[name], Path(dso).name) for name, dso in stack)
        folded[tuple((library if name == "[unknown]" else name, library) for name, library in named)] += count
    return folded


def demangled(names):
    output = subprocess.run(["swift", "demangle", "--compact", "--simplified"], input="\n".join(names) + "\n", check=True,
                            capture_output=True, text=True).stdout
    return [BEFORE.sub("", name) for name in output.splitlines()]


class Frame:
    def __init__(self):
        self.count, self.inner = 0, {}

    @staticmethod
    def tree(stacks):
        root = Frame()
        for stack, count in stacks.items():
            root.count += count
            frame = root
            for name in stack:
                frame = frame.inner.setdefault(name, Frame())
                frame.count += count
        return root


def svg(stacks, title):
    root, shapes = Frame.tree(stacks), []
    total = max(1, root.count)

    def draw(frame, left, depth):
        deepest = depth
        for (name, library), inner in sorted(frame.inner.items()):
            if inner.count >= LEAST * total:
                shapes.append((left, depth, inner.count, name, library))
                deepest = max(deepest, draw(inner, left, depth + 1))
            left += inner.count
        return deepest

    height = (draw(root, 0, 0) + 4) * ROW
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="monospace" font-size="10">',
        f'<rect width="100%" height="100%" fill="#fff"/><text x="4" y="12">{escape(title)}, {total:,} samples</text>']
    for number, (owner, colour, _) in enumerate(OWNERS):
        lines.append(f'<text x="{4 + 130 * number}" y="{12 + ROW}"><tspan fill="{colour}">■</tspan> {escape(owner)}</text>')
    for left, depth, count, name, library in shapes:
        x, width, y = WIDTH * left / total, WIDTH * count / total, height - (depth + 1) * ROW
        label = name if len(name) * LETTER < width else name[:max(0, int(width / LETTER) - 1)]
        lines.append(
            f'<g><title>{escape(name)} ({escape(library)}), {100 * count / total:.1f} %</title>'
            f'<rect x="{x:.1f}" y="{y}" width="{width:.1f}" height="{ROW - 1}" fill="{colour_of(name, library)}"/>'
            f'<text x="{x + 2:.1f}" y="{y + 11}">{escape(label)}</text></g>')
    return "\n".join([*lines, "</svg>", ""])


def colour_of(name, library):
    return next(colour for _, colour, what in OWNERS if what.search(library) or what.search(name))
