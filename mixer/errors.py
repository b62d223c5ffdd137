"""Every error this program raises on purpose, with its exit code. Its one line says what to do.

MixerError                     1   (base; an unexpected failure also ends with 1)
├── UsageError                 2   the caller can mend it: bad flag, size, range, scheme
├── EnvironmentMissing         3   the machine lacks something: browser, Janus, fonts, sandbox
├── ConferenceError
│   ├── ConferenceUnreachable 10   nothing answers at the address
│   ├── ConferenceUnknown     11   it answers, but there is no such room
│   ├── ConferenceRefused     12   wrong pin, token or secret
│   ├── UnsupportedCodec      13   the room's codecs are none that we can take
│   └── NothingToRecord       14   nobody came within --start-timeout
├── LayoutError               20   a page that 404s, throws or never gets ready
├── StorageError              30   unwritable or full disk
├── JournalError
│   ├── JournalMissing        40   no journal in that folder
│   ├── JournalTooNew         41   written by a newer version
│   └── JournalDamaged        42   a file of it is gone, or no run says what was recorded
└── RenderError               50   a render failed and cannot be retried
"""

from __future__ import annotations

from typing import TypeVar

E = TypeVar("E", bound=BaseException)


class MixerError(Exception):
    """An error with one clear line for the user; `exit_code` is what the command ends with."""

    exit_code = 1


class UsageError(MixerError):
    exit_code = 2


class EnvironmentMissing(MixerError):
    exit_code = 3


class ConferenceError(MixerError):
    pass


class ConferenceUnreachable(ConferenceError):
    exit_code = 10


class ConferenceUnknown(ConferenceError):
    exit_code = 11


class ConferenceRefused(ConferenceError):
    exit_code = 12


class UnsupportedCodec(ConferenceError):
    exit_code = 13


class NothingToRecord(ConferenceError):
    exit_code = 14


class LayoutError(MixerError):
    exit_code = 20


class StorageError(MixerError):
    exit_code = 30


class JournalError(MixerError):
    pass


class JournalMissing(JournalError):
    exit_code = 40


class JournalTooNew(JournalError):
    exit_code = 41


class JournalDamaged(JournalError):
    exit_code = 42


class RenderError(MixerError):
    exit_code = 50


def first_of(errors: BaseExceptionGroup[E]) -> E:
    """One error out of a group of them: the one to be told."""
    for error in errors.exceptions:
        return first_of(error) if isinstance(error, BaseExceptionGroup) else error
    raise AssertionError("an empty group")
