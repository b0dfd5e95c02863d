"""A small key management service of the transit kind: a real HTTP server that really encrypts (AES-256-GCM)."""

import base64
import json
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM


class Engine:
    """Versions of one key, the token that opens it, and the answers it will give instead of its own, first to last."""

    def __init__(self) -> None:
        self.token = "first"
        self.versions = [AESGCM(os.urandom(32))]
        self.oldest = 1
        self.instead: list[int] = []
        self.slow_seconds = 0.0
        self.asked: list[str] = []
        self.url = ""

    def act(self, path: str, body: dict[str, Any]) -> tuple[int, Any]:
        """Status and document for a request."""
        words = path.removeprefix("/v1/transit/").split("/")
        match words:
            case ["keys", _, "rotate"]:
                self.versions.append(AESGCM(os.urandom(32)))
                return 204, None
            case ["keys", _, "config"]:
                self.oldest = body["min_decryption_version"]
                return 204, None
            case ["keys", _]:
                return 200, {"data": {"latest_version": len(self.versions)}}
            case [act, _]:
                results = [self._one(act, item) for item in body["batch_input"]]
                return 400 if any("error" in one for one in results) else 200, {"data": {"batch_results": results}}
        return 404, {"errors": []}

    def _one(self, act: str, item: dict[str, str]) -> dict[str, Any]:
        try:
            plain = base64.b64decode(item["plaintext"]) if act == "encrypt" else self._opened(item["ciphertext"])
        except (InvalidTag, ValueError, IndexError):
            return {"error": "cannot decrypt"}
        if act == "decrypt":
            return {"plaintext": base64.b64encode(plain).decode()}
        nonce, version = os.urandom(12), len(self.versions)
        sealed = base64.b64encode(nonce + self.versions[-1].encrypt(nonce, plain, None)).decode()
        return {"ciphertext": f"vault:v{version}:{sealed}", "key_version": version}

    def _opened(self, ciphertext: str) -> bytes:
        _, version, text = ciphertext.split(":")
        if int(version[1:]) < self.oldest:
            raise ValueError("the version was given up")
        raw = base64.b64decode(text)
        return self.versions[int(version[1:]) - 1].decrypt(raw[:12], raw[12:], None)


@contextmanager
def transit_engine() -> Iterator[Engine]:
    """An engine that listens on loopback."""
    engine = Engine()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer()

        def do_POST(self) -> None:
            self._answer()

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            engine.asked.append(self.path)
            time.sleep(engine.slow_seconds)
            status, document = engine.instead.pop(0) if engine.instead else 0, None
            if not status and self.headers.get("x-vault-token") != engine.token:
                status = 403
            if not status:
                status, document = engine.act(self.path, json.loads(body or b"{}"))
            content = b"" if document is None else json.dumps(document).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """A test's output is its own."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    engine.url = f"http://127.0.0.1:{server.server_port}/v1/transit"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield engine
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
