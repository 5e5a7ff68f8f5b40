from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bhuman_cli import domain
from bhuman_cli.delivery import gallery, mailmerge, review
from tests.support import chromium, media_files

pytestmark = pytest.mark.chromium
LONG = "long " * 2048


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[chromium.Browser]:
    with chromium.running(tmp_path_factory.mktemp("profile")) as found:
        yield found


@pytest.fixture(autouse=True)
def _quiet(browser: chromium.Browser) -> Iterator[None]:
    """Every test ends without a message in the browser's console, a dialog, or a request to the network."""
    browser.console.clear()
    browser.requests.clear()
    yield
    assert browser.console == []
    assert [url for url in browser.requests if not url.startswith(("file:", "data:", "about:"))] == []


def row(index: int, cells: tuple[str, ...], **fields: str) -> domain.ResultRow:
    empty = dict.fromkeys(domain.RESULT_COLUMNS, "")
    given = {"row_index": str(index), "id": f"id-{index}", "status": "succeeded", **fields}
    return domain.ResultRow(cells=cells, fields={**empty, **given})


def write(
    folder: Path, rows: list[domain.ResultRow], header: list[str], title: str = "campaign.csv", **more: Any
) -> str:
    page = gallery.Page(
        title=title, subtitle=title, header=header, labels=header[:3], rows=rows, key=folder.name, name="campaign",
        **more,
    )  # fmt: skip
    path = folder / "gallery.html"
    path.write_bytes(gallery.render(page).encode())
    return path.as_uri()


def big(folder: Path, count: int) -> str:
    (folder / "t.png").write_bytes(media_files.PNG)
    (folder / "g.gif").write_bytes(media_files.GIF)
    here = {"thumbnail": (folder / "t.png").as_uri(), "gif": (folder / "g.gif").as_uri()}
    away = {"thumbnail": "https://assets.bhuman.ai/t.jpg", "gif": "https://assets.bhuman.ai/g.gif"}
    video = "https://assets.bhuman.ai/v.mp4"
    rows = []
    for n in range(count):
        cells = (f"Zoë {n}", f"company {n % 7}", f"person{n}@example.com")
        more = {**(here if n % 2 else away), "status": "failed" if n % 10 == 3 else "succeeded", "url": video}
        rows.append(row(n, cells, share_url=f"https://videos.bhuman.ai/{n}", **more))
    return write(folder, rows, ["name", "company", "email"])


def shown(browser: chromium.Browser) -> str:
    return str(browser.js("document.getElementById('shown').textContent"))


def settled(expression: str) -> str:
    """Run JavaScript and give the milliseconds until the frame after it is painted."""
    return (
        "new Promise(done => { const start = performance.now();" + expression + "; requestAnimationFrame(() =>"
        " { const port = new MessageChannel(); port.port1.onmessage = () => done(performance.now() - start);"
        " port.port2.postMessage(0); }); })"
    )


def soon(condition: str) -> str:
    """Wait, frame by frame, until something holds."""
    return f"new Promise(done => {{ const look = () => {condition} ? done() : requestAnimationFrame(look); look(); }})"


def typed(text: str) -> str:
    return f"q.value = {text!r}; q.dispatchEvent(new Event('input'))"


def test_a_large_run_is_quick_without_a_network(browser: chromium.Browser, tmp_path: Path) -> None:
    browser.open(big(tmp_path, 2_000))
    paint = browser.js(
        "new Promise(done => new PerformanceObserver(list => done(list.getEntriesByName('first-contentful-paint')[0]"
        ".startTime)).observe({type: 'paint', buffered: true}))"
    )
    searches, chips = [], []
    for _ in range(3):  # the best of three: other work on the machine is not the page's fault
        searches.append(browser.js(settled(typed("zoe 19"))))
        assert shown(browser) == f"{sum('19' in str(n) for n in range(2_000))} of 2000 rows"
        browser.js(typed(""))
        chips.append(browser.js(settled("document.querySelector('[data-filter=failed]').click()")))
        assert shown(browser) == "200 of 2000 rows"
        browser.js("clear.click()")
    search, chip = min(searches), min(chips)
    print(f"first paint {paint:.0f} ms, search {search:.0f} ms, filter {chip:.0f} ms")
    assert paint < 1_000
    assert search < 100
    assert chip < 100


