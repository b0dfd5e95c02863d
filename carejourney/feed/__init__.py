"""The facts a service owns, for agencies without Kafka or entitled to less than a whole topic."""
