"""How anything learns: the loop, and the data that is mined for it."""
