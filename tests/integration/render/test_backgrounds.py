"""Backgrounds, decoded: each kind in each mode, colours at chosen pixels, the presenter where the position says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

from bhuman_cli.studio.render import job
from bhuman_cli.studio.render.background import page_capture
from bhuman_cli.studio.render.text import card
from tests.integration.render import footage
from tests.integration.render.conftest import Studio, Web

RED = (200, 30, 30)
BLUE = (30, 40, 200)
GREEN = (0, 255, 0)
PRESENTER = (150, 120, 60)


@pytest.fixture(scope="module")
def template_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Footage of 3 s: a presenter of one colour in the middle third of a green wall."""
    folder = tmp_path_factory.mktemp("wall")
    still = np.full((360, 640, 3), GREEN, np.uint8)
    still[60:, 220:420] = PRESENTER
    footage.make(folder / "wall.mp4", footage.Clip(seconds=3, still=still))
    path = folder / "wall.toml"
    path.write_text("video = 'wall.mp4'\n", "utf-8")
    return path


@pytest.fixture
def wall(template_path: Path, cache_dir: Path, tmp_path: Path) -> Studio:
    return Studio(template_path, cache_dir, tmp_path)


@pytest.fixture(scope="module")
def assets(web: Web) -> Web:
    footage.image(web.folder / "red.png", RED)
    (web.folder / "empty.png").touch()
    footage.make(web.folder / "blue.mp4", footage.Clip(seconds=0.7, size=(320, 180), fps=25, colour=BLUE))
    page = "<!doctype html><style>body{margin:0;background:rgb(200,30,30)}div{height:1500px}</style><div></div>end"
    (web.folder / "page.html").write_text(page, "utf-8")
    return web


def background(kind: str, mode: str, **config: Any) -> dict[str, Any]:
    return {"name": "demo", "start": 1, "end": 2, "kind": kind, "config": {"mode": mode, **config}}


def at(film: footage.Film, number: int, x: float, y: float) -> Any:
    """Return a small patch around a place given in parts of the picture."""
    picture = film.pictures[number]
    row, column = int(y * picture.shape[0]), int(x * picture.shape[1])
    return picture[max(0, row - 3) : row + 4, max(0, column - 3) : column + 4]


ASSETS = {"image": ("link", "red.png", RED), "video": ("link", "blue.mp4", BLUE), "site": ("site", "page.html", RED),
          "linkedin": ("linkedin", "red.png", RED)}  # fmt: skip


@pytest.mark.parametrize("mode", ["basic", "circle", "chroma"])
@pytest.mark.parametrize("what", list(ASSETS))
def test_each_kind_in_each_mode(wall: Studio, assets: Web, what: str, mode: str) -> None:
    kind, name, colour = ASSETS[what]
    if kind == "site" and page_capture.find_browser() is None:
        pytest.skip("no browser on this machine")
    media = wall.row({}, assets=(f"{assets.url}/{name}",), backgrounds=(background(kind, mode),))
    film = footage.decode(media.video)
    assert len(film.pictures) == 90
    assert film.sound is not None
    for number in (10, 29, 60, 80):
        assert footage.near(at(film, number, 0.5, 0.6), PRESENTER), f"frame {number} is the template's"
        assert footage.near(at(film, number, 0.05, 0.05), GREEN)
    for number in (30, 45, 59):
        assert footage.near(at(film, number, 0.05, 0.05), colour), f"the asset fills frame {number}"
        assert footage.near(at(film, number, 0.5, 0.3), colour)
    # By default the presenter stands bottom right, at 0.4 of the frame (of its height, in a circle).
    middle = {"basic": (0.7815, 0.767), "circle": (0.862, 0.76), "chroma": (0.7815, 0.85)}[mode]
    # Freeing from green takes a little green out of the person, too.
    assert footage.near(at(film, 45, *middle), PRESENTER, 24 if mode == "chroma" else 14)
    beside = {"basic": (0.595, 0.767), "circle": (0.79, 0.76), "chroma": (0.62, 0.85)}[mode]
    assert footage.near(at(film, 45, *beside), colour if mode == "chroma" else GREEN, 24)


