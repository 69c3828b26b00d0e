"""Which stage feeds which, for one system and one question set."""
