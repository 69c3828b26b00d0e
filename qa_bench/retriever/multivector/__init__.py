"""Late interaction: a vector a token, MaxSim."""
