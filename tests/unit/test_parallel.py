"""The same work on many things at once."""

import threading

import pytest

from pipper.system import parallel
from pipper.system.parallel import JOBS, both, in_parallel, spread


def test_results_stand_in_the_order_of_the_items() -> None:
    assert in_parallel(lambda item: item * 2, list(range(100))) == list(range(0, 200, 2))
    assert in_parallel(lambda item: item, []) == []


def test_work_goes_on_at_once() -> None:
    together = threading.Barrier(JOBS)
    in_parallel(lambda _: together.wait(30), list(range(JOBS)))


def test_the_error_of_the_first_item_that_failed_is_raised_and_nothing_new_is_begun() -> None:
    begun: list[int] = []

    def work(item: int) -> None:
        begun.append(item)
        raise ValueError(item)

    with pytest.raises(ValueError, match="0"):
        in_parallel(work, list(range(1000)))
    assert len(begun) < 1000


def test_work_that_waits_gets_more_threads_than_it_begins_with() -> None:
    together = threading.Barrier(8)
    spread(lambda _: together.wait(30), range(8), jobs=8, at_first=1)


def test_work_that_is_done_at_once_gets_no_more_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parallel, "_SLOW", 60.0)
    used: set[int] = set()
    spread(lambda _: used.add(threading.get_ident()), range(1000), jobs=8, at_first=2)
    assert len(used) <= 2


def test_two_different_functions_give_both_their_results() -> None:
    together = threading.Barrier(2)
    assert both(lambda: (together.wait(30), 1)[1], lambda: (together.wait(30), "x")[1]) == (1, "x")


def test_an_error_of_one_of_two_is_raised() -> None:
    with pytest.raises(KeyError):
        both(lambda: 1, lambda: {}["x"])


def test_an_interrupt_does_not_wait_for_what_hangs() -> None:
    hanging = threading.Event()
    begun = threading.Barrier(3)

    def work(_: int) -> None:
        begun.wait(30)
        hanging.wait(60)

    def interrupt() -> None:
        import _thread

        begun.wait(30)
        _thread.interrupt_main()

    helper = threading.Thread(target=interrupt)
    helper.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            in_parallel(work, [1, 2])
        assert not hanging.is_set()
    finally:
        hanging.set()
        helper.join()


def test_what_an_item_leads_to_is_begun_while_others_still_wait() -> None:
    reached = threading.Event()

    def work(item: int) -> None:
        if item == 100:
            assert reached.wait(30)
        elif item == 5:
            reached.set()

    done: list[int] = []
    here = threading.get_ident()

    def follow(item: int) -> list[int]:
        assert threading.get_ident() == here
        done.append(item)
        return [item + 1] if item < 5 else []

    spread(work, [100, 0], follow)
    assert sorted(done) == [0, 1, 2, 3, 4, 5, 100]


def test_an_error_of_one_item_ends_the_others() -> None:
    begun: list[int] = []

    def work(item: int) -> None:
        begun.append(item)
        if item == 3:
            raise ValueError(item)

    with pytest.raises(ValueError, match="3"):
        spread(work, [0], lambda item: [item + 1])
    assert begun == [0, 1, 2, 3]


def test_nothing_to_do_is_done() -> None:
    spread(lambda item: item, [], lambda item: [item])


@pytest.mark.parametrize("started", [0, 1, 2])
def test_an_interrupt_while_threads_are_being_started_stays_an_interrupt(
    monkeypatch: pytest.MonkeyPatch, started: int
) -> None:
    start = threading.Thread.start
    count = 0

    def interrupted(thread: threading.Thread) -> None:
        nonlocal count
        count += 1
        if count > started:
            raise KeyboardInterrupt
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", interrupted)
    with pytest.raises(KeyboardInterrupt):
        in_parallel(str, range(5))
    count = 0
    with pytest.raises(KeyboardInterrupt):
        spread(str, range(5), lambda item: ())
