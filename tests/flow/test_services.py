"""The test services themselves: real, empty for each caller, and gone afterwards."""

import asyncpg
import redis


async def _ask(url: str, question: str) -> object:
    connection = await asyncpg.connect(url.replace("+asyncpg", ""))
    try:
        return await connection.fetchval(question)
    finally:
        await connection.close()


async def test_postgres_is_durable_and_takes_chinese(postgres_url: str) -> None:
    assert await _ask(postgres_url, "SHOW fsync") == "on"
    assert await _ask(postgres_url, "SHOW server_encoding") == "UTF8"
    await _ask(postgres_url, "CREATE TABLE left_behind (x int)")


async def test_each_caller_has_an_empty_database(postgres_url: str) -> None:
    tables = await _ask(postgres_url, "SELECT count(*) FROM pg_tables WHERE schemaname='public'")
    assert tables == 0


def test_valkey_keeps_nothing_on_disk(redis_url: str) -> None:
    with redis.Redis.from_url(redis_url, decode_responses=True) as client:
        assert client.config_get("appendonly") == {"appendonly": "no"}
        assert client.config_get("save") == {"save": ""}
        client.set("left", "behind")


def test_each_caller_has_an_empty_valkey(redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        assert client.dbsize() == 0