def test_search_filter_and_sort_work_together(browser: chromium.Browser, tmp_path: Path) -> None:
    browser.open(big(tmp_path, 300))
    browser.js(typed("13@ PERSON"))
    browser.js("document.querySelector('[data-filter=failed]').click()")
    names = browser.js("[...document.querySelectorAll('h3')].map(one => one.textContent)")
    assert names == [f"Zoë {n}" for n in range(300) if n % 100 == 13]
    browser.js("sort.value = 'l0'; sort.dispatchEvent(new Event('change'))")
    browser.js(typed("no such thing"))
    assert browser.js("getComputedStyle(nothing).display") != "none"
    browser.js("clear.click()")
    assert shown(browser) == "300 rows"
    assert browser.js("document.querySelectorAll('#list > li').length") < 300, "cards are drawn as they are needed"
    for _ in range(9):
        browser.js("more.click()")
    assert browser.js("document.querySelectorAll('#list > li').length") == 300


HOSTILE = [
    "<script>document.title = 'owned'</script>",
    "<img src=x onerror=\"document.title='owned'\">",
    "</script><script>alert(1)//",
    '"><svg onload=alert(1)>',
    "' onfocus='alert(1)",
    "javascript:alert(1)",
    "\u202eevil\u202c",
    "مرحبا بالعالم",
    "👩\u200d👩\u200d👧🇺🇦",
    "{{ constructor.constructor('alert(1)')() }}",
    "<!--",
    "]]>",
    "&lt;b&gt;",
    "\u2028",
    LONG,
]


def test_hostile_rows_are_text(browser: chromium.Browser, tmp_path: Path) -> None:
    cells = HOSTILE
    rows = [
        row(n, (cell, cell), message=cell, share_url=cell, url=cell, gif=cell, thumbnail=cell, status="failed")
        for n, cell in enumerate(cells)
    ]
    browser.open(write(tmp_path, rows, ["name", "<b>header</b>"], title="</title><script>alert(1)</script>"))
    browser.js(settled(""))
    found = browser.js("[...document.querySelectorAll('.card')].map(one => one.querySelector('h3 span').textContent)")
    assert found == cells
    assert (
        browser.js("[...document.querySelectorAll('.card')].map(one => one.querySelector('.why.bad span').textContent)")
        == cells
    )
    assert browser.js("document.title") == f"</title><script>alert(1)</script>: 0 of {len(cells)} videos"
    assert browser.js("document.scripts.length") == 2
    assert browser.js("document.querySelectorAll('svg').length") == 0
    assert browser.js("document.querySelectorAll('.card a, .card img, .card [onerror], .card [onfocus]').length") == 0
    attributes = browser.js("[...document.querySelectorAll('*')].flatMap(one => one.getAttributeNames())")
    assert not [name for name in attributes if name.startswith("on")]
    assert browser.js("[...document.querySelectorAll('.clamp')].every(one => one.dir === 'auto')")


def test_a_long_cell_does_not_stretch_the_page(browser: chromium.Browser, tmp_path: Path) -> None:
    rows = [row(0, ("x" * 10_000,)), row(1, (LONG,), message="y" * 10_000)]
    browser.open(write(tmp_path, rows, ["name"]), width=390, height=844)
    assert browser.js("document.documentElement.scrollWidth <= innerWidth")
    assert browser.js("Math.max(...[...document.querySelectorAll('.card')].map(one => one.offsetHeight)) < 700")


def focused(browser: chromium.Browser) -> str:
    active = "document.activeElement"
    return str(browser.js(f"({active}.getAttribute('aria-label') ?? {active}.textContent).trim()"))


