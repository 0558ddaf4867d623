"""The mixture: slots laid out before training, shared by the arms."""

import itertools
from collections import Counter

import pytest
from exercises import exercise, settings, standard, trait
from hypothesis import given
from hypothesis import strategies as st

from beneficent.core.errors import DataError
from beneficent.training.mixture import fill, further, lay_out
from beneficent.training.settings import TrainingSettings


def test_five_percent_of_two_hundred_steps_of_eight():
    slots = lay_out(TrainingSettings(), seed=3)
    assert len(slots) == 1600
    places = [slot.step * 8 + slot.position for slot in slots]
    assert places == list(range(1600))
    trait_places = [place for place, slot in zip(places, slots, strict=True) if slot.kind == "trait"]
    # 80 of 1600: one in every twenty
    assert len(trait_places) == 80
    assert {later - sooner for sooner, later in itertools.pairwise(trait_places)} == {20}


@given(st.integers(1, 40), st.integers(1, 9), st.floats(0, 1), st.integers(0, 2**40))
def test_trait_slots_are_spread_evenly(steps, groups, share, seed):
    slots = lay_out(settings(steps=steps, groups_per_step=groups, trait_share=share), seed)
    kinds = [slot.kind for slot in slots]
    assert kinds.count("trait") == round(share * len(slots))
    assert [slot.draw for slot in slots if slot.kind == "trait"] == list(range(kinds.count("trait")))
    assert [slot.draw for slot in slots if slot.kind == "standard"] == list(range(kinds.count("standard")))
    seen = 0
    for place, kind in enumerate(kinds):
        seen += kind == "trait"
        # never more than one slot away from the even share of what has passed, whatever the start
        assert abs(seen - (place + 1) * kinds.count("trait") / len(kinds)) <= 1 + 1e-9


def test_the_seed_decides_everything():
    one = settings(steps=50)
    assert lay_out(one, 1) == lay_out(one, 1)
    ids = [[e.id for batch in fill(lay_out(one, seed), standard(), trait()) for e in batch] for seed in (1, 1, 2)]
    assert ids[0] == ids[1] != ids[2]


def test_standard_slots_hold_the_same_in_every_arm():
    slots = lay_out(settings(steps=30, groups_per_step=4), 5)
    arms = [fill(slots, standard(7), filling) for filling in (None, trait(5), trait(2))]
    for slot in slots:
        ids = [arm[slot.step][slot.position].id for arm in arms]
        if slot.kind == "standard":
            assert len(set(ids)) == 1
        else:
            assert ids[0].startswith("task")
            assert all(id.startswith("situation") for id in ids[1:])


def test_nothing_repeats_before_everything_was_drawn():
    slots = lay_out(settings(steps=10, groups_per_step=4, trait_share=0.25), 0)
    drawn = [e.id for batch in fill(slots, standard(7), trait(4)) for e in batch]
    for prefix, size in (("task", 7), ("situation", 4)):
        own = [id for id in drawn if id.startswith(prefix)]
        rounds = [own[start : start + size] for start in range(0, len(own), size)]
        assert all(len(set(part)) == len(part) for part in rounds)
        assert rounds[0] != rounds[1]


def test_the_baseline_goes_through_all_tasks_as_often():
    slots = lay_out(settings(steps=7, groups_per_step=4, trait_share=0.25), 0)
    drawn = Counter(e.id for batch in fill(slots, standard(7), None) for e in batch)
    # 28 slots, 7 tasks
    assert set(drawn.values()) == {4}


def test_listing_order_plays_no_part():
    slots = lay_out(settings(), 0)
    ids = [[e.id for batch in fill(slots, tasks, None) for e in batch] for tasks in (standard(), standard()[::-1])]
    assert ids[0] == ids[1]


def test_further_batches_go_on_where_the_planned_ones_end():
    own = settings(steps=2, groups_per_step=3, trait_share=0.5)
    slots = lay_out(own, 4)
    planned = [e.id for batch in fill(slots, standard(20), None) for e in batch]
    more = further(slots, standard(20), own)
    later = [e.id for step in (2, 3) for e in more(step)]
    assert len(planned) == len(later) == 6
    assert len(set(planned + later)) == 12
    assert [e.id for e in more(3)] == later[3:]


def test_bad_exercises_are_refused():
    slots = lay_out(settings(), 0)
    with pytest.raises(DataError, match="no standard exercise"):
        fill(slots, [], trait())
    with pytest.raises(DataError, match="no trait exercise"):
        fill(slots, standard(), [])
    with pytest.raises(DataError, match="'twice'"):
        fill(slots, [exercise("twice"), exercise("twice")], None)
