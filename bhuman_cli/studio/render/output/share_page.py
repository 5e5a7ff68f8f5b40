"""Share page of one video: a file that works from disk and from a server alike. Knows nothing of rendering.

It shows the video and one thing to do after it; what the sender's table says of the recipient stays there.
"""

from __future__ import annotations

import functools
import html
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from importlib import resources
from typing import Final
from urllib.parse import urlsplit

from bhuman_cli.studio.render import personal, scene
from bhuman_cli.studio.render.template import Sender

_NOTE: Final = re.compile(r'<script type="application/json" id="note">(.*?)</script>', re.DOTALL)
"""In the page: what it was made of, for a server that shows it under its own address."""

# Native controls come with the first play: before it they would lie over the greeting.
_SCRIPT: Final = """
const video=document.querySelector("video"),start=document.getElementById("start"),gone=document.getElementById("gone");
start.hidden=false;video.controls=false;
const begin=()=>{start.hidden=true;video.controls=true};
start.addEventListener("click",()=>{begin();video.focus();video.play().catch(()=>{})});
video.addEventListener("play",begin);
video.addEventListener("error",()=>{start.hidden=true;video.hidden=true;gone.hidden=false});
const button=document.getElementById("copy"),said=button.textContent;
if(location.protocol==="file:")button.remove();
button.addEventListener("click",async()=>{let ok=true;
try{await navigator.clipboard.writeText(location.href)}
catch{const box=document.createElement("textarea");box.value=location.href;
document.body.append(box);box.select();ok=document.execCommand("copy");box.remove()}
button.textContent=ok?"Link copied":"Copying was refused";setTimeout(()=>{button.textContent=said},2000)});
"""

_POLICY: Final = (
    "default-src 'none'; media-src 'self' file: http: https:; img-src 'self' data: file: http: https:; "
    "style-src 'unsafe-inline'; script-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
)
_SMALLEST: Final = 0.24
"""The play button's diameter in the shorter side: it covers the mark that is drawn on the poster."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SharePage:
    """What a page shows. values: presentable ones, in order. duration_s: 0.0 where it is not known."""

    values: Mapping[str, str]
    title: str
    sender: Sender = field(default_factory=Sender)
    duration_s: float = 0.0
    size: tuple[int, int] = (1280, 720)

    def _note(self) -> str:
        """Return the note that `read` reads; nothing in it can end its element."""
        text = json.dumps({**asdict(self), "values": dict(self.values)}, ensure_ascii=False)
        return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")

    def html(self, media_base: str = "", address: str = "") -> str:
        """Return the page; everything that came from a person is escaped.

        media_base: where the media are, relative to the page or absolute: "" for beside it.
        address: the server's own, for previews in chats, which need a whole one; "" on disk.
        """
        base = media_base if not media_base or media_base.endswith("/") else f"{media_base}/"
        video, poster = html.escape(f"{base}video.mp4"), html.escape(f"{base}thumbnail.jpg")
        heading = html.escape(self.title)
        preview = html.escape(address.rstrip("/") + f"{base}thumbnail.jpg") if address else ""
        card = '<meta name="twitter:card" content="summary_large_image">'
        previews = f'<meta property="og:image" content="{preview}">\n{card}\n' if preview else ""
        width, height = self.size
        mark = 100 * _SMALLEST * min(width, height) / width
        return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<meta name="robots" content="noindex,nofollow">
<meta name="referrer" content="no-referrer">
<meta name="color-scheme" content="light dark">
<meta property="og:type" content="video.other">
<meta property="og:title" content="{heading}">
{previews}<title>{heading}</title>
<link rel="icon" href="data:,">
<style>{stylesheet()}:root {{ --ratio: {width / height:.4f}; --mark: {mark:.1f}%; }}</style>
</head>
<body class="share">
<main>
<h1 dir="auto">{heading}</h1>
{self._from()}<div class="film"><video controls playsinline preload="metadata" poster="{poster}" src="{video}">
<a href="{video}">Download the video</a></video>
<button type="button" class="start" id="start" aria-label="Play the video{self._spoken()}" hidden>
<span aria-hidden="true">▶</span>{self._length()}</button>
<p class="note" id="gone" hidden>The video can’t be played: the file is missing or out of reach.</p></div>
<div class="row">{self._action()}<button class="button" id="copy" type="button">Copy link</button>
<a class="button" href="{video}" download="{html.escape(file_name(self.title))}">Download</a></div>
{self._facts()}<footer>Made with bhuman.</footer>
</main>
<script type="application/json" id="note">{self._note()}</script>
<script>{_SCRIPT}</script>
</body>
</html>
"""

    def _from(self) -> str:
        return f'<p class="from" dir="auto">From {html.escape(self.sender.name)}</p>\n' if self.sender.name else ""

    def _action(self) -> str:
        link = self.sender.link
        if not link:
            return ""
        words = self.sender.action or (f"Visit {urlsplit(link).hostname}" if "//" in link else "Reply")
        button = f'href="{html.escape(link)}" target="_blank" rel="noopener">{html.escape(words)}'
        return f'<a class="button main" {button}</a>\n'

    def _spoken(self) -> str:
        return f", {round(self.duration_s)} seconds" if self.duration_s else ""

    def _length(self) -> str:
        if not self.duration_s:
            return ""
        minutes, seconds = divmod(round(self.duration_s), 60)
        return f'<b aria-hidden="true">{minutes}:{seconds:02}</b>'

    def _facts(self) -> str:
        facts = "".join(
            f'<dt>{html.escape(scene.label(name))}</dt><dd dir="auto">{html.escape(value)}</dd>'
            for name, value in self.values.items()
        )
        return f"<details><summary>About this video</summary><dl>{facts}</dl></details>\n" if facts else ""


def read(page: str) -> SharePage | None:
    """Return what a page on disk was made of; None for one that does not say it."""
    note = _NOTE.search(page)
    try:
        told = json.loads(note[1] if note else "")
        return SharePage(
            values=dict(told["values"]), title=str(told["title"]), sender=Sender(**told["sender"]),
            duration_s=float(told["duration_s"]), size=(int(told["size"][0]), int(told["size"][1])),
        )  # fmt: skip
    except (ValueError, KeyError, TypeError, IndexError):
        return None


@functools.cache
def stylesheet() -> str:
    """Return the one stylesheet of all pages."""
    return resources.files("bhuman_cli.studio").joinpath("pages", "style.css").read_text("utf-8")


def title_for(values: Mapping[str, str]) -> str:
    """Return a heading: for whom the video is, where the first presentable value reads as a name."""
    first = next(iter(personal.presentable(values).values()), "").strip()
    return f"A video for {first}" if first and "/" not in first else "A video for you"


def file_name(title: str) -> str:
    """Return what the video is called when it is saved."""
    plain = "".join(char if char.isalnum() or char in " -_" else "" for char in title)
    return f"{' '.join(plain.split())[:60] or 'video'}.mp4"
