"""The listing of a suite: its benchmarks by name and role, and the protocol under which scores may be compared."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from typing import Any

from beneficent import __version__
from beneficent.benchmarks.conditions import Condition, stable_hash
from beneficent.benchmarks.types import Benchmark, Card, Item
from beneficent.core.errors import BeneficentError, DataError
from beneficent.core.hashing import digest


class Listing:
    """Benchmarks under distinct names, in the order given.

    Raises:
        DataError: a name is blank or stands twice.
    """

    def __init__(self, benchmarks: Iterable[Benchmark]) -> None:
        self._by_name: dict[str, Benchmark] = {}
        for benchmark in benchmarks:
            name = benchmark.card.name
            if not name.strip():
                raise DataError(f"a benchmark titled {benchmark.card.title!r} has a blank name; allowed is any text")
            if name in self._by_name:
                raise DataError(f"benchmark {name!r} stands twice in the listing; names must differ")
            self._by_name[name] = benchmark

    def __iter__(self) -> Iterator[Benchmark]:
        return iter(self._by_name.values())

    def __len__(self) -> int:
        return len(self._by_name)

    def __getitem__(self, name: str) -> Benchmark:
        """Raises DataError for an unknown name, naming those allowed."""
        if name not in self._by_name:
            raise DataError(f"benchmark {name!r} is not listed; allowed are {', '.join(sorted(self._by_name))}")
        return self._by_name[name]

    @property
    def cards(self) -> tuple[Card, ...]:
        return tuple(benchmark.card for benchmark in self)

    def by_role(self, *roles: str) -> tuple[Benchmark, ...]:
        """Benchmarks whose card has one of these roles, in the order of the listing."""
        return tuple(benchmark for benchmark in self if benchmark.card.role in roles)


def choose_items(benchmark: Benchmark, limit: int | None) -> tuple[Item, ...]:
    """The items to ask: all, or the ``limit`` lowest in the order of their hashes.

    The choice depends on ids alone, so every policy gets the same items, a larger limit keeps those of a smaller one,
    and items that were written one after the other are not chosen together. The benchmark's order is kept.

    Raises:
        BeneficentError: ``limit`` is under 1.
        DataError: no items, an id that stands twice, or an item without a conversation.
    """
    name, items = benchmark.card.name, tuple(benchmark.items())
    if limit is not None and limit < 1:
        raise BeneficentError(f"limit is {limit}; allowed is a whole number from 1, or None for all items")
    if not items:
        raise DataError(f"benchmark {name!r} has no items; at least one is needed")
    seen: set[str] = set()
    for item in items:
        if item.id in seen:
            raise DataError(f"benchmark {name!r}: item {item.id!r} stands twice; ids must differ")
        if not item.conversations or not all(item.conversations):
            raise DataError(f"benchmark {name!r}: item {item.id!r} has no conversation, or one without a message")
        seen.add(item.id)
    if limit is None or limit >= len(items):
        return items
    chosen = set(sorted(seen, key=lambda item_id: (stable_hash("limit", name, item_id), item_id))[:limit])
    return tuple(item for item in items if item.id in chosen)


def protocol(
    card: Card, *, condition: Condition, renderer_digest: str, sampling: Mapping[str, Any], source_digest: str
) -> str:
    """Sixteen hexadecimal digits; scores whose protocols differ are never compared.

    It covers what was asked and how it was scored (benchmark, version, scorer, the digest of the source that wrote the
    items), how it was put to the policy (rendering, condition) and decoded (``sampling``), and the package's version.
    The sampling seed is no part of it: scores under two seeds measure the same thing.
    """
    content = {
        "benchmark": [card.name, card.version, card.scorer],
        "condition": asdict(condition),
        "renderer": renderer_digest,
        "sampling": dict(sampling),
        "source": source_digest,
        "version": __version__,
    }
    return digest(content)[:16]
