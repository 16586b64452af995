"""What turns a DAG into an answer.

In a DAG file: ``from living_answers.answers import answer, prove, scratch``.
"""

from living_answers.answers import scratch
from living_answers.answers.decorator import answer
from living_answers.proof import prove, prove_raises

__all__ = ["answer", "prove", "prove_raises", "scratch"]
