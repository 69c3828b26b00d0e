"""The network: one HTTP client, the hub, patience and policy."""
