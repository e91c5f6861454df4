#!/usr/bin/env python3
"""The layers, as Package.swift declares them and as files import them: no more and no less.

Domains decide and do no input or output, services do not know each other, and technique knows no service.
"""
import json, pathlib, re, subprocess, sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
IMPORT = re.compile(
    r"^\s*(?:@\w+\s+|public\s+|package\s+|internal\s+|fileprivate\s+|private\s+)*import\s+"
    r"(?:(?:struct|class|enum|protocol|typealias|func|let|var)\s+)?(\w+)", re.M)
# What a domain may stand on.
DOMAIN = {"Contracts", "Entities", "Foundation", "JSON", "Text", "Values"}


def targets():
    """The package's targets: name, folder, excluded folders, declared dependencies."""
    dump = subprocess.run(["swift", "package", "dump-package"], cwd=ROOT, check=True, capture_output=True, text=True)
    for target in json.loads(dump.stdout)["targets"]:
        folder = ROOT / target["path"]
        declared = {next(iter(one.values()))[0] for one in target["dependencies"]}
        yield target["name"], folder, [folder / name for name in target.get("exclude", [])], declared


def imports(folder, excluded=()):
    """What the Swift files of a folder import, each with a file that does."""
    found = {}
    for file in sorted(folder.rglob("*.swift")):
        if not any(file.is_relative_to(one) for one in excluded):
            for module in IMPORT.findall(file.read_text(encoding="utf-8")):
                found.setdefault(module, file.relative_to(ROOT))
    return found


def findings():
    all_targets = list(targets())
    names = {name for name, _, _, _ in all_targets}
    services = {name for name, folder, _, _ in all_targets if folder.parent == ROOT / "Services"}
    for name, folder, excluded, declared in all_targets:
        found = imports(folder, excluded)
        for module in sorted(names & found.keys() - declared - {name}):
            yield f"{found[module]} imports {module}, which Package.swift does not give to {name}"
        for module in sorted(declared - found.keys()):
            yield f"Package.swift gives {module} to {name}, where no file imports it"
        # The tool is for all of them.
        if folder.is_relative_to(ROOT / "Services") and not folder.is_relative_to(ROOT / "Services/Operator"):
            for module in sorted(found.keys() & services - {name, folder.parent.name}):
                yield f"{found[module]} imports {module}: a service knows the others by their events and calls"
        if folder.is_relative_to(ROOT / "Shared"):
            for module in sorted(found.keys() & services):
                yield f"{found[module]} imports {module}: technique knows no service"
    for domain in sorted((ROOT / "Services").glob("*/Domain")):
        for module, file in sorted(imports(domain).items()):
            if module not in DOMAIN:
                yield f"{file} imports {module}: a domain stands on {', '.join(sorted(DOMAIN))} only"


if __name__ == "__main__":
    wrong = list(findings())
    print("\n".join(wrong) or "every target imports what it declares, and domains do no input or output")
    sys.exit(1 if wrong else 0)
