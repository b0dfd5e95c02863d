"""What every test may use: the real Kafka and PostgreSQL of the run, and the services over them."""

pytest_plugins = ["tests.fixtures.kafka", "tests.fixtures.postgres", "tests.fixtures.spans", "tests.fixtures.system"]
