"""Placement decides who is looked after, on what legal basis, where, and who is missing; it owns the register."""
