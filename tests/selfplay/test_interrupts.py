import os
import signal
import threading

import pytest

from conceptlrp.selfplay.interrupts import held_back


def press() -> None:
    os.kill(os.getpid(), signal.SIGINT)


def test_ctrl_c_is_held_back_until_someone_looks() -> None:
    with held_back() as interrupts:
        before = interrupts.pressed
        press()

        assert (before, interrupts.pressed) == (False, True)


def test_a_second_ctrl_c_stops_at_once() -> None:
    with held_back():
        press()

        with pytest.raises(KeyboardInterrupt):
            press()


def test_afterwards_ctrl_c_does_what_it_did() -> None:
    before = signal.getsignal(signal.SIGINT)

    with held_back():
        during = signal.getsignal(signal.SIGINT)

    assert signal.getsignal(signal.SIGINT) is before is not during


def test_outside_the_main_thread_nothing_is_held_back() -> None:
    seen: list[bool] = []

    def work() -> None:
        before = signal.getsignal(signal.SIGINT)
        with held_back() as interrupts:
            seen.append(signal.getsignal(signal.SIGINT) is before)
            seen.append(interrupts.pressed)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()

    assert seen == [True, False]
