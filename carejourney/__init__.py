"""The chassis: how facts are carried."""
