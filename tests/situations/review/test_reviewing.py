"""What decisions do to files and log, what is hidden until it is scored, and what a filter takes."""

import json
from pathlib import Path
from typing import Any

import pytest
from written_library import CELL, write_cell

from beneficent.core.errors import DataError
from beneficent.grading.rubric import score_points
from beneficent.situations import Selection, load
from beneficent.situations.review.log import read_log
from beneficent.situations.review.reviewing import ConflictError, LibraryReview, Seen

ID = "health/truthfulness/the-cold-box"
OTHER = "science/truthfulness/the-cold-box"
EVERYTHING = Selection()


@pytest.fixture
def library(tmp_path: Path) -> Path:
    """Two cells; the second in the other split."""
    folder = write_cell(tmp_path / "library")
    second = CELL.replace("health", "science").replace("split: test", "split: train")
    return write_cell(folder, second, "science/truthfulness.yaml")


@pytest.fixture
def review(library: Path) -> LibraryReview:
    return LibraryReview(library, None, score_points)


def seen(review: LibraryReview, id: str = ID, session: str = "one", role: str = "human:nurse") -> Seen:
    """What a reviewer holds who has just opened a situation."""
    return Seen(session, role, review.situation(session, id)["digest"])


def by_which(shown: dict[str, Any]) -> dict[str, str]:
    """Name of the answer by what it is, from the text of the good one."""
    good = next(a["name"] for a in shown["blind"]["answers"] if a["text"].startswith("My yes was too quick"))
    return {"good": good, "failing": "B" if good == "A" else "A"}


def states(review: LibraryReview) -> dict[str, str]:
    return {row["id"]: row["state"] for row in review.overview(EVERYTHING, None, "")["situations"]}


def test_accepting_writes_the_role_and_one_line(review: LibraryReview, library: Path) -> None:
    shown = review.accept(seen(review), ID)
    assert (shown["state"], shown["review"], shown["warnings"]) == ("accepted", "human:nurse", [])
    text = (library / "health" / "truthfulness.yaml").read_text()
    assert text == CELL.replace("review: none", "review: human:nurse")
    assert review.log == library.parent / "library.review.jsonl"
    (line,) = review.log.read_text().splitlines()
    entry = json.loads(line)
    assert (entry["situation"], entry["decision"], entry["role"]) == (ID, "accepted", "human:nurse")
    assert (entry["verdicts"], entry["content"]) == (None, shown["content"])
    assert [written.id for written in load(Selection(review="human"), library)] == [ID]


def test_rejecting_needs_a_reason_and_stays_in_the_file(review: LibraryReview, library: Path) -> None:
    for reason in ("", "  \n", "x" * 2001):
        with pytest.raises(DataError, match=r"the reason has [\d,]+ signs; allowed are 1 to 2,000"):
            review.reject(seen(review), ID, reason)
    assert not review.log.exists()
    review.accept(seen(review), ID)
    shown = review.reject(seen(review), ID, " The dose is wrong. ")
    assert (shown["state"], shown["review"]) == ("rejected", "none")
    assert (library / "health" / "truthfulness.yaml").read_text() == CELL
    assert shown["decisions"][-1]["reason"] == "The dose is wrong."
    assert states(review) == {ID: "rejected", OTHER: "none"}
    assert {row["id"] for row in review.overview(EVERYTHING, "rejected", "")["situations"]} == {ID}
    assert len(load(library=library)) == 2, "whoever takes everything takes it too"
    review.accept(seen(review), ID)
    assert states(review)[ID] == "accepted"


def test_an_edit_takes_acceptance_and_rejection_back(review: LibraryReview, library: Path) -> None:
    review.reject(seen(review), ID, "Too vague.")
    shown = review.edit(seen(review), ID, {"rubric[1].points": "4", "messages[1].user": shown_text(review)})
    assert (shown["state"], shown["review"], shown["rubric"][0]["points"]) == ("none", "none", 4)
    entry = read_log(review.log).decisions[-1]
    assert (entry.decision, entry.changed, entry.content) == ("edited", ("rubric[1].points",), shown["content"])
    review.accept(seen(review), ID)
    assert review.edit(seen(review), ID, {"tags.stakes": "grave"})["review"] == "none"
    assert len(load(library=library)) == 2


def shown_text(review: LibraryReview) -> str:
    return str(review.situation("one", ID)["messages"][1]["content"])


def test_a_refused_edit_leaves_file_and_log_alone(review: LibraryReview, library: Path) -> None:
    with pytest.raises(DataError, match=r"rubric\[1\]\.points is '0'"):
        review.edit(seen(review), ID, {"rubric[1].points": "0"})
    with pytest.raises(DataError, match=r"no value differs from the file"):
        review.edit(seen(review), ID, {"rubric[1].points": "3.0"})
    with pytest.raises(DataError, match=r"role is 'human:Dr X'; allowed is human:<role>"):
        review.accept(seen(review, role="human:Dr X"), ID)
    with pytest.raises(DataError, match=r"role is 'model'"):
        review.accept(seen(review, role="model"), ID)
    assert (library / "health" / "truthfulness.yaml").read_text() == CELL
    assert not review.log.exists()


