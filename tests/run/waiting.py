"""What tests of processes wait for."""

import os
import time


def wait_until(condition, seconds=90):
    """Wait for a condition, and fail if it does not come true."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.1)


def is_alive(number):
    """Whether a process with this number runs."""
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    return True
