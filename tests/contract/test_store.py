"""The contract of ``darwaza.ports.store``, held by every adapter."""

import msgspec
import pytest
from tests.contract.rows import case, dump, everything, filled, instant, leaf, log, notice, party, tiles

from darwaza.errors import FatalError, InvariantError
from darwaza.ports.store import (
    WAITING_NONE,
    AnswerRow,
    Changes,
    CheckpointRow,
    FactRow,
    ForkRow,
    QuarantineRow,
    WitnessRow,
)


def third_leaf(changes, key):
    changes.leaves.append(leaf(2, 2, key=key))
    changes.logs[2] = log(2, 3)


class TestCommit:
    def test_everything_written_is_read_back_as_it_was_given(self, store):
        """Reads see everything committed before them."""
        given = everything()
        store.commit(given)
        assert store.logs() == list(given.logs.values())
        assert list(store.scan_leaves(1)) == given.leaves
        assert {(1, 0, 0): store.tile(1, 0, 0)} == {key: row.hashes for key, row in given.tiles.items()}
        assert store.checkpoint_from(1, 0) == given.checkpoints[0]
        assert store.cases(["case"]) == given.cases
        assert all(store.concerns(row) for row in given.parties)
        assert list(store.answers([("PK/bank", "key")]).values()) == given.answers
        assert store.named(["UETR-1", "nobody", "UETR-2"]) == dict(given.names)
        assert list(store.scan_names()) == given.names
        assert store.facts("UCR1") == {"duty paid": given.facts["UCR1", "duty paid"]}
        assert store.awaiting("UCR1", "guarantee accepted") == ["case"]
        assert store.quarantined(10) == given.quarantine
        assert store.notices("PK/bank", 0, 10) == given.notices
        assert store.forks() == given.forks
        assert store.witnessed("example.org/far") == given.witnessed[0]
        assert store.given_back("cause") == ["PK lost"]
        assert store.documents() == given.documents
        assert store.meta("member") == b"PK"

    def test_everything_is_there_after_a_restart(self, reopen):
        """What ``commit`` returned for is on the disk."""
        store = reopen()
        store.commit(everything())
        before = dump(store)
        assert dump(reopen()) == before

    def test_nothing_changes_by_an_empty_commit(self, store):
        store.commit(everything())
        before = dump(store)
        store.commit(Changes())
        assert dump(store) == before

    @pytest.mark.parametrize(
        "wrong",
        [
            pytest.param(lambda c: third_leaf(c, "PK 1-3"), id="message stored"),
            pytest.param(lambda c: third_leaf(c, "PK 2-0"), id="message twice in the batch"),
            pytest.param(lambda c: c.answers.append(AnswerRow("PK/bank", "key", b"", b"", "")), id="answer stored"),
            pytest.param(lambda c: c.answers.append(AnswerRow("PK/bank", "a", b"", b"", "")), id="answer twice"),
            pytest.param(lambda c: c.notices.append(notice(1, "PK/bank")), id="notice stored"),
            pytest.param(lambda c: c.notices.append(notice(2, "PK/bank")), id="notice twice in the batch"),
            pytest.param(
                lambda c: c.logs.update({3: msgspec.structs.replace(log(1, 0), id=3)}), id="origin of another"
            ),
            pytest.param(lambda c: c.checkpoints.append(CheckpointRow(1, 1 << 40, b"")), id="no such size"),
            pytest.param(lambda c: c.meta.update(a="text"), id="text for bytes"),
        ],
    )
    def test_a_row_that_must_be_new_and_is_not_refuses_the_whole_batch(self, store, wrong):
        """``InvariantError``, none of the batch is there, and the store can be used on."""
        store.commit(everything())
        before = dump(store)
        batch = filled(2, 2)
        batch.cases = {"other": case("other", 9)}
        batch.answers = [AnswerRow("PK/bank", "a", b"", b"", "")]
        batch.notices = [notice(2, "PK/bank")]
        good = Changes(cases=batch.cases, answers=batch.answers[:], notices=batch.notices[:])
        wrong(batch)
        with pytest.raises(InvariantError):
            store.commit(batch)
        assert dump(store) == before
        store.commit(good)
        assert store.notice_sequence() == 2

    def test_a_closed_store_refuses_use(self, store):
        """It cannot be used after ``close``; closing twice does nothing."""
        store.close()
        store.close()
        for use in (lambda: store.commit(Changes()), store.logs, store.maintain, lambda: next(store.scan_cases())):
            with pytest.raises(FatalError):
                use()

    def test_housekeeping_changes_nothing(self, store):
        store.commit(everything())
        before = dump(store)
        store.maintain()
        assert dump(store) == before


