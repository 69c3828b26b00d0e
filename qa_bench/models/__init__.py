"""Which model, and the one way to load each kind."""
