"""PostgreSQL driven by ourselves."""

import asyncio
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import asyncpg
import pytest

from carejourney.embedded.errors import StartFailed
from carejourney.embedded.postgres import PostgresServer, throw_away_server
from carejourney.embedded.processes import ProcessMark, port_is_free


@pytest.fixture
def server() -> Iterator[PostgresServer]:
    with throw_away_server() as started:
        yield started


def _ask(server: PostgresServer, *statements: str) -> Any:
    async def asking() -> Any:
        connection = await asyncpg.connect(server.dsn)
        try:
            for statement in statements[:-1]:
                await connection.execute(statement)
            return await connection.fetchval(statements[-1])
        finally:
            await connection.close()

    with asyncio.Runner() as runner:
        return runner.run(asking())


def test_committed_rows_survive_a_killed_server(server: PostgresServer) -> None:
    _ask(server, "create table kept (n int)", "insert into kept select generate_series(1, 500) returning 1")
    server.kill()
    assert not server.alive()
    server.start()
    assert _ask(server, "select count(*) from kept") == 500


def test_committed_rows_survive_a_clean_stop(server: PostgresServer) -> None:
    _ask(server, "create table kept (n int)", "insert into kept values (7) returning 1")
    server.stop()
    server.start()
    assert _ask(server, "select n from kept") == 7


def test_a_server_that_runs_is_kept_by_a_second_start(server: PostgresServer) -> None:
    running = server.mark()
    again = PostgresServer(server.folder, port=server.port, password="unused", log=server.log)
    again.start()
    assert again.mark() == running


def test_a_server_that_hangs_does_not_answer_though_it_holds_its_port(server: PostgresServer) -> None:
    running = server.mark()
    assert running is not None
    assert server.answers()
    running.send(signal.SIGSTOP)
    try:
        assert not port_is_free(server.port)
        assert not server.answers(0.3)
    finally:
        running.send(signal.SIGCONT)
    assert server.answers()


def test_a_server_that_refuses_our_password_does_not_answer_us(server: PostgresServer) -> None:
    assert not PostgresServer(server.folder, port=server.port, password="guessed", log=server.log).answers()


def test_a_stranger_who_has_the_number_of_a_dead_server_is_left_alone(server: PostgresServer) -> None:
    server.stop()
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as stranger:
        remains = f"{stranger.pid}\n{server.folder}\n1\n{server.port}\n\n127.0.0.1\n\nready\n"
        (server.folder / "postmaster.pid").write_text(remains)
        assert server.mark() is None
        server.start()
        assert ProcessMark.of(stranger.pid) is not None
        assert _ask(server, "select 1") == 1
        stranger.communicate(b"\n")


def test_a_start_that_fails_quotes_the_first_error_of_the_log(server: PostgresServer) -> None:
    second = PostgresServer(
        server.folder.with_name("second"), port=server.port, password="x", log=server.log, durable=False
    )
    with pytest.raises(StartFailed, match=r"FATAL.*could not create any TCP/IP sockets"):
        second.start()
    assert second.mark() is None


def test_a_wrong_password_is_refused(server: PostgresServer) -> None:
    stranger = PostgresServer(server.folder, port=server.port, password="guessed", log=server.log)
    with pytest.raises(asyncpg.InvalidPasswordError):
        _ask(stranger, "select 1")


def test_the_values_of_a_refused_row_do_not_reach_the_log(server: PostgresServer) -> None:
    _ask(server, "create table one (upn text primary key)", "insert into one values ('Z999-SENTINEL') returning 1")
    with pytest.raises(asyncpg.UniqueViolationError):
        _ask(server, "insert into one values ('Z999-SENTINEL') returning 1")
    log = server.log.read_text()
    assert "duplicate key" in log
    assert "SENTINEL" not in log


def test_an_abandoned_transaction_is_ended_by_the_server(server: PostgresServer) -> None:
    assert _ask(server, "show idle_in_transaction_session_timeout") == "1min"