@pytest.mark.parametrize(
    ("position", "place"),
    [("center", (0.5, 0.5)), ("top", (0.5, 0.23)), ("bottom", (0.5, 0.77)), ("left", (0.22, 0.5)),
     ("right", (0.78, 0.5)),
     ("top-left", (0.22, 0.23)), ("top-right", (0.78, 0.23)), ("bottom-left", (0.22, 0.77)),
     ("bottom-right", (0.78, 0.77))],
)  # fmt: skip
def test_the_presenter_stands_where_the_position_says(
    wall: Studio, assets: Web, position: str, place: tuple[float, float]
) -> None:
    shown = background("link", "basic", position=position)
    film = footage.decode(wall.row({}, assets=(f"{assets.url}/red.png",), backgrounds=(shown,)).video)
    picture = film.pictures[45].astype(int)
    is_asset = np.abs(picture - RED).max(2) < 40
    rows, columns = np.nonzero(~is_asset)
    assert (columns.mean() / 640, rows.mean() / 360) == pytest.approx(place, abs=0.03)
    assert (~is_asset).mean() == pytest.approx(0.16, abs=0.02)


def test_scale_is_of_the_frame(wall: Studio, assets: Web) -> None:
    shown = background("link", "basic", scale=1.0)
    film = footage.decode(wall.row({}, assets=(f"{assets.url}/red.png",), backgrounds=(shown,)).video)
    assert footage.near(at(film, 45, 0.02, 0.02), GREEN)
    assert footage.near(at(film, 45, 0.5, 0.6), PRESENTER)


@pytest.mark.parametrize(("brightness", "red"), [(0.5, 100), (0.0, 0), (1.2, 240)])
def test_brightness_is_of_the_asset_and_not_of_the_presenter(
    wall: Studio, assets: Web, brightness: float, red: int
) -> None:
    shown = background("link", "basic", brightness=brightness)
    film = footage.decode(wall.row({}, assets=(f"{assets.url}/red.png",), backgrounds=(shown,)).video)
    assert abs(int(at(film, 45, 0.1, 0.1)[..., 0].mean()) - red) < 14
    assert footage.near(at(film, 45, 0.7815, 0.767), PRESENTER)


def test_chroma_takes_another_colour(wall: Studio, assets: Web) -> None:
    shown = background("link", "chroma", color="96783C", similarity=0.05)
    film = footage.decode(wall.row({}, assets=(f"{assets.url}/red.png",), backgrounds=(shown,)).video)
    assert footage.near(at(film, 45, 0.7815, 0.85), RED, 24), "the presenter has the key's colour and is gone"


def test_sound_of_the_asset_only_where_asked(wall: Studio, assets: Web) -> None:
    footage.make(assets.folder / "loud.mp4", footage.Clip(seconds=2, size=(320, 180), colour=BLUE))
    url = f"{assets.url}/loud.mp4"
    silent = footage.decode(wall.row({}, assets=(url,), backgrounds=(background("link", "basic"),), name="a").video)
    heard = footage.decode(
        wall.row({}, assets=(url,), backgrounds=(background("link", "basic", audio=True),), name="b").video
    )
    assert silent.sound is not None
    assert heard.sound is not None

    def level(film: footage.Film, start: float, end: float) -> float:
        assert film.sound is not None
        return float(np.abs(film.sound[0, round(start * 48_000) : round(end * 48_000)]).max())

    assert level(silent, 1.2, 1.8) == pytest.approx(0.3, abs=0.05)
    assert level(heard, 1.2, 1.8) > 0.35
    assert level(heard, 0.2, 0.8) == pytest.approx(0.3, abs=0.05)
    assert level(heard, 2.2, 2.8) == pytest.approx(0.3, abs=0.05)


