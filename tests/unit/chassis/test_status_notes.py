"""What `carejourney status` notes of a service that is asked whether it is ready."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from carejourney.embedded.service import answers_ready, readiness


@contextmanager
def answering(status: int, body: bytes) -> Iterator[int]:
    """A service with one answer; its port."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize(
    ("status", "said", "noted"),
    [
        (200, {"database": "up", "kafka": "up", "relay": "standby", "projector": "moving"}, []),
        (200, {"database": "up", "kafka": "away", "relay": "waiting"}, ["kafka away", "relay waiting"]),
        (503, {"database": "unknown"}, ["database unknown"]),
        (200, {"parked": {"tally": 2, "gap": 1}, "unreadable": 4, "lost": ["care.health/0"]},
         ["parked 3", "unreadable 4", "log lost"]),
        (200, {"parked": {}, "unreadable": 0, "lost": []}, []),
    ],
)  # fmt: skip
def test_a_part_that_does_not_do_its_work_is_noted(status: int, said: dict[str, object], noted: list[str]) -> None:
    with answering(status, json.dumps(said).encode()) as port:
        assert readiness(port) == (status == 200, noted)


def test_an_answer_that_cannot_be_read_notes_nothing() -> None:
    with answering(200, b"yes") as port:
        assert readiness(port) == (True, [])
    assert not answers_ready(port, 0.2)
