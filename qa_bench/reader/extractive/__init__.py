"""The extractive reader: layout, model, spans, aggregation, training."""
