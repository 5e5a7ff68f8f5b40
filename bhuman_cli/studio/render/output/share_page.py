"""Share page of one video: a file that works from disk and from a server alike. Knows nothing of rendering."""

from __future__ import annotations

import html
from collections.abc import Mapping

from bhuman_cli.studio.render import scene

_STYLE = """
:root{color-scheme:light dark;--bg:#f5f5fb;--card:#fff;--ink:#171c2c;--soft:#5b6075;--line:#e4e4f0;
--accent:#5850ec;--on:#fff}
@media(prefers-color-scheme:dark){:root{--bg:#11131c;--card:#1a1d29;--ink:#f1f2f8;--soft:#a2a7ba;
--line:#2b2f40;--accent:#8d87ff;--on:#11131c}}
*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--ink);
font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",sans-serif}
main{max-width:960px;margin:0 auto;padding:clamp(16px,4vw,48px) clamp(12px,4vw,32px)}
h1{font-size:clamp(1.35rem,3.6vw,2.1rem);line-height:1.2;margin:0 0 20px;overflow-wrap:anywhere;text-wrap:balance}
.player{background:#000;border-radius:16px;overflow:hidden;box-shadow:0 18px 50px -18px rgba(20,20,60,.45)}
video{display:block;width:100%;max-height:76vh;background:#000}
.actions{display:flex;flex-wrap:wrap;gap:12px;margin:22px 0}
.button{appearance:none;border:1px solid var(--line);background:var(--card);color:var(--ink);font:inherit;
font-weight:600;padding:11px 20px;border-radius:999px;cursor:pointer;text-decoration:none}
.button.main{background:var(--accent);border-color:var(--accent);color:var(--on)}
.button:focus-visible{outline:3px solid var(--accent);outline-offset:2px}
dl{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,220px),1fr));gap:12px;margin:0}
dl div{background:var(--card);border:1px solid var(--line);border-radius:14px;padding:14px 18px}
dt{color:var(--soft);font-size:.82rem;font-weight:600}
dd{margin:2px 0 0;font-weight:600;overflow-wrap:anywhere;white-space:pre-line}
footer{color:var(--soft);font-size:.82rem;margin-top:28px}
"""

# Copying needs a secure context; on plain http the old command still works.
_SCRIPT = """
const button=document.getElementById("copy"),said=button.textContent;
button.addEventListener("click",async()=>{let ok=true;
try{await navigator.clipboard.writeText(location.href)}
catch{const box=document.createElement("textarea");box.value=location.href;
document.body.append(box);box.select();ok=document.execCommand("copy");box.remove()}
button.textContent=ok?"Link copied":"Copying was refused";setTimeout(()=>{button.textContent=said},2000)});
"""

_POLICY = (
    "default-src 'none'; media-src 'self' file: http: https:; img-src 'self' file: http: https:; "
    "style-src 'unsafe-inline'; script-src 'unsafe-inline'"
)


def render_page(values: Mapping[str, str], title: str, media_base: str) -> str:
    """Return the page as HTML; everything that came from a person is escaped.

    values: what the template shows of the recipient, in order. title: the heading.
    media_base: where the media are, relative to the page or absolute: "" for beside it.
    """
    base = media_base if not media_base or media_base.endswith("/") else f"{media_base}/"
    video, poster = html.escape(f"{base}video.mp4"), html.escape(f"{base}thumbnail.jpg")
    heading = html.escape(title)
    facts = "".join(
        f'<div><dt>{html.escape(scene.label(name))}</dt><dd dir="auto">{html.escape(value)}</dd></div>'
        for name, value in values.items()
        if value.strip()
    )
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<meta name="robots" content="noindex,nofollow">
<meta name="referrer" content="no-referrer">
<meta property="og:type" content="video.other">
<meta property="og:title" content="{heading}">
<meta property="og:image" content="{poster}">
<title>{heading}</title>
<style>{_STYLE}</style>
</head>
<body>
<main>
<h1 dir="auto">{heading}</h1>
<div class="player"><video controls playsinline preload="metadata" poster="{poster}" src="{video}">
<a href="{video}">Download the video</a></video></div>
<div class="actions"><a class="button main" href="{video}" download>Download</a>
<button class="button" id="copy" type="button">Copy link</button></div>
{f"<dl>{facts}</dl>" if facts else ""}
<footer>Made with bhuman on this computer.</footer>
</main>
<script>{_SCRIPT}</script>
</body>
</html>
"""


def title_for(template_name: str, values: Mapping[str, str]) -> str:
    """Return a heading: a greeting where the first value looks like a name, else the template's name."""
    first = next((value.strip() for value in values.values() if value.strip()), "")
    if first and len(first) <= 60 and "/" not in first and "\n" not in first:
        return f"A video for {first}"
    return template_name
