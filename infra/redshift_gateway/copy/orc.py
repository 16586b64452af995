"""ORC files: read by Arrow a batch at a time, also within a stripe, matched with the table by position.

https://docs.aws.amazon.com/redshift/latest/dg/copy-usage_notes-copy-from-columnar.html
"""

from collections.abc import Iterator

from redshift_gateway.copy.parquet import ROWS, check_schema, loaded
from redshift_gateway.copy.source import Chunk, Source


def chunks(source: Source) -> Iterator[Chunk]:
    """The rows of the file. A stripe is as large as its writer chose, so that it is not held whole."""
    from pyarrow import dataset  # few loads need it

    with source.system.open_input_file(source.item.path) as content:
        file = dataset.OrcFileFormat().make_fragment(content)
        check_schema(source, file.physical_schema)
        ahead = {"batch_readahead": 1, "fragment_readahead": 1, "use_threads": False}
        for batch in file.scanner(batch_size=ROWS, **ahead).to_batches():
            if batch.num_rows:
                yield Chunk(loaded(source, batch), rows=batch.num_rows)
