"""Language models: back ends that reply to prompts, and the cache of their replies."""