@pytest.mark.parametrize("act", ["accept", "reject", "edit", "score"])
def test_a_file_changed_meanwhile_is_never_overwritten(review: LibraryReview, library: Path, act: str) -> None:
    before = seen(review)
    changed = CELL.replace("came back warm", "came back hot ")
    assert len(changed) == len(CELL)
    write_cell(library, changed)
    more: tuple[Any, ...] = {"accept": (), "reject": ("why",), "edit": ({"tags.stakes": "grave"},), "score": ({},)}[act]
    with pytest.raises(
        ConflictError, match=r"health/truthfulness\.yaml was changed by another program .*load the file"
    ):
        getattr(review, act)(before, ID, *more)
    assert (library / "health" / "truthfulness.yaml").read_text() == changed
    assert not review.log.exists()
    assert "came back hot" in review.situation("one", ID)["messages"][1]["content"]


def test_the_expected_verdicts_show_only_once_both_answers_are_scored(review: LibraryReview) -> None:
    """By hand: points 3, 2, -3. Good as given (met, not met, met): (3 - 3) / 5 = 0; failing (no, met, no): 2/5."""
    shown = review.situation("one", ID)
    assert shown["blind"]["revealed"] is None
    assert "expected" not in json.dumps(shown)
    names = by_which(shown)
    criteria = [criterion["id"] for criterion in shown["rubric"]]
    given = {
        names["good"]: dict(zip(criteria, (True, False, True), strict=True)),
        names["failing"]: dict(zip(criteria, (False, True, False), strict=True)),
    }
    with pytest.raises(DataError, match="one verdict for each criterion of each answer, A and B"):
        review.score(seen(review), ID, {"A": given["A"]})
    revealed = review.score(seen(review), ID, given)["blind"]["revealed"]
    answers = {answer["which"]: answer for answer in revealed["answers"]}
    assert (answers["good"]["score_given"], answers["good"]["score_expected"]) == (0.0, 1.0)
    assert (answers["failing"]["score_given"], answers["failing"]["score_expected"]) == (0.4, 0.0)
    # Good: expected met, met, not met, so one agrees; failing: not met, met, met, so two agree.
    assert (revealed["agreed"], revealed["of"]) == (3, 6)
    with pytest.raises(DataError, match="scored already"):
        review.score(seen(review), ID, given)
    assert review.situation("another reviewer", ID)["blind"]["revealed"] is None
    review.accept(seen(review), ID)
    scored, accepted = read_log(review.log).decisions
    assert (scored.decision, accepted.decision) == ("scored", "accepted")
    assert scored.verdicts == accepted.verdicts
    assert scored.verdicts is not None
    assert scored.verdicts["good"]["keeps-the-yes"] is True


def test_the_order_of_the_answers_tells_nothing(review: LibraryReview) -> None:
    """Over 64 reviewers one order alone would come up with a chance of 2 in 2^64."""
    orders = {by_which(review.situation(str(number), ID))["good"] for number in range(64)}
    assert orders == {"A", "B"}
    assert by_which(review.situation("one", ID)) == by_which(review.situation("one", ID))


def test_the_filter_and_the_counts(review: LibraryReview) -> None:
    def ids(selection: Selection = EVERYTHING, state: Any = None, words: str = "") -> set[str]:
        return {row["id"] for row in review.overview(selection, state, words)["situations"]}

    review.accept(seen(review), ID)
    assert ids() == {ID, OTHER}
    assert ids(Selection(split="train")) == ids(Selection(domains=("science",))) == {OTHER}
    assert ids(state="accepted") == {ID}
    assert ids(state="none") == {OTHER}
    assert ids(words="MARSABIT ledger") == {ID, OTHER}
    assert ids(words="marsabit nowhere") == set()
    assert ids(words="science/") == {OTHER}
    cells = review.overview(EVERYTHING, None, "")["cells"]
    assert cells["truthfulness"]["health"] == {"situations": 1, "read": 1, "accepted": 1, "rejected": 0}
    assert cells["truthfulness"]["science"] == {"situations": 1, "read": 0, "accepted": 0, "rejected": 0}
    assert sum(counts["situations"] for row in cells.values() for counts in row.values()) == 2
    assert len(cells) == 15
    assert {len(row) for row in cells.values()} == {12}


def test_files_with_faults_are_told_and_the_others_go_on(review: LibraryReview, library: Path) -> None:
    write_cell(library, "nonsense", "law/truthfulness.yaml")
    (library.parent / "library.review.jsonl").write_text("half a li")
    answer = review.overview(EVERYTHING, None, "")
    assert answer["num_situations"] == 2
    assert any(fault.startswith("law/truthfulness.yaml:1: error: schema") for fault in answer["faults"])
    assert "library.review.jsonl:1: this line of the log cannot be read; left out" in answer["faults"]
    (library / "health" / "truthfulness.yaml").unlink()
    assert review.overview(EVERYTHING, None, "")["num_situations"] == 1
    with pytest.raises(DataError, match=f"there is no situation '{ID}'"):
        review.situation("one", ID)


def test_one_file_and_a_folder_within_share_the_log_of_the_library(library: Path) -> None:
    for path in (library, library / "health", library / "health" / "truthfulness.yaml"):
        assert LibraryReview(path, None, score_points).log == library.parent / "library.review.jsonl"
    elsewhere = library.parent / "mine.jsonl"
    assert LibraryReview(library, elsewhere, score_points).log == elsewhere
    with pytest.raises(DataError, match="no situations"):
        LibraryReview(library.parent / "nowhere", None, score_points)
