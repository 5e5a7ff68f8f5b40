"""Reads a fixed number of mutated files in a process of its own, so that memory and panics can be seen from outside.

Prints cases, files read, files refused and peak MiB; any other exception ends it.
"""

from __future__ import annotations

import random
import resource
import sys
import tempfile
import zipfile
from io import BytesIO
from pathlib import Path

from bhuman_cli.errors import InputError
from bhuman_cli.table import checked_table, reader

MAX_MIB = 500
_TELLING = [b'"', b",", b"\n", b"\r", b"\0", b"\xff", b"\xfe\xff", b";", b"sep=", b"{{", b"<", b">", b"99999999", b"A1"]


def mutate(data: bytes, chance: random.Random) -> bytes:
    """Change, cut, repeat or insert at a few random places."""
    found = bytearray(data)
    for _ in range(chance.randint(1, 3)):
        at = chance.randrange(len(found) + 1)
        match chance.randrange(5):
            case 0 if found:
                found[min(at, len(found) - 1)] = chance.randrange(256)
            case 1:
                found[at:at] = chance.choice(_TELLING)
            case 2:
                del found[at : at + chance.randint(1, 40)]
            case 3:
                found[at:at] = found[at : at + chance.randint(1, 200)] * chance.randint(1, 4)
            case _:
                found[at:] = found[at : at + chance.randint(0, len(found))]
    return bytes(found)


def mutate_inside(data: bytes, chance: random.Random) -> bytes:
    """Mutate one part of a workbook and pack it again properly, so that what is inside is reached."""
    out = BytesIO()
    with zipfile.ZipFile(BytesIO(data)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        names = old.namelist()
        chosen = chance.choice([*names, "xl/worksheets/sheet1.xml", "xl/worksheets/sheet1.xml", "xl/styles.xml"])
        for name in names:
            part = old.read(name)
            new.writestr(name, mutate(part, chance) if name == chosen else part)
    return out.getvalue()


def main(cases: int, seeds: Path) -> None:
    """Read so many mutations of the files in a folder."""
    chance = random.Random(4)
    originals = [
        (path.suffix, path.read_bytes())
        for path in sorted(seeds.iterdir())
        if (beside := path.with_name(f"{path.name}.expected.json")).exists() and '"rows"' in beside.read_text("utf-8")
    ]
    read = refused = 0
    with tempfile.TemporaryDirectory() as folder:
        for number in range(cases):
            suffix, data = chance.choice(originals)
            inside = suffix in {".xlsx", ".ods"} and number % 4 and zipfile.is_zipfile(BytesIO(data))
            path = Path(folder) / f"case{suffix}"
            path.write_bytes(mutate_inside(data, chance) if inside else mutate(data, chance))
            try:
                opened = checked_table.open_table(path, checked_table.TableOptions(read=reader.ReadOptions()))
                read += sum(1 for _ in opened.rows()) >= 0
            except InputError as error:
                refused += 1
                if "\n" in error.message or len(error.message) > 400:
                    raise AssertionError(error.message) from error
    scale = 1 << 20 if sys.platform == "darwin" else 1 << 10
    print(cases, read, refused, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // scale)


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))
    main(int(sys.argv[1]), Path(sys.argv[2]))
