"""Choosing loopback ports: the preferred one if it is free, else another."""

import socket

LOOPBACK = "127.0.0.1"


def is_free(port: int) -> bool:
    """Tell whether a server could listen on the loopback port now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except (OSError, OverflowError):
            return False
        return True


def is_open(port: int, timeout: float = 1.0) -> bool:
    """Tell whether something accepts connections on the loopback port."""
    try:
        socket.create_connection((LOOPBACK, port), timeout).close()
    except OSError:
        return False
    return True


def choose(preferred: int, taken: set[int], *, twin: int = 0) -> int:
    """Return `preferred` if it is free and not in `taken`, else the next port that is.

    SeaweedFS opens `port + twin` beside each port, so with a `twin` both must be free.
    Raises OSError when a thousand ports in a row are busy.
    """
    for port in range(preferred, min(preferred + 1000, 65536 - twin)):
        pair = {port, port + twin}
        if not pair & taken and all(is_free(one) for one in pair):
            taken.update(pair)
            return port
    raise OSError(f"no free port from {preferred} on: stop what holds them, or set another base")


def unused() -> int:
    """Return some port that is free now, as the kernel picks it."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])
