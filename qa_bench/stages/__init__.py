"""The stages: each a function from folders to one folder, in the order of the line."""
