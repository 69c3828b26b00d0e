"""From articles to passages."""
