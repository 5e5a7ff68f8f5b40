"""`python -m tests.support.pages FOLDER`: every kind of page that is written to disk, for validators outside Python."""

from __future__ import annotations

import sys
from pathlib import Path

from bhuman_cli import domain
from bhuman_cli.delivery import gallery
from bhuman_cli.studio.render.output import share_page
from bhuman_cli.studio.render.template import Sender
from bhuman_cli.workflows.results import spend


def row(index: int, name: str, **fields: str) -> domain.ResultRow:
    """Return a result row with three cells."""
    empty = dict.fromkeys(domain.RESULT_COLUMNS, "")
    given = {"row_index": str(index), "id": f"00000000-0000-4000-8000-{index:012}", "status": "succeeded", **fields}
    cells = (name, "Company " * (1 + index % 9), f"p{index}@x.example")
    return domain.ResultRow(cells=cells, fields={**empty, **given})


SHARED = {
    "plain": share_page.SharePage(values={}, title="A video for you"),
    "full": share_page.SharePage(
        values={"company": "Green, Grey & Co", "city": "مرحبا"}, title="A video for Ada", duration_s=9.0,
        sender=Sender(name="Maya at Acme", link="https://acme.example/book", action="Book a time"),
    ),
    "tall": share_page.SharePage(values={"x": "y" * 400}, title="x" * 60, duration_s=75, size=(720, 1280)),
}  # fmt: skip


def write(folder: Path) -> None:
    """Write a gallery, share pages and a spend report."""
    header = ["first_name", "company", "email"]
    rows = [row(n, name, share_url=f"https://h/{n}") for n, name in enumerate(["Ada", "<b>Bob</b>", "مرحبا"])]
    rows.append(row(3, "Di", status="failed", message="no face"))
    shown = gallery.Page(
        title="leads.csv", subtitle="run r1", header=header, labels=header, rows=rows, quality={"1": "no sound"},
        seconds=[1.0 + n for n in range(40)], name="leads", key="k",
    )  # fmt: skip
    (folder / "gallery.html").write_bytes(gallery.render(shown).encode())
    for name, page in SHARED.items():
        (folder / f"share-{name}.html").write_text(page.html("", "https://h.example"), "utf-8")
    payments = [{"month": f"2026-{month:02}", "kind": "paid", "count": month, "is_failed": False, "is_retried": False}
                for month in range(1, 13)]  # fmt: skip
    (folder / "spend.html").write_text(spend.page(payments, "month", None), "utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
