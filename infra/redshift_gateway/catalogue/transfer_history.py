"""What COPYs have loaded and rejected, and UNLOADs written: for stl_load_commits, stl_load_errors and their kin.

A row is added when the statement has ended; a transaction that is rolled back afterwards takes none of them away.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from redshift_gateway.catalogue.system_tables import Origin, SystemTables
from redshift_gateway.copy.load import Load
from redshift_gateway.statements.copy import Format
from redshift_gateway.unload.files import Files

_FORMATS: Final = {Format.TEXT: "txt"}  # the others have the names that AWS' pages give


@dataclass(frozen=True)
class Memory:
    """Where a session's transfers are remembered."""

    tables: SystemTables
    origin: Origin
    process: int

    def loaded(self, load: Load, rows: int | None) -> None:
        """A COPY has ended, with so many rows in its table; None when it failed. It may have rejected rows either way.

        https://docs.aws.amazon.com/redshift/latest/dg/r_STL_LOAD_COMMITS.html
        https://docs.aws.amazon.com/redshift/latest/dg/SYS_LOAD_HISTORY.html
        https://docs.aws.amazon.com/redshift/latest/dg/r_STL_LOAD_ERRORS.html
        """
        objects = load.places.objects
        whole = self._whole(load.query, load.started, load.statement.format) | {
            "table_name": load.statement.table[-1], "data_source": load.statement.uri, "loaded_rows": rows or 0,
            "files": len(objects), "bytes": sum(o.size for o in objects), "errors": load.rejects.count,
            "aborted": int(rows is None),
        }  # fmt: skip
        self._add("loads", whole)
        for number, item in enumerate(objects if rows is not None else ()):
            self._add("load_commits", whole | {"filename": item.uri, "lines_scanned": load.scanned[number]})
        whole |= {"tbl": next((c.table for c in load.columns if c.table), 0), "session": self.process}
        for row in load.rejects.rows():
            self._add("load_errors", whole | row)

    def unloaded(self, number: int, started: datetime, files: Files, rows: int | None) -> None:
        """An UNLOAD has ended, with so many rows in its files; None when it failed, and no file is left.

        https://docs.aws.amazon.com/redshift/latest/dg/r_STL_UNLOAD_LOG.html
        https://docs.aws.amazon.com/redshift/latest/dg/SYS_UNLOAD_HISTORY.html
        """
        statement, written = files.statement, files.written if rows is not None else []
        whole = self._whole(number, started, statement.format) | {
            "location": statement.uri, "compression": statement.compression, "rows": rows or 0, "files": len(written),
            "bytes": sum(f.upload.size for f in written), "aborted": int(rows is None),
        }  # fmt: skip
        self._add("unloads", whole)
        for file in written:
            path = f"s3://{statement.bucket}/{file.upload.key}"
            mine = {"path": path, "line_count": file.rows, "transfer_size": file.upload.size}
            self._add("unload_files", whole | mine)

    def _whole(self, number: int, started: datetime, format_: Format) -> dict[str, Any]:
        return {
            "query": number,
            "pid": self.process,
            "starttime": started.replace(tzinfo=None).isoformat(),
            "endtime": datetime.now(UTC).replace(tzinfo=None).isoformat(),
            "file_format": _FORMATS.get(format_, format_.value),
        }

    def _add(self, memory: str, row: Mapping[str, Any]) -> None:
        self.tables.add(memory, self.origin, row)