class TestLogs:
    def test_a_new_state_replaces_the_former(self, store):
        store.commit(filled(1, 3))
        newer = log(1, 4, peaks=b"p" * 32, exposed_size=4, cosigned_size=2, checkpoint=b"note", halted="fork")
        store.commit(Changes(logs={1: newer}, leaves=[leaf(1, 3)]))
        assert store.logs() == [newer]

    def test_logs_come_by_id(self, store):
        for log_id in (3, 1, 2):
            store.commit(filled(log_id, 1))
        assert [row.id for row in store.logs()] == [1, 2, 3]

    @pytest.mark.parametrize(
        ("start", "end", "bytes_max", "expected"),
        [
            (0, 5, 1000, [0, 1, 2, 3, 4]),
            (1, 3, 1000, [1, 2]),
            (3, 99, 1000, [3, 4]),
            (0, 1 << 50, 1000, [0, 1, 2, 3, 4]),
            (0, 5, 24, [0, 1]),
            (0, 5, 23, [0]),
            (0, 5, 0, [0]),
            (5, 9, 1000, []),
            (3, 3, 1000, []),
            (4, 1, 1000, []),
            (1 << 40, 1 << 41, 1000, []),
            (1 << 60, 1 << 61, 1000, []),
        ],
    )
    def test_a_stretch_ends_at_its_end_or_before_it_has_too_many_bytes(self, store, start, end, bytes_max, expected):
        """Each header and body here has 12 bytes; one comes whatever its size; another log's leaves never do."""
        store.commit(filled(1, 5))
        store.commit(filled(2, 5))
        assert store.leaves(1, start, end, bytes_max) == [(b"header %d" % at, b"body") for at in expected]

    def test_a_message_is_found_by_its_key_and_its_place(self, store):
        store.commit(filled(1, 3))
        assert store.leaf("PK 1-2") == leaf(1, 2)
        assert store.leaf("PK 1-3") is None
        assert store.body(1, 2) == b"body"
        assert [store.body(1, at) for at in (-1, 3, 1 << 40, 1 << 70)] == [None] * 4
        assert store.body(2, 0) is None

    def test_known_names_those_keys_that_are_stored(self, store):
        store.commit(filled(1, 300))
        asked = [f"PK 1-{at}" for at in range(0, 600, 2)]
        assert store.known(iter(asked)) == {f"PK 1-{at}" for at in range(0, 300, 2)}
        assert store.known(asked + asked) == store.known(asked)
        assert store.known([]) == set()
        assert store.known(["", "'", '"]', "ключ"]) == set()

    def test_the_messages_of_a_case_come_by_log_and_index(self, store):
        store.commit(Changes(logs={2: log(2, 2)}, leaves=[leaf(2, 0), leaf(2, 1, case="other")]))
        store.commit(Changes(logs={1: log(1, 2)}, leaves=[leaf(1, 0), leaf(1, 1)]))
        store.commit(Changes(logs={2: log(2, 3)}, leaves=[leaf(2, 2)]))
        expected = [(1, 0, b"header 0"), (1, 1, b"header 1"), (2, 0, b"header 0"), (2, 2, b"header 2")]
        assert store.case_leaves("case") == expected
        assert store.case_leaves("none") == []

    def test_a_tile_is_replaced_and_a_missing_one_is_empty(self, store):
        store.commit(filled(1, 3))
        store.commit(Changes(tiles=tiles(1, 5, "new ")))
        assert store.tile(1, 0, 0) == tiles(1, 5, "new ")[1, 0, 0].hashes
        assert [store.tile(*at) for at in ((1, 0, 1), (1, 1, 0), (2, 0, 0), (1, 9, 0), (1, 0, 1 << 34))] == [b""] * 5

    def test_the_smallest_checkpoint_of_at_least_a_size(self, store):
        store.commit(filled(1, 30))
        store.commit(filled(2, 10))
        found = {size: store.checkpoint_from(1, size) for size in (0, 10, 11, 30, 31, 1 << 40)}
        assert {size: row and row.size for size, row in found.items()} == {
            0: 10,
            10: 10,
            11: 20,
            30: 30,
            31: None,
            1 << 40: None,
        }
        assert found[11] == CheckpointRow(1, 20, b"note 20")

    def test_more_signatures_replace_fewer(self, store):
        store.commit(filled(1, 10))
        store.commit(Changes(checkpoints=[CheckpointRow(1, 10, b"note 10 cosigned")]))
        assert store.checkpoint_from(1, 1) == CheckpointRow(1, 10, b"note 10 cosigned")

    def test_a_scan_gives_all_leaves_of_one_log_in_order(self, store):
        store.commit(filled(2, 3))
        store.commit(filled(1, 300))
        assert list(store.scan_leaves(1)) == [leaf(1, at) for at in range(300)]
        assert list(store.scan_leaves(3)) == []


