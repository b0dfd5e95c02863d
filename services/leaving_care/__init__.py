"""Leaving care decides which birthdays change what is owed, and what is recorded of how care leavers fare."""