def test_the_gif_shows_an_asset_in_its_own_colours(wall: Studio, assets: Web) -> None:
    """The palette that all rows share has none of them."""
    shown = (background("link", "basic"), {**background("link", "basic"), "start": 2, "end": 2.5})
    media = wall.row({}, assets=(f"{assets.url}/red.png", f"{assets.url}/blue.mp4"), backgrounds=shown)
    with Image.open(media.gif) as found:
        left_out = 36 - getattr(found, "n_frames", 1)  # it begins where the first caption stands there whole
        colours = {}
        for number in range(left_out, 36):
            found.seek(number - left_out)
            colours[number] = np.asarray(found.convert("RGB"))[5:40, 5:60]
    for number, wanted in ((23, RED), (25, BLUE), (29, BLUE), (31, GREEN), (35, GREEN)):
        assert footage.near(colours[number], wanted), number


def test_a_portrait_video_is_shown_whole(wall: Studio, assets: Web) -> None:
    """It plays on its own blurred enlargement; filling the frame would cut off two thirds."""
    tall = np.full((320, 180, 3), BLUE, np.uint8)
    tall[:20], tall[-20:] = RED, RED
    footage.make(assets.folder / "tall.mp4", footage.Clip(seconds=0.5, size=(180, 320), still=tall, sound=False))
    shown = background("link", "circle")
    film = footage.decode(wall.row({}, assets=(f"{assets.url}/tall.mp4",), backgrounds=(shown,)).video)
    for number in (30, 59):
        assert footage.near(at(film, number, 0.5, 0.03), RED)
        assert footage.near(at(film, number, 0.5, 0.97), RED)
        assert footage.near(at(film, number, 0.5, 0.5), BLUE)
        dark = at(film, number, 0.1, 0.5).reshape(-1, 3).mean(0)
        assert BLUE[2] * 0.6 < dark[2] < BLUE[2] * 0.85


def test_a_short_video_begins_again_and_a_blank_asset_is_left_out(wall: Studio, assets: Web) -> None:
    long = {**background("link", "circle"), "start": 0.5, "end": -1}
    film = footage.decode(wall.row({}, assets=(f"{assets.url}/blue.mp4",), backgrounds=(long,)).video)
    assert all(footage.near(at(film, number, 0.1, 0.1), BLUE) for number in (15, 40, 89))
    blank = footage.decode(wall.row({}, assets=("  ",), backgrounds=(long,), name="blank").video)
    assert footage.near(at(blank, 45, 0.1, 0.1), GREEN)


def test_the_requests_backgrounds_replace_the_templates(
    template_path: Path, cache_dir: Path, tmp_path: Path, assets: Web
) -> None:
    own = tmp_path / "own.toml"
    own.write_text(
        f"video = '{template_path.with_name('wall.mp4')}'\n"
        "[[backgrounds]]\nstart=0\nend=1\nkind='link'\nconfig={mode='basic'}\n",
        "utf-8",
    )
    studio = Studio(own, cache_dir, tmp_path)
    url = f"{assets.url}/red.png"
    templates = footage.decode(studio.row({}, assets=(url,), name="a").video)
    assert footage.near(at(templates, 15, 0.1, 0.1), RED)
    requests = footage.decode(studio.row({}, assets=(url,), backgrounds=(background("link", "basic"),), name="b").video)
    assert footage.near(at(requests, 15, 0.1, 0.1), GREEN)
    assert footage.near(at(requests, 45, 0.1, 0.1), RED)


def test_the_built_in_presenter_is_cut_out_of_green_for_chroma(built_in: Studio, assets: Web) -> None:
    shown = {"start": 4, "end": 5, "kind": "link", "config": {"mode": "chroma", "scale": 1.0, "position": "bottom"}}
    media = built_in.row({}, assets=(f"{assets.url}/red.png",), backgrounds=(shown,))
    picture = footage.some(media.video, 135)[135]
    assert footage.near(picture[100:200, 100:200], RED)
    sweater = picture[600:640, 620:660]
    assert sweater[..., 2].mean() > 190, "the presenter's blue sweater is there"
    assert not ((picture[..., 1] > 200) & (picture[..., 0] < 80) & (picture[..., 2] < 80)).any(), "no green is left"