class TestTruncate:
    @pytest.mark.parametrize("size", [0, 1, 10, 255, 256, 257, 511, 512, 513, 600])
    def test_leaves_tile_hashes_and_checkpoints_past_the_size_are_forgotten(self, store, size):
        """What is left is what a log of that size would hold; another log keeps everything."""
        store.commit(filled(1, 600))
        store.commit(filled(2, 300))
        store.commit(Changes(truncate=[(1, size)], logs={1: log(1, size)}))
        expected = filled(1, size)
        assert list(store.scan_leaves(1)) == expected.leaves
        assert store.known(f"PK 1-{at}" for at in range(600)) == {row.message_key for row in expected.leaves}
        assert [at for _, at, _ in store.case_leaves("case")] == [*range(size), *range(300)]
        kept = {key: store.tile(*key) for key in tiles(1, 600)}
        wanted = {key: expected.tiles[key].hashes if key in expected.tiles else b"" for key in kept}
        assert kept == wanted
        last = expected.checkpoints[-1] if expected.checkpoints else None
        assert store.checkpoint_from(1, size // 10 * 10 or 1) == last
        assert store.checkpoint_from(1, size + 1) is None
        assert list(store.scan_leaves(2)) == filled(2, 300).leaves
        assert {key: store.tile(*key) for key in tiles(2, 300)} == {k: row.hashes for k, row in tiles(2, 300).items()}
        assert store.checkpoint_from(2, 300) == CheckpointRow(2, 300, b"note 300")

    def test_forgotten_messages_may_come_back_elsewhere_in_the_same_commit(self, store):
        """A gateway that restored an old backup moves what never left it behind what its peer gave back."""
        store.commit(filled(1, 6, exposed_size=4))
        moved = [leaf(1, 4, key="PK taken back"), leaf(1, 5, key="PK 1-5"), leaf(1, 6, key="PK 1-4")]
        store.commit(
            Changes(truncate=[(1, 4)], logs={1: log(1, 7)}, leaves=moved, tiles=tiles(1, 7, "new ")),
        )
        assert list(store.scan_leaves(1)) == [leaf(1, at) for at in range(4)] + moved
        assert store.leaf("PK 1-4") == moved[2]
        assert store.tile(1, 0, 0) == tiles(1, 7, "new ")[1, 0, 0].hashes

    def test_what_waits_has_no_place_and_stays(self, store):
        """It is found by key and case, grows at both ends, and no truncation of its log touches it."""
        store.commit(filled(1, 6, exposed_size=4))
        assert store.waiting_span(1) == WAITING_NONE
        assert store.waiting(1, 1_000, 9) == []
        first, _ = WAITING_NONE
        later = [leaf(1, first, key="PK c"), leaf(1, first + 1, key="PK d")]
        store.commit(Changes(leaves=later))
        aside = [leaf(1, first - 2, key="PK 1-4"), leaf(1, first - 1, key="PK 1-5")]
        store.commit(Changes(truncate=[(1, 4)], logs={1: log(1, 4, exposed_size=4)}, leaves=aside))
        assert store.waiting_span(1) == (first - 2, first + 2)
        assert store.waiting(1, 10_000, 9) == [*aside, *later]
        assert store.waiting(1, 10_000, 3) == [*aside, later[0]]
        assert store.waiting(1, 0, 3) == aside[:1]
        assert store.waiting(2, 10_000, 9) == []
        assert list(store.scan_leaves(1)) == [leaf(1, at) for at in range(4)] + aside + later
        assert store.leaves(1, 0, first - 2, 10_000) == [leaf(1, at)[4:] for at in range(4)]
        assert store.leaf("PK c") == later[0]
        assert store.body(1, first) == b"body"
        assert store.case_leaves("case")[-1] == (1, first + 1, later[1].header)
        store.commit(Changes(truncate=[(1, 4)], logs={1: log(1, 4, exposed_size=4)}))
        assert store.waiting(1, 10_000, 9) == [*aside, *later]

    def test_what_waited_gets_its_place_in_one_commit(self, store):
        """Released from the front, appended to the log under the same keys; what is not released stays."""
        store.commit(filled(1, 4))
        first, _ = WAITING_NONE
        rows = [leaf(1, first + at, key=f"PK w{at}") for at in range(4)]
        store.commit(Changes(leaves=rows))
        placed = [leaf(1, 4, key="PK w0"), leaf(1, 5, key="PK w2")]
        store.commit(Changes(released=[(1, first, first + 3)], logs={1: log(1, 6)}, leaves=placed))
        assert store.waiting(1, 10_000, 9) == rows[3:]
        assert store.waiting_span(1) == (first + 3, first + 4)
        assert store.leaf("PK w2") == placed[1]
        assert store.leaf("PK w1") is None
        with pytest.raises(InvariantError):
            store.commit(Changes(leaves=[leaf(1, first + 3, key="PK other")]))
        with pytest.raises(InvariantError):
            store.commit(Changes(leaves=[leaf(1, first + 9, key="PK w0")]))
        assert store.waiting(1, 10_000, 9) == rows[3:]

    def test_of_two_sizes_the_smaller_holds(self, store):
        store.commit(filled(1, 9))
        store.commit(Changes(truncate=[(1, 5), (1, 7)], logs={1: log(1, 5)}))
        assert len(list(store.scan_leaves(1))) == 5


class TestCases:
    def test_a_case_is_replaced(self, store):
        store.commit(Changes(cases={"a": case("a", 1)}))
        newer = case("a", 1, state="settled", data=b"new", ucr="UCR1", changed_at=instant(9), remind_at=instant(99))
        store.commit(Changes(cases={"a": newer}))
        assert store.cases(["a", "b", "a"]) == {"a": newer}
        assert store.cases([]) == {}
        assert list(store.scan_cases()) == [newer]

    def test_a_scan_gives_all_cases_by_id(self, store):
        store.commit(Changes(cases={name: case(name, at) for at, name in enumerate(["c", "a", "d", "b"])}))
        assert [row.id for row in store.scan_cases()] == ["a", "b", "c", "d"]

    def test_parties_are_added_once(self, store):
        row = case("a", 1)
        store.commit(Changes(cases={"a": row}, parties=[party("PK/bank", row), party("PK/bank", row)]))
        store.commit(Changes(parties=[party("PK/bank", row), party("UZ/bank", row)]))
        assert store.concerns(party("PK/bank", row))
        assert store.concerns(party("UZ/bank", row))
        assert not store.concerns(party("PK/customs", row))
        assert not store.concerns(party("PK/bank", case("a", 2)))

    def test_reminders_come_oldest_first_and_can_be_changed_and_cancelled(self, store):
        first = {name: case(name, 1, remind_at=instant(at)) for name, at in (("d", 5), ("b", 7), ("c", 5), ("a", 9))}
        store.commit(Changes(cases=first | {"e": case("e", 1)}))
        assert store.due(instant(7), 10) == ["c", "d", "b"]
        assert store.due(instant(7), 2) == ["c", "d"]
        assert store.due(instant(4), 10) == []
        store.commit(Changes(cases={"c": case("c", 1), "b": case("b", 1, remind_at=instant(2))}))
        assert store.due(instant(9), 10) == ["b", "d", "a"]


class TestAnswersFactsAndAwaits:
    def test_an_answer_is_found_by_party_and_key_together(self, store):
        rows = [AnswerRow(f"PK/{who}", key, b"d", f"{who} {key}".encode(), "") for who in "xy" for key in "ab"]
        store.commit(Changes(answers=rows))
        asked = [("PK/x", "b"), ("PK/y", "a"), ("PK/x", "c"), ("PK/z", "a"), ("PK/x", "b")]
        assert store.answers(asked) == {("PK/x", "b"): rows[1], ("PK/y", "a"): rows[2]}
        assert store.answers([]) == {}

    def test_a_fact_is_replaced_by_the_newest_statement(self, store):
        rows = [FactRow("UCR1", name, b"1", None, "case", instant(1)) for name in ("duty paid", "weighed")]
        store.commit(Changes(facts={row[:2]: row for row in rows}))
        newer = FactRow("UCR1", "weighed", b"2", instant(90), "other", instant(2))
        store.commit(Changes(facts={newer[:2]: newer}))
        assert store.facts("UCR1") == {"duty paid": rows[0], "weighed": newer}
        assert store.facts("UCR2") == {}

    def test_awaits_replace_the_former_set_of_the_case(self, store):
        paid, weighed = ("UCR1", "duty paid"), ("UCR1", "weighed")
        store.commit(Changes(awaits={"b": (paid, weighed), "a": (paid,)}))
        assert (store.awaiting(*paid), store.awaiting(*weighed)) == (["a", "b"], ["b"])
        store.commit(Changes(awaits={"b": (weighed,)}))
        assert (store.awaiting(*paid), store.awaiting(*weighed)) == (["a"], ["b"])
        store.commit(Changes(awaits={"a": (), "b": ()}))
        assert (store.awaiting(*paid), store.awaiting(*weighed)) == ([], [])
        assert store.awaiting("UCR9", "duty paid") == []


class TestTheRest:
    def test_quarantine_comes_newest_first_and_keeps_one_entry_a_message(self, store):
        rows = [QuarantineRow(1, at, "code", f"{at}", instant(second)) for at, second in ((0, 5), (1, 9), (2, 5))]
        store.commit(filled(1, 3))
        store.commit(Changes(quarantine=rows))
        assert store.quarantined(10) == [rows[1], rows[2], rows[0]]
        assert store.quarantined(2) == [rows[1], rows[2]]
        again = QuarantineRow(1, 1, "other", "", instant(1))
        store.commit(Changes(quarantine=[again]))
        assert store.quarantined(10) == [rows[2], rows[0], again]

    def test_notices_are_paged_by_sequence_for_each_party(self, store):
        rows = [notice(at, "PK/bank" if at % 2 else "PK/customs") for at in range(1, 10)]
        assert store.notice_sequence() == 0
        store.commit(Changes(notices=rows[:5]))
        store.commit(Changes(notices=rows[5:]))
        assert store.notice_sequence() == 9
        assert store.notices("PK/bank", 0, 3) == [rows[0], rows[2], rows[4]]
        assert store.notices("PK/bank", 5, 3) == [rows[6], rows[8]]
        assert store.notices("PK/bank", 9, 3) == []
        assert store.notices("UZ/bank", 0, 3) == []

    def test_fork_proofs_come_oldest_first(self, store):
        rows = [ForkRow(1, instant(second), proof) for second, proof in ((5, b"a"), (3, b"b"), (5, b"c"), (5, b"a"))]
        store.commit(Changes(forks=rows))
        assert store.forks() == [rows[1], rows[0], rows[2], rows[3]]

    def test_a_witnessed_size_never_shrinks(self, store):
        origin = "example.org/far"
        for size, note, expected in ((5, b"a", 5), (9, b"b", 9), (7, b"c", 9), (9, b"d", 9)):
            store.commit(Changes(witnessed=[WitnessRow(origin, size, note)]))
            assert store.witnessed(origin).size == expected
        assert store.witnessed(origin).note == b"d"
        assert store.witnessed("example.org/1") is None

    def test_a_name_is_given_once(self, store):
        """Neither to another case nor to the same again; nothing of that commit is there."""
        one, other = case("case", 1), case("other", 2)
        store.commit(Changes(cases={"case": one, "other": other}, names=[("A", "case")]))
        with pytest.raises(InvariantError):
            store.commit(Changes(names=[("B", "other"), ("A", "other")]))
        assert store.named(["A", "B"]) == {"A": "case"}

    def test_messages_given_back_wait_until_they_are_used(self, store):
        store.commit(Changes(given_back=[("cause", "PK b"), ("cause", "PK a"), ("other", "PK c")]))
        assert store.given_back("cause") == ["PK a", "PK b"]
        store.commit(Changes(given_back=[("changed", "PK a")]))
        assert store.given_back("cause") == ["PK b"]
        assert store.given_back("changed") == ["PK a"]
        assert store.given_back_count() == 3
        store.commit(Changes(given_back_used=["PK a", "PK unknown"]))
        assert store.given_back("cause") == ["PK b"]
        assert store.given_back_count() == 2
        store.commit(Changes(given_back=[("cause", "PK d")], given_back_used=["PK d", "PK b", "PK c"]))
        assert store.given_back_count() == 0

    def test_the_first_document_of_a_version_stays(self, store):
        store.commit(Changes(documents=[(2, b"two"), (1, b"one")]))
        store.commit(Changes(documents=[(2, b"other"), (3, b"three")]))
        assert store.documents() == [(1, b"one"), (2, b"two"), (3, b"three")]

    def test_small_values_are_replaced(self, store):
        store.commit(Changes(meta={"a": b"1", "b": b""}))
        store.commit(Changes(meta={"a": b"2"}))
        assert [store.meta(name) for name in "abc"] == [b"2", b"", None]


def test_a_forgotten_body_leaves_the_leaf(store):
    """Everything else of it stays, by whatever way it is found; a place that is not there is nothing to forget."""
    store.commit(filled(1, 2))
    before = list(store.scan_leaves(1))
    store.commit(Changes(forgotten=[(1, 0), (1, 7), (9, 0)]))
    assert list(store.scan_leaves(1)) == [before[0]._replace(body=b""), before[1]]
    assert store.leaf(before[0].message_key) == before[0]._replace(body=b"")
    assert [store.body(1, index) for index in range(3)] == [b"", before[1].body, None]
    assert [body for _, body in store.leaves(1, 0, 2, 1 << 20)] == [b"", before[1].body]
    assert [index for _, index, _ in store.case_leaves(before[0].case_id)] == [0, 1]


def test_cases_come_in_pages_by_id(store):
    """A page begins behind the last id of the former one."""
    store.commit(Changes(cases={name: case(name, 1) for name in ("c", "a", "b")}))
    assert [row.id for row in store.cases_after("", 2)] == ["a", "b"]
    assert [row.id for row in store.cases_after("b", 2)] == ["c"]
    assert store.cases_after("c", 2) == []
