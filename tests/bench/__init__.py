"""Benchmarks: what the system does in a second, against the raw limit and against what one would build instead."""
