"""From per-question values to the tables people came for."""