@pytest.mark.parametrize(
    ("address", "options", "said"),
    [
        ("{url}/missing", {}, "background 1 (demo): the asset answered 404 Not Found"),
        ("{url}/page.html", {}, "background 1 (demo): the asset is a web page, not a video"),
        ("{url}/to-file", {}, "background 1 (demo): the asset must be an http or https address, not file"),
        ("{url}/loop", {}, "background 1 (demo): the asset redirects too often"),
        ("{url}/short", {}, "background 1 (demo): the asset broke off before it was complete"),
        ("file:///etc/passwd", {}, "background 1 (demo): the asset must be an http or https address, not file"),
        ("{url}/empty.png", {}, "background 1 (demo): the asset is empty"),
        ("{secure}/red.png", {}, "background 1 (demo): the asset can't be reached"),
        ("http://127.0.0.1:1/x", {}, "background 1 (demo): the asset can't be reached"),
        ("http://nobody.invalid/x", {}, "background 1 (demo): the asset is on a host that can't be found"),
        ("http://", {}, "background 1 (demo): the asset is not a usable address"),
        ("{url}/red.png", {"allow_private": False}, "on a private or local address, which is not allowed"),
        ("http://[::ffff:127.0.0.1]/", {"allow_private": False}, "on a private or local address, which is not allowed"),
        ("http://169.254.169.254/", {"allow_private": False}, "on a private or local address, which is not allowed"),
        ("http://2130706433/", {"allow_private": False}, "on a private or local address, which is not allowed"),
    ],
)
def test_a_failed_asset_fails_its_row_with_the_background_and_the_reason(
    wall: Studio, assets: Web, address: str, options: dict[str, bool], said: str
) -> None:
    with pytest.raises(job.RenderFailure) as caught:
        wall.row(
            {},
            assets=(address.format(url=assets.url, secure=assets.url.replace("http", "https")),),
            backgrounds=(background("link", "basic"),),
            options=options,
        )
    assert said in caught.value.message
    assert assets.url not in caught.value.message, "an address is a recipient's value"
    assert not (wall.out / "row" / "video.mp4").exists()


def test_the_second_background_is_named_by_its_number(wall: Studio, assets: Web) -> None:
    both = (background("link", "basic"), {"start": 2, "end": 3, "kind": "site", "config": {"mode": "circle"}})
    with pytest.raises(job.RenderFailure, match=r"^background 2: the asset answered 404"):
        wall.row({}, assets=(f"{assets.url}/red.png", f"{assets.url}/missing"), backgrounds=both)


def test_a_freed_person_has_no_seam(cache_dir: Path, tmp_path: Path, assets: Web) -> None:
    """Where wall and person share a pixel, neither the wall nor its shadow may stay."""
    big = Image.new("RGB", (2_560, 1_440), GREEN)
    ImageDraw.Draw(big).ellipse((700, 300, 1_700, 1_300), fill=BLUE)
    footage.make(tmp_path / "disc.mp4", footage.Clip(seconds=1, still=np.asarray(big.reduce(4))))
    (tmp_path / "disc.toml").write_text("video = 'disc.mp4'\n", "utf-8")
    footage.image(assets.folder / "white.png", (255, 255, 255))
    whole = {"start": 0, "end": -1, "kind": "link", "config": {"mode": "chroma", "scale": 1.0}}
    disc = Studio(tmp_path / "disc.toml", cache_dir, tmp_path)
    picture = footage.decode(disc.row({}, assets=(f"{assets.url}/white.png",), backgrounds=(whole,)).video).pictures[10]
    red, green, blue = (picture[..., at].astype(int) for at in range(3))
    assert (green - np.maximum(red, blue)).max() < 25, "green is left"
    assert (blue - BLUE[2]).min() > -60, "darker than person and page"
    assert footage.near(picture[180:200, 300:320], BLUE)


