"""The published language: what was said."""
