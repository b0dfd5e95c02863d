"""Erasing a child: the key destroyed, what was derived from it dropped, and the proof that nothing else is left."""
