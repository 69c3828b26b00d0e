"""BGE-M3: one model, three ways to search."""
