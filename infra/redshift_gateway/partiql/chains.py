"""Chains of names, such as `t.doc.items[0].price`, and what the query around them knows."""

from dataclasses import dataclass, field


@dataclass(eq=False)
class Scope:
    """What one SELECT, UPDATE, DELETE or MERGE reads from; `outer` is that of the query around it."""

    outer: "Scope | None" = None
    names: dict[str, bool] = field(default_factory=dict)  # and whether the name is an element that FROM unnests
    paths: set[tuple[str, ...]] = field(default_factory=set)  # tables named with their schema, without an alias

    def find(self, name: str) -> bool | None:
        """Whether the name is an unnested element; None when no scope knows it."""
        if name in self.names:
            return self.names[name]
        return self.outer.find(name) if self.outer else None

    def has_path(self, path: tuple[str, ...]) -> bool:
        """Whether a table is read by this name, its schema included."""
        return path in self.paths or bool(self.outer and self.outer.has_path(path))


@dataclass(frozen=True)
class Chain:
    """`a.b[0].c`: the places of its tokens, its leading names, and what follows them."""

    start: int
    end: int
    steps: tuple[str | tuple[int, int], ...]  # a name, or from where to where a subscript goes
    scope: Scope
    clause: str
    in_list: bool  # at the top of the select list, or in a CAST there

    @property
    def names(self) -> list[str]:
        """The names before the first subscript."""
        found: list[str] = []
        for step in self.steps:
            if not isinstance(step, str):
                break
            found.append(step)
        return found


@dataclass(frozen=True)
class Unnested:
    """A chain in FROM that is iterated over: `c.orders as o at i`, `unpivot c.obj as v at k`."""

    chain: Chain
    alias: str
    index: str
    end: int
    unpivot: int | None  # where that word stands