def test_a_site_without_a_browser_is_a_card(wall: Studio, assets: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    (assets.folder / "unseen.html").write_text("<p>hello")
    monkeypatch.setattr(page_capture, "find_browser", lambda: None)
    media = wall.row({}, assets=(f"{assets.url}/unseen.html",), backgrounds=(background("site", "basic"),))
    film = footage.decode(media.video)
    card = film.pictures[45]
    assert not footage.near(card[:100, :100], GREEN, 60)
    assert card[:200].max() > 240, "the card says something in white"


def test_a_browser_that_gives_up_leaves_a_card(assets: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if page_capture.find_browser() is None:
        pytest.skip("no browser on this machine")
    (assets.folder / "given_up.html").write_text("<p>x")
    monkeypatch.setattr(page_capture, "LONGEST_S", 0.01)
    assert page_capture.capture(f"{assets.url}/given_up.html", tmp_path, allow_private=True) is None
    assert not list((tmp_path / "shots").glob("*.png"))


def test_a_page_whose_parts_never_come_is_taken_as_it_stands(
    assets: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if page_capture.find_browser() is None:
        pytest.skip("no browser on this machine")
    page = "<!doctype html><body style='margin:0;background:rgb(200,30,30)'><h1>x</h1><img src='/never.png'>"
    (assets.folder / "slow.html").write_text(page)
    monkeypatch.setattr(page_capture, "PATIENCE_S", 1.0)
    found = page_capture.capture(f"{assets.url}/slow.html", tmp_path, allow_private=True)
    assert found is not None
    with Image.open(found) as shot:
        assert footage.near(np.asarray(shot.convert("RGB"))[600:700], RED)


def test_a_presenter_casts_a_soft_shadow_unless_there_is_no_room(wall: Studio, assets: Web) -> None:
    shown = background("link", "basic")
    picture = footage.decode(wall.row({}, assets=(f"{assets.url}/red.png",), backgrounds=(shown,)).video).pictures[45]
    below = picture[350:356, 450:550, 0].mean()
    assert RED[0] - 60 < below < RED[0] - 5, "the page below the box is a little darker"
    assert footage.near(picture[300:310, 300:330], RED)
    whole = background("link", "basic", scale=1.0)
    full = footage.decode(wall.row({}, assets=(f"{assets.url}/red.png",), backgrounds=(whole,)).video).pictures[45]
    assert footage.near(full[0:4, 0:4], GREEN), "no corners are cut off"


@pytest.mark.parametrize(("position", "side"), [("bottom-right", "left"), ("left", "right"), ("top", "middle")])
def test_a_card_says_its_name_beside_the_presenter(position: str, side: str) -> None:
    drawn = card.draw("https://www.linkedin.com/in/jane-doe", linkedin=True, presenter=position).convert("L")
    columns = np.nonzero((np.asarray(drawn)[150:600] > 225).any(0))[0]
    edges = {"left": (0, 700), "right": (580, 1_280), "middle": (340, 940)}[side]
    assert edges[0] < columns.min() < columns.max() < edges[1]


@pytest.mark.parametrize("size", [(720, 1_280), (720, 720), (320, 180), (16, 16)])
def test_a_card_has_the_frame_s_own_size_and_its_words_inside(size: tuple[int, int]) -> None:
    drawn = np.asarray(card.draw("https://www.linkedin.com/in/jane-doe", size, linkedin=True, presenter="bottom-right"))
    assert drawn.shape == (size[1], size[0], 3)
    if min(size) > 100:
        bright = np.nonzero((drawn.min(2) > 190).any(0))[0]
        assert 0.05 * size[0] < bright.min() < bright.max() < 0.95 * size[0]
        assert not (drawn[round(size[1] * 0.65) :].min(2) > 225).any() or size[0] > size[1], "room for the presenter"


def test_a_linkedin_profile_needs_no_network(wall: Studio) -> None:
    media = wall.row(
        {}, assets=("https://www.linkedin.com/in/jane-doe",), backgrounds=(background("linkedin", "circle"),)
    )
    blue = footage.decode(media.video).pictures[45][5:40, 5:60]
    assert blue[..., 2].mean() > blue[..., 0].mean() + 60
