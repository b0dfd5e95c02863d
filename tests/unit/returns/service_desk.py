"""Services that keep the importer's contract, in one small ASGI application on loopback.

Paths begin with the service's name. A row not seen before is a fact, a changed one a correction; a repeated command
gets its first answer. `outages` are statuses to answer before the next requests are taken.
"""

import json
import socket
import threading
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any

import uvicorn

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Judge = Callable[[str, dict[str, Any]], dict[str, Any]]


def _no_opinion(_service: str, _line: dict[str, Any]) -> dict[str, Any]:
    return {}


class ServiceDesk:
    def __init__(self) -> None:
        self.subjects: dict[tuple[str, str, str], str] = {}
        self.sealed: set[str] = set()
        self.rows: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
        self.answers: dict[str, dict[str, Any]] = {}
        self.lines: list[tuple[str, dict[str, Any]]] = []
        self.calls: Counter[str] = Counter()
        self.tokens: set[str] = set()
        self.outages: list[int] = []
        self.problem: dict[str, str] = {}
        self.judge: Judge = _no_opinion
        self.silent_for = ""
        self.brought: dict[str, set[str]] = {}
        self.claims: list[dict[str, Any]] = []

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        self.calls[scope["path"]] += 1
        self.tokens.update(value.decode() for name, value in scope["headers"] if name == b"authorization")
        status, answer = self._answer(scope["path"], body)
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": answer})

    def _answer(self, path: str, body: bytes) -> tuple[int, bytes]:
        if self.outages:
            return self.outages.pop(0), json.dumps(self.problem).encode()
        service = path.split("/")[1]
        if path.endswith("/subjects/resolve"):
            return 200, json.dumps(self._resolve(json.loads(body))).encode()
        if path.endswith("/returns/claims"):
            return self._claim(json.loads(body))
        if path.endswith("/subjects"):
            return 200, json.dumps([s for (_, kind, _), s in self.subjects.items() if kind == "child"]).encode()
        lines = [json.loads(line) for line in body.splitlines()]
        answers = [self._take(service, line) for line in lines if line["subject"] != self.silent_for]
        return 200, "\n".join(json.dumps(answer) for answer in answers).encode()

    def _claim(self, ask: dict[str, Any]) -> tuple[int, bytes]:
        self.claims.append(ask)
        named = [f"{child['local_id']} {child['born']}" for child in ask["children"]]
        held = [self.brought.get(one, set()) for one in named]
        others = [codes - set(ask["also_loaded_for"]) for codes in held if ask["authority"] not in codes]
        found = ask["counted"]["children"] + sum(map(bool, others))
        by_code = Counter(ask["counted"]["authorities"]) + Counter(code for codes in others for code in codes)
        if found * 2 > ask["of"]:
            detail = f"{found} of its {ask['of']} children were loaded for {min(by_code)}"
            return 409, json.dumps({"title": "A rule forbids this", "detail": detail}).encode()
        births = {name: ask["counted"][name] + count for name, count in self._births(ask).items()}
        tally = births | {"children": found, "authorities": by_code}
        others, known = births["other_births"], births["known"]
        if births["asked"] >= ask["of"] and not ask["births_corrected"] and others >= 5 and others * 2 > known:
            detail = f"{others} of {known} have another date of birth"
            return 409, json.dumps({"detail": detail, "rule": "other_births"}).encode()
        for one in named if ask["hold"] else ():
            self.brought.setdefault(one, set()).add(ask["authority"])
        return 200, json.dumps(tally).encode()

    def _births(self, ask: dict[str, Any]) -> dict[str, int]:
        held = [one.split() for one, codes in self.brought.items() if ask["authority"] in codes]
        births: dict[str, set[str]] = {}
        for local_id, born in held:
            births.setdefault(local_id, set()).add(born)
        known = [child for child in ask["children"] if child["local_id"] in births]
        other = sum(child["born"] not in births[child["local_id"]] for child in known)
        return {"asked": len(ask["children"]), "known": len(known), "other_births": other}

    def _resolve(self, ask: dict[str, Any]) -> dict[str, Any]:
        keys = {local_id: (ask["authority"], ask["kind"], local_id) for local_id in ask["local_ids"]}
        sealed = [local_id for local_id in keys if local_id in self.sealed]
        keys = {local_id: key for local_id, key in keys.items() if local_id not in sealed}
        fresh = [key for key in keys.values() if key not in self.subjects] if ask["create"] else []
        for key in fresh:
            self.subjects[key] = f"{ask['kind']}-{len(self.subjects)}"
        found = {local_id: self.subjects[key] for local_id, key in keys.items() if key in self.subjects}
        return {"subjects": found, "created": len(fresh), "sealed": sealed}

    def _take(self, service: str, line: dict[str, Any]) -> dict[str, Any]:
        self.lines.append((service, line))
        known = self.answers.get(line["command_id"])
        if known is None:
            known = {"subject": line["subject"], **self._count(service, line), **self.judge(service, line)}
            self.answers[line["command_id"]] = known
        return known

    def _count(self, service: str, line: dict[str, Any]) -> dict[str, int]:
        facts = corrections = 0
        for table, rows in line["tables"].items():
            before = self.rows.get((service, line["subject"], table), [])
            now = [{name: value for name, value in row.items() if name != "ref"} for row in rows]
            changed = sum(row not in before for row in now)
            facts += changed
            corrections += min(changed, len(before))
            self.rows[service, line["subject"], table] = now
        return {"facts": facts, "corrections": corrections}

    def posted(self, service: str) -> list[dict[str, Any]]:
        return [line for name, line in self.lines if name == service]


class House:
    """One address behind which each test puts a desk of its own."""

    def __init__(self) -> None:
        self.desk = ServiceDesk()
        self.address = ""

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        await self.desk(scope, receive, send)


@contextmanager
def open_desk(desk: ServiceDesk | House) -> Iterator[str]:
    """Serve the desk on a loopback port of its own; gives the address."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(desk, log_level="error", lifespan="off", ws="none"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(timeout=20)
        listener.close()
