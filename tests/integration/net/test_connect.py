"""How often a host's name is looked up: once for all files, and again only where its address no longer answers."""

from __future__ import annotations

import pytest
import requests

from bhuman_cli.net import addresses, connect
from tests.support import media_files, media_server
from tests.support.media_server import Answer


class Names:
    """A name server: one answer after the other, the last one again and again; [] is no address."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers, self.asked = list(answers), 0

    def resolve(self, host: str, port: int) -> list[str]:
        self.asked += 1
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


def opener(names: Names) -> connect.Opener:
    return connect.Opener(addresses.Policy(allow_private=True, resolve=names.resolve))


def fetched(own: connect.Opener, url: str) -> int:
    with own.get(url) as answer:
        return sum(map(len, connect.blocks(answer, 1024)))


def test_a_host_is_looked_up_once_for_many_files() -> None:
    names = Names(["127.0.0.1"])
    with media_server.running() as server:
        server.put("/v.mp4", Answer(media_files.mp4()))
        own = opener(names)
        url = server.base_url.replace("127.0.0.1", "media.invalid") + "/v.mp4"
        assert [fetched(own, url) for _ in range(5)] == [len(media_files.mp4())] * 5
        assert names.asked == 1
        fetched(own, server.base_url.replace("127.0.0.1", "other.invalid") + "/v.mp4")
        own.close()
    assert names.asked == 2


def test_a_host_that_moved_is_found_by_the_next_attempt() -> None:
    with media_server.running() as server:
        server.put("/v.mp4", Answer(media_files.mp4()))
        own = opener(Names(["127.0.0.9"], [], ["127.0.0.1"]))
        url = server.base_url.replace("127.0.0.1", "media.invalid") + "/v.mp4"
        with pytest.raises(requests.ConnectionError):
            fetched(own, url)
        with pytest.raises(addresses.Unreachable):
            fetched(own, url)
        assert fetched(own, url) == len(media_files.mp4())
        own.close()
