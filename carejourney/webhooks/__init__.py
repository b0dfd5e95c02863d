"""Webhooks: facts sent to an agency's own address, signed, retried with back-off, in order for each child."""
