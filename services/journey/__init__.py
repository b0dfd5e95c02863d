"""Journey decides nothing: it hears everything and says what was so of a child on any day, as known on any other."""
