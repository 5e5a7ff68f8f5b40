"""What makes the built-in video one that can be sent: heard, readable before the first play, and honest about cuts."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from bhuman_cli.studio.render import presenter, scene
from bhuman_cli.studio.render.text import styles

FRAME = styles.Frame(1280, 720)


def loudness(track: NDArray[np.float64]) -> float:
    """Return LUFS as ITU-R BS.1770 has it: K-weighted, in blocks of 400 ms, gated. track: stereo at 48 kHz."""
    weighted = np.stack([_filtered(_filtered(channel, *SHELF), *HIGH_PASS) for channel in track])
    blocks = np.stack(
        [np.mean(weighted[:, at : at + 19_200] ** 2, axis=1) for at in range(0, track.shape[1] - 19_200, 4_800)]
    ).sum(axis=1)
    loud = -0.691 + 10 * np.log10(np.maximum(blocks, 1e-12))
    kept = blocks[loud > -70]
    gate = -0.691 + 10 * np.log10(kept.mean()) - 10
    return float(-0.691 + 10 * np.log10(blocks[(loud > -70) & (loud > gate)].mean()))


SHELF = ([1.53512485958697, -2.69169618940638, 1.19839281085285], [1.0, -1.69065929318241, 0.73248077421585])
HIGH_PASS = ([1.0, -2.0, 1.0], [1.0, -1.99004745483398, 0.99007225036621])


def _filtered(signal: NDArray[np.float64], ahead: list[float], back: list[float]) -> NDArray[np.float64]:
    """Return a signal after a biquad, by its response: a loop over samples in Python would take seconds."""
    size = 1 << (2 * len(signal)).bit_length()
    turn = np.exp(-2j * np.pi * np.arange(size // 2 + 1) / size)
    response = np.polyval(ahead[::-1], turn) / np.polyval(back[::-1], turn)
    response[0] = 0 if ahead == HIGH_PASS[0] else response[0]
    return np.asarray(np.fft.irfft(np.fft.rfft(signal, size) * response, size)[: len(signal)])


def test_the_sound_is_as_loud_as_players_expect() -> None:
    track = presenter.sound().astype(np.float64)
    assert loudness(track) == pytest.approx(-16, abs=0.7)
    assert np.abs(track).max() < 0.9


@pytest.mark.parametrize("text", ["Hi Ada!", "Hi Wolfeschlegelsteinhausenbergerdorff, nice to see you here again!"])
@pytest.mark.parametrize("size", [(1280, 720), (720, 1280), (1080, 1080)])
def test_the_greeting_stands_clear_of_the_players_controls(text: str, size: tuple[int, int]) -> None:
    caption = scene.Caption(text=text, style="greeting", first=0, last=1, position="bottom-left", name="first_name")
    patch = styles.patch(caption, styles.Frame(*size))
    rows = np.nonzero((patch.pixels[..., 3] > 200).any(axis=1))[0]  # the panel, not its shadow
    assert patch.y + rows.max() <= 0.8 * size[1] + 2


@pytest.mark.parametrize(
    ("text", "is_shortened"),
    [("Hi Ada!", False), ("Hi " + "Anastazja Wilhelmina " * 12 + "!", True), ("x" * 500, True)],
)
def test_text_that_had_to_be_shortened_is_known(text: str, is_shortened: bool) -> None:
    for style in ("greeting", "lower-third", "title", "caption", "badge", "card"):
        caption = scene.Caption(text=text, style=style, first=0, last=1, position="bottom-left", name="x")
        assert styles.is_shortened(caption, FRAME) is is_shortened, style
