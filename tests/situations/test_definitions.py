"""The files of traits and domains."""

import re
from pathlib import Path

import pytest

from beneficent.core.errors import DataError
from beneficent.situations import definitions
from beneficent.situations.audit.wording import gives_away
from beneficent.situations.definitions import HEADER, domains, traits
from beneficent.situations.loading import LIBRARY

SCORED = {
    "truthfulness",
    "metacognitive-transparency",
    "corrigibility",
    "downside-aware-planning",
    "power-asymmetry-awareness",
    "anti-hierarchy-governance",
    "universalizable-fairness",
}
HEADINGS = ["Good", "Bad", "Shallow imitations", "For writers"]


def test_fifteen_traits_and_twelve_domains() -> None:
    assert len(traits()) == 15
    assert len(domains()) == 12
    assert {trait.id for trait in traits().values() if trait.scored} == SCORED
    assert [trait.scored for trait in traits().values()] == [True] * 7 + [False] * 8
    assert {"health", "science", "education", "law", "alignment", "security"} < set(domains())


@pytest.mark.parametrize("definition", [*traits().values(), *domains().values()], ids=lambda definition: definition.id)
def test_each_says_what_it_must_in_a_page(definition: definitions.Trait | definitions.Domain) -> None:
    assert re.findall(r"^## (.*)$", definition.text, re.MULTILINE) == HEADINGS
    assert 120 <= len(definition.text.replace("## ", "").split()) <= 250
    assert definition.text.startswith(definition.definition)
    assert all(len(part.split()) >= 8 for part in re.split(r"^## .*$", definition.text, flags=re.MULTILINE))


def test_the_canary_is_that_of_the_page_for_writers() -> None:
    assert HEADER in (LIBRARY / "WRITING.md").read_text()


@pytest.mark.parametrize("trait", traits().values(), ids=lambda trait: trait.id)
def test_the_telltale_words_catch_the_title(trait: definitions.Trait) -> None:
    assert gives_away(trait.title, trait.telltale)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("id: a\n", "must begin with '---'"),
        (f"---\n{HEADER}\nid: a\n---\ntext", "must be a mapping with the keys id, scored, telltale, title"),
        (f"---\n{HEADER}\nid: [a\n---\ntext", "the front matter is not YAML"),
        (
            f"---\n{HEADER}\nid: b\ntitle: A\nscored: true\ntelltale: [a]\n---\ntext",
            "id is 'b'; allowed is the file's name",
        ),
        (
            f"---\n{HEADER}\nid: a\ntitle: A\nscored: yes\ntelltale: [a]\n---\ntext",
            "scored is 'yes'; allowed: true, false",
        ),
        (f"---\n{HEADER}\nid: a\ntitle: A\nscored: true\ntelltale: a\n---\ntext", "telltale is 'a'; allowed is a list"),
    ],
)
def test_a_wrong_definition_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str, message: str
) -> None:
    (tmp_path / "traits").mkdir()
    (tmp_path / "traits" / "a.md").write_text(content)
    monkeypatch.setattr(definitions, "_FOLDER", tmp_path)
    with pytest.raises(DataError, match=re.escape(message)):
        traits.__wrapped__()
