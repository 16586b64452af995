"""ORC files: read by Arrow a stripe at a time, matched with the table by position.

https://docs.aws.amazon.com/redshift/latest/dg/copy-usage_notes-copy-from-columnar.html
"""

from collections.abc import Iterator

from redshift_gateway.parquet import ROWS, check_schema, loaded
from redshift_gateway.source import Chunk, Source


def chunks(source: Source) -> Iterator[Chunk]:
    """The rows of the file, a batch at a time. Memory grows with the size of a stripe, which its writer chose."""
    from pyarrow import orc  # few loads need it

    with source.system.open_input_file(source.item.path) as content:
        file = orc.ORCFile(content)
        check_schema(source, file.schema)
        for number in range(file.nstripes):
            stripe = file.read_stripe(number)
            for start in range(0, stripe.num_rows, ROWS):
                yield Chunk(loaded(source, stripe.slice(start, ROWS)))
