"""One node of the start-up graph: a service, or work that must be done once before others start."""

from typing import ClassVar, Protocol


class Step(Protocol):
    """Something that `up` brings about, after the steps that it names in `needs`."""

    name: ClassVar[str]
    needs: ClassVar[tuple[str, ...]]

    def ensure(self) -> bool:
        """Bring it about; return whether there was anything to do. Raises ServiceError. Idempotent."""
