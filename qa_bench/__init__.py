"""qa_bench: an open-domain question answering benchmark harness in the DrQA / DPR line."""

from qa_bench.metric.matching import exact_match, f1_score, has_answer
from qa_bench.metric.score import score_run

__version__ = "0.1.0"

__all__ = ["__version__", "exact_match", "f1_score", "has_answer", "score_run"]