def test_a_card_has_two_stops_and_its_buttons_go_by_arrow(browser: chromium.Browser, tmp_path: Path) -> None:
    browser.open(big(tmp_path, 5))
    browser.key("/")
    assert browser.js("document.activeElement.id") == "q"
    browser.js("document.querySelector('button.frame').focus()")
    names = [focused(browser)]
    for _ in range(3):
        browser.key("Tab")
        names.append(focused(browser))
    assert names == [
        "Play the video for Zoë 0, row 0", "Approve, Zoë 0, row 0",
        "Play the video for Zoë 1, row 1", "Approve, Zoë 1, row 1",
    ]  # fmt: skip
    for _ in range(4):
        browser.key("ArrowRight")
    assert focused(browser) == "Copy link, Zoë 1, row 1"
    assert browser.js("[...document.querySelectorAll('button, a, input, select')].every(one =>"
                      " one.getAttribute('aria-label') || one.textContent.trim() || one.labels?.length)")  # fmt: skip


def test_what_has_focus_never_hides_under_the_bar(browser: chromium.Browser, tmp_path: Path) -> None:
    browser.open(big(tmp_path, 60), height=700)
    browser.js("more.click(); more.click()")
    browser.js("[...document.querySelectorAll('button.frame')].at(-1).focus()")
    under = []
    for _ in range(60):
        browser.call(
            "Input.dispatchKeyEvent", type="keyDown", key="Tab", code="Tab", windowsVirtualKeyCode=9, modifiers=8
        )
        if browser.js("tools.contains(document.activeElement)"):
            break
        edge = "document.activeElement.getBoundingClientRect().top + 1"
        under.append(browser.js(f"tools.getBoundingClientRect().bottom > {edge}"))
    assert len(under) > 20
    assert not any(under)


