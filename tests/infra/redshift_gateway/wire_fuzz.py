"""What a hostile or broken client might send, as Hypothesis strategies."""

import struct
from itertools import pairwise

from hypothesis import strategies as st

KEYS = "access_key_id 'AKIA' secret_access_key 'x'"
STATEMENTS = (
    "select 1", "select $1::text", "", ";", "select 1; select 2", "select 'é', nvl(null, 1)", "begin", "commit",
    "rollback", "select 1/0", "create temp table #f (a int identity(1,1)) distkey(a)", "insert into #f select 1",
    "select * from #f",
    "select generate_series(1, 2000)", "copy pg_class to stdout", "copy #f from stdin", "select pg_last_copy_count()",
    f"copy #f from 's3://lake/none' {KEYS} csv", f"copy #f from 's3://lake/none' {KEYS} json 'auto'",
    f"unload ('select 1') to 's3://lake/fuzz/' {KEYS} parquet",
    f"unload ($$select * from #f$$) to 's3://lake/f' {KEYS}",
    "select datediff(day, '2024-01-01', getdate())", "select top 3 * from pg_class", "select * from stl_load_errors",
    "unload (", "copy x from 's3://", "select $$", "select /* /* ", "copy t from 's3://a/b' csv quote",
    "# \\ ' \" $a$ [ ] {",
    "prepare p as select 1", "execute p", "deallocate all", "declare c cursor for select 1", "fetch c",
    "listen x; notify x",
)  # fmt: skip
TAGS = b"QPBDECSHFXdcfp\0Z?\xff"


def text(value: bytes) -> bytes:
    return value.replace(b"\0", b"") + b"\0"


sql = st.one_of(
    st.sampled_from(STATEMENTS).map(str.encode),
    st.tuples(st.sampled_from(STATEMENTS), st.integers(0, 60), st.binary(max_size=6)).map(
        lambda t: t[0].encode()[: t[1]] + t[2] + t[0].encode()[t[1] :]
    ),
    st.lists(st.sampled_from(STATEMENTS), max_size=4).map(lambda s: ";".join(s).encode()),
    st.binary(max_size=60),
)
name = st.sampled_from([b"", b"a", b"b", b"_gateway", b"\xff"]).map(text)
short = st.integers(0, 3).map(lambda n: struct.pack("!H", n))
bind = st.tuples(
    name, name, short, st.sampled_from([b"", b"\0\1", b"\0\0\0\1"]), short, st.binary(max_size=12), short
).map(b"".join)

BODIES = {
    ord("Q"): sql.map(text),
    ord("P"): st.tuples(name, sql.map(text), st.sampled_from([b"\0\0", b"\0\1\0\0\0\x19", b"\xff\xff", b""])).map(
        b"".join
    ),
    ord("B"): bind,
    ord("D"): st.tuples(st.sampled_from([b"S", b"P", b"?"]), name).map(b"".join),
    ord("E"): st.tuples(name, st.sampled_from([b"\0\0\0\0", b"\0\0\0\1", b""])).map(b"".join),
    ord("C"): st.tuples(st.sampled_from([b"S", b"P", b"?"]), name).map(b"".join),
    ord("d"): st.binary(max_size=80),
    ord("f"): sql.map(text),
}


@st.composite
def message(draw: st.DrawFn) -> bytes:
    """A message, mostly well made; sometimes its length lies."""
    tag = draw(st.sampled_from(TAGS))
    body = draw(BODIES.get(tag, st.just(b"") if draw(st.booleans()) else st.binary(max_size=40)))
    length = len(body) + 4
    if draw(st.integers(0, 30)) == 0:
        length = draw(st.sampled_from([0, 3, length - 1, length + 1, length + 1000, 1 << 24, 1 << 31, (1 << 32) - 1]))
    return struct.pack("!BI", tag, max(length, 0)) + body


@st.composite
def conversation(draw: st.DrawFn) -> list[bytes]:
    """Messages, cut anywhere: each piece is one write to the socket."""
    stream = b"".join(draw(st.lists(message(), min_size=1, max_size=12)))
    if draw(st.booleans()):
        stream += b"S\0\0\0\x04"
    cuts = sorted({0, len(stream), *draw(st.lists(st.integers(0, len(stream)), max_size=4))})
    return [stream[a:b] for a, b in pairwise(cuts)]


@st.composite
def greeting(draw: st.DrawFn) -> list[bytes]:
    """The first bytes of a connection: packets of all kinds, with lengths and ends that lie."""
    codes = st.sampled_from([196608, 196610, 80877103, 80877104, 80877102, 0, 131072, (1 << 32) - 1])
    pieces = []
    for _ in range(draw(st.integers(1, 4))):
        body = draw(st.one_of(st.binary(max_size=40), st.just(b"user\0postgres\0database\0postgres\0\0")))
        length = len(body) + 8 + draw(st.sampled_from([0] * 8 + [-9, -1, 1, 10_000, 1 << 30]))
        pieces.append(struct.pack("!II", max(length, 0), draw(codes)) + body)
        pieces.append(draw(st.one_of(st.just(b""), message(), st.binary(max_size=30))))
    return pieces
