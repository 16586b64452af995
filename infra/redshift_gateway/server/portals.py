"""Which of a client's prepared statements and portals are loads from S3 or unloads to it."""

from redshift_gateway import wire
from redshift_gateway.copy.load import Load
from redshift_gateway.errors import GatewayError
from redshift_gateway.unload.plan import Unload

Transfer = Load | Unload
_MOST = 1000  # names that a session may hold at once


class Portals:
    """The names that stand for transfers. Most sessions have none, and then Bind and Execute need no look."""

    def __init__(self) -> None:
        """None are known."""
        self._statements: dict[str, Transfer] = {}
        self._portals: dict[str, Transfer] = {}

    def prepare(self, name: str, transfer: Transfer | None) -> None:
        """Notes what a statement's name stands for from now on."""
        self._statements.pop(name, None)
        if transfer is not None:
            _hold(self._statements, name, transfer)

    def note(self, tag: int, frame: bytes) -> None:
        """Follows a Bind or a Close; other messages change nothing."""
        if tag == wire.BIND:
            self._bind(frame)
        elif tag == wire.CLOSE:
            name, _ = wire.cut_text(frame, 6)
            (self._statements if frame[5:6] == b"S" else self._portals).pop(name, None)

    def _bind(self, frame: bytes) -> None:
        portal, position = wire.cut_text(frame, 5)
        name, _ = wire.cut_text(frame, position)
        self._portals.pop(portal, None)
        if name in self._statements:
            _hold(self._portals, portal, self._statements[name])

    def executed(self, frame: bytes) -> Transfer | None:
        """The transfer that an Execute runs, if it is one."""
        return self._portals.get(wire.cut_text(frame, 5)[0])


def _hold(held: dict[str, Transfer], name: str, transfer: Transfer) -> None:
    if len(held) >= _MOST:
        raise GatewayError(f"more than {_MOST} prepared COPY and UNLOAD statements", sqlstate="53400")
    held[name] = transfer
