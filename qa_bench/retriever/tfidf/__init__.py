"""TF-IDF over hashed n-grams, as DrQA's retriever has it."""
