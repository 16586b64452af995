"""The single record of what the platform did: steps, evidence, dead letters, loaded batches."""

from living_answers.ledger import dead_letters, queries
from living_answers.ledger.connection import LedgerNotConfiguredError, create, engine
from living_answers.ledger.recorder import StepRecord, current_partition, describe_error, step

__all__ = [
    "LedgerNotConfiguredError",
    "StepRecord",
    "create",
    "current_partition",
    "dead_letters",
    "describe_error",
    "engine",
    "queries",
    "step",
]
