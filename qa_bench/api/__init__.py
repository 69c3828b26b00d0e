"""The door for Python: run experiments, and use single parts; ``qa_bench`` names what is here."""
