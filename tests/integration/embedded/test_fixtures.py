"""What every other test of the run relies on."""

import asyncpg
from aiokafka.admin import AIOKafkaAdminClient


async def test_the_run_has_a_real_database(postgres_admin_dsn: str) -> None:
    connection = await asyncpg.connect(postgres_admin_dsn)
    try:
        assert await connection.fetchval("select current_setting('server_version_num')::int") >= 170000
    finally:
        await connection.close()


async def test_the_run_has_a_real_broker(kafka_address: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka_address)
    await admin.start()
    described = await admin.describe_cluster()
    await admin.close()
    assert described["cluster_id"]
    assert len(described["brokers"]) == 1
