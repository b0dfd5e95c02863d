"""The whole system on one machine: PostgreSQL, Apache Kafka and the services as processes of a supervisor."""