def test_a_review_is_made_with_one_hand_kept_and_saved(browser: chromium.Browser, tmp_path: Path) -> None:
    url = big(tmp_path, 40)
    browser.open(url)
    browser.js("localStorage.clear()")
    browser.open(url)
    browser.js("document.querySelector('button.frame').focus()")
    for key in "aar":  # each goes on to the next one
        browser.key(key)
    browser.key("n")
    browser.js("note.value = ' the name, \"Zoë\", is cut '; 0")
    browser.key("Enter")
    browser.js(soon("!noting.open"))
    browser.open(url)  # written anew or opened again: still there
    assert browser.js("save.textContent") == "Save review (3)"
    browser.js("document.querySelector('[data-filter=\"+rejected\"]').click()")
    assert browser.js("[...document.querySelectorAll('h3')].map(one => one.textContent)") == ["Zoë 2"]
    browser.call("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path))
    browser.js("save.click()")
    for _ in range(300):
        if (tmp_path / "campaign.review.csv").exists():
            break
        browser.js("new Promise(done => setTimeout(done, 20))")
    decisions = review.read([tmp_path / "campaign.review.csv"])
    assert {id_: decision.word for id_, decision in decisions.items()} == {
        "id-0": "approved", "id-1": "approved", "id-2": "rejected", "id-3": "",
    }  # fmt: skip
    assert decisions["id-3"].note == 'the name, "Zoë", is cut'
    browser.js("localStorage.clear()")


def test_a_saved_review_is_shown_again_and_suspects_come_first(browser: chromium.Browser, tmp_path: Path) -> None:
    rows = [row(n, (f"Person {n}",)) for n in range(4)]
    decisions = {"id-1": gallery.Decision(word="rejected", note="too loud")}
    browser.open(write(tmp_path, rows, ["name"], review=decisions, quality={"3": "no sound"}))
    assert browser.js("[...document.querySelectorAll('h3')].map(one => one.textContent)")[0] == "Person 3"
    assert browser.js("document.querySelector('.card .why.look').textContent") == "no sound"
    assert browser.js("document.querySelector('[data-d=rejected] .noted').textContent") == "rejected: too loud"


def test_search_folds_letters_and_looks_into_every_column(browser: chromium.Browser, tmp_path: Path) -> None:
    names = {"Łukasz": "lukasz@x.com", "Yılmaz": "y@x.com", "Øyvind": "z@x.com", "Groß": "g@x.com", "Ana": "p57@x.com"}
    cells = [(name, "a", "b", email) for name, email in names.items()]
    rows = [row(n, texts) for n, texts in enumerate(cells)]
    browser.open(write(tmp_path, rows, ["name", "x", "y", "email"], lines={str(n): n + 2 for n in range(5)}))
    for words, name in [("lukasz", "Łukasz"), ("YILMAZ", "Yılmaz"), ("oyvind", "Øyvind"), ("gross", "Groß"),
                        ("p57@", "Ana"), ("line 6", "Ana")]:  # fmt: skip
        browser.js(typed(words))
        assert browser.js("[...document.querySelectorAll('h3')].map(one => one.textContent)") == [name], words


def test_the_address_keeps_search_filter_sort_and_view(browser: chromium.Browser, tmp_path: Path) -> None:
    browser.open(big(tmp_path, 100))
    browser.js(typed("zoe 1"))
    browser.js("document.querySelector('[data-filter=succeeded]').click(); sort.value = 'l0';"
               " sort.dispatchEvent(new Event('change')); turn.click(); look.click(); scrollTo(0, 9e9)")  # fmt: skip
    before = browser.js("[location.href, document.getElementById('shown').textContent,"
                        " document.querySelector('#table tbody tr').textContent]")  # fmt: skip
    browser.open("about:blank")
    browser.open(before[0])
    assert browser.js("[location.href, document.getElementById('shown').textContent,"
                      " document.querySelector('#table tbody tr').textContent]") == before  # fmt: skip
    assert before[2].startswith("row 99")
    browser.js("scrollTo(0, 9e9); document.querySelector('[data-filter=\"\"]').click()")
    assert browser.js("scrollY <= tools.offsetTop + 1")


def test_the_links_of_the_filter_are_copied_at_once(browser: chromium.Browser, tmp_path: Path) -> None:
    browser.open(big(tmp_path, 30))
    browser.js("document.querySelector('[data-filter=failed]').click()")
    browser.js("window.got = new Promise(done => { navigator.clipboard.writeText = text => { done(text); return"
               " Promise.resolve(); }; }); copyall.click()")  # fmt: skip
    assert browser.js("window.got").split("\n") == [f"https://videos.bhuman.ai/{n}" for n in (3, 13, 23)]


def test_a_link_of_this_machine_is_none_to_pass_on(browser: chromium.Browser, tmp_path: Path) -> None:
    local = (tmp_path / "x" / "index.html").as_uri()
    rows = [row(0, ("Ana",), share_url=local), row(1, ("Bo",), share_url="http://127.0.0.1:8/video/1")]
    browser.open(write(tmp_path, rows, ["name"]))
    labels = browser.js(
        "[...document.querySelectorAll('.acts')].map(bar => [...bar.children].map(one => one.textContent))"
    )
    assert labels == [["Approve", "Reject", "Note", "Open page", word] for word in ("Copy path", "Copy local address")]
    assert browser.js("copyall.hidden")


def test_a_video_that_is_gone_is_said_to_be(browser: chromium.Browser, tmp_path: Path) -> None:
    browser.open(write(tmp_path, [row(0, ("Ana",), url=(tmp_path / "gone.mp4").as_uri())], ["name"]))
    browser.js("document.querySelector('button.frame').click()")
    browser.js(soon("!broken.hidden"))
    assert "missing" in browser.js("broken.textContent")
    browser.console.clear()  # the browser's own word for the missing file


def test_the_gif_moves_on_hover_and_on_focus_unless_motion_is_unwanted(
    browser: chromium.Browser, tmp_path: Path
) -> None:
    browser.open(big(tmp_path, 2))
    frame = "document.querySelectorAll('.frame')[1]"
    source = f"{frame}.querySelector('img').src.slice(-5)"
    assert browser.js(source) == "t.png"
    browser.js(f"{frame}.dispatchEvent(new PointerEvent('pointerenter'))")
    assert browser.js(source) == "g.gif"
    browser.js(f"{frame}.dispatchEvent(new PointerEvent('pointerleave'))")
    assert browser.js(source) == "t.png"
    browser.js(f"{frame}.focus()")
    assert browser.js(source) == "g.gif"
    browser.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-reduced-motion", "value": "reduce"}])
    browser.js(f"{frame}.blur(); {frame}.focus()")
    assert browser.js(source) == "t.png"


def test_link_and_snippet_are_copied(browser: chromium.Browser, tmp_path: Path) -> None:
    browser.open(big(tmp_path, 2))
    copied: list[Any] = []
    for label in ["Copy link, Zoë 0, row 0", "Copy e-mail snippet, Zoë 0, row 0"]:
        browser.js("window.got = new Promise(done => { navigator.clipboard.writeText = text => { done(text); return"
                   " Promise.resolve(); }; }); 0")  # fmt: skip
        browser.js(f"document.querySelector('[aria-label=\"{label}\"]').click()")
        copied.append(browser.js("window.got"))
    assert copied[0] == "https://videos.bhuman.ai/0"
    fields = {"share_url": "https://videos.bhuman.ai/0", "gif": "https://assets.bhuman.ai/g.gif"}
    assert copied[1] == mailmerge.email_html(mailmerge.mail(fields, "Zoë 0"))  # the same as `export --for` writes
    assert browser.js("toast.textContent") == "E-mail snippet copied"


def test_a_video_plays_in_the_page_and_escape_ends_it(browser: chromium.Browser, tmp_path: Path) -> None:
    (tmp_path / "v.mp4").write_bytes(media_files.mp4())
    browser.open(write(tmp_path, [row(0, ("<b>Zoë</b>",), url=(tmp_path / "v.mp4").as_uri())], ["name"]))
    browser.js("document.querySelector('button.frame').focus()")
    browser.key("Enter")
    assert browser.js("player.open && document.querySelector('video').src.slice(-5)") == "v.mp4"
    assert browser.js("playing.textContent") == "row 0: <b>Zoë</b>"
    browser.key("Escape")
    browser.js(soon("!player.open && !document.querySelector('video').hasAttribute('src')"))
    assert browser.js("document.activeElement.className") == "frame"


def test_print_shows_every_row_and_no_buttons(browser: chromium.Browser, tmp_path: Path) -> None:
    browser.open(big(tmp_path, 200))
    browser.js("dispatchEvent(new Event('beforeprint'))")
    assert browser.js("document.querySelectorAll('.card').length") == 200
    browser.call("Emulation.setEmulatedMedia", media="print")
    assert browser.js("getComputedStyle(document.querySelector('.tools')).display") == "none"
    browser.call("Emulation.setEmulatedMedia", media="")


def test_dark_and_light_differ_and_stay_readable(browser: chromium.Browser, tmp_path: Path) -> None:
    url = big(tmp_path, 5)
    seen = []
    for dark in (False, True):
        browser.open(url, dark=dark)
        seen.append(browser.js(CONTRAST))
    (background, worst), (dark_background, worst_in_dark) = seen
    assert background != dark_background
    assert worst[0] >= 4.5, worst
    assert worst_in_dark[0] >= 4.5, worst_in_dark


CONTRAST = """(() => {
  const light = text => {
    const [r, g, b] = text.match(/[\\d.]+/g).slice(0, 3).map(Number).map(v => v / 255)
      .map(v => v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4);
    return .2126 * r + .7152 * g + .0722 * b;
  };
  const behind = one => {
    for (let at = one; at; at = at.parentElement) {
      const color = getComputedStyle(at).backgroundColor;
      if (!/rgba.*, 0\\)$/.test(color)) return color;
    }
    return 'rgb(255, 255, 255)';
  };
  const ratio = one => {
    const [high, low] = [light(getComputedStyle(one).color), light(behind(one))].sort((x, y) => y - x);
    return (high + .05) / (low + .05);
  };
  const texts = 'h1, .sub, .chip, .chip b, .state, .top span, dt, dd span, h3 span, .act, .shown';
  const worst = [...document.querySelectorAll(texts)].map(one => [ratio(one), one.className, one.textContent])
    .sort((x, y) => x[0] - y[0])[0];
  return [getComputedStyle(document.body).backgroundColor, worst];
})()"""
