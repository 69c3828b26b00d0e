"""Question sets with their gold answers."""
