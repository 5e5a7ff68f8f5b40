"""A pause that the service asks for never holds a person who presses Ctrl-C."""

from __future__ import annotations

import signal
import subprocess
import sys
import time

from bhuman_cli.studio.config import CAMPAIGN_ID
from tests.support.desk import Desk
from tests.support.studio import RunningStudio


def test_control_c_ends_an_hour_s_pause_at_once(desk: Desk, studio: RunningStudio) -> None:
    studio.faults.replace(
        ["GET generated_video_by_id: 429 retry-after=3600", "GET generated_video_by_campaign_id: 403"]
    )
    argv = ("trigger", "pabbly", "-c", CAMPAIGN_ID, "--set", "first_name=Patience", "--wait", "--poll-interval", "0.1")
    process = subprocess.Popen(
        [sys.executable, "-m", "bhuman_cli", *argv],
        cwd=desk.folder, env=desk.environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stderr is not None
        for line in process.stderr:
            if "asked for a pause of 15 min" in line:
                break
        pressed_at = time.monotonic()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=40)
        took_s = time.monotonic() - pressed_at
    finally:
        studio.faults.clear()
        process.kill()
        process.wait(10)
    assert process.returncode == 130, err
    assert took_s < 20
    assert "bhuman resume" in err
    assert out.split("\t")[2] == "queued"
