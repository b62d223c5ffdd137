"""The layout SDK (layouts/sdk/mixer-layout.js) in a real browser."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from playwright.sync_api import Page

from tests.layouts.people import apply, event, participant, reset

VECTORS = json.loads(
    (Path(__file__).parents[1] / "conference" / "reducer_vectors.json").read_text("utf-8")
)


def test_vectors(sdk_page: Page) -> None:
    """The page's reducer gives the same states as the one of mixer/conference/state.py."""
    assert sdk_page.evaluate("mixerLayout.state") == VECTORS["empty"]
    for vector in VECTORS["vectors"]:
        state = sdk_page.evaluate(
            """({state, events}) => {
              mixerLayout.host.reset(state, {});
              mixerLayout.host.apply(events);
              return mixerLayout.state;
            }""",
            vector,
        )
        assert state == vector["expected"], vector["name"]


def test_state_is_frozen_and_shared(sdk_page: Page) -> None:
    """Pages can change nothing, and what did not change stays the same object."""
    reset(sdk_page, participant(1), participant(2))
    outcome = sdk_page.evaluate(
        """() => {
          'use strict';
          const { host } = mixerLayout;
          const before = mixerLayout.state;
          const frozen = (value) => typeof value !== 'object' || value === null
            || (Object.isFrozen(value) && Object.values(value).every(frozen));
          host.apply([{ type: 'participant.speaking', data: { id: 'p1', speaking: true } }]);
          const after = mixerLayout.state;
          host.apply([{ type: 'participant.speaking', data: { id: 'p1', speaking: true } }]);
          host.apply([{ type: 'stream.added',
                        data: { participantId: 'p2', stream: { id: 'x', video: {} } } }]);
          return [frozen(before), frozen(after), frozen(mixerLayout.state),
            before !== after, before.participants[1] === after.participants[1],
            before.participants[0].streams === after.participants[0].streams,
            after.participants[0] === mixerLayout.state.participants[0]];
        }"""
    )
    assert outcome == [True] * 7


def test_host_keeps_its_objects(sdk_page: Page) -> None:
    """What the host hands in is copied: changing it later does not change the state."""
    assert sdk_page.evaluate(
        """() => {
          const stream = { id: 's' };
          const events = [{ type: 'participant.added',
                            data: { participant: { id: 'a', streams: [stream] } } }];
          mixerLayout.host.apply(events);
          stream.id = 'changed';
          events[0].data.participant.name = 'changed';
          return [mixerLayout.state.participants[0].streams[0].id,
                  mixerLayout.state.participants[0].name];
        }"""
    ) == ["s", ""]


def test_one_change_a_call_and_errors_apart(sdk_page: Page) -> None:
    """Events of one call are told together; errors of listeners or events stay apart."""
    outcome = sdk_page.evaluate(
        """() => {
          const heard = [];
          mixerLayout.addEventListener('change', () => { throw new Error('in a listener'); });
          mixerLayout.addEventListener('change', ({ detail }) => heard.push(
            [detail.events.map(({ type }) => type), mixerLayout.state.participants.length]));
          mixerLayout.host.apply([
            { type: 'participant.added', data: { participant: { id: 'a' } } },
            { type: 'participant.added', data: {} },
            { type: 'participant.added', data: { participant: { id: 'b' } } },
          ]);
          return [heard, told.errors.length];
        }"""
    )
    assert outcome == [[[["participant.added"] * 3, 2]], 2]


def test_events_from_a_listener_come_after(sdk_page: Page) -> None:
    """A change that a listener causes is told after the present one, to all listeners in order."""
    assert sdk_page.evaluate(
        """() => {
          const heard = [];
          const add = (id) => mixerLayout.host.apply(
            [{ type: 'participant.added', data: { participant: { id } } }]);
          mixerLayout.addEventListener('change', () => {
            if (mixerLayout.state.participants.length === 1) add('b');
          });
          mixerLayout.addEventListener('change',
            () => heard.push(mixerLayout.state.participants.map(({ id }) => id).join('')));
          add('a');
          return heard;
        }"""
    ) == ["a", "ab"]


def test_media_streams(sdk_page: Page) -> None:
    """One MediaStream for a stream while it is in the state; a new one when it comes back."""
    reset(sdk_page, participant(1, screen=True))
    take = "window.taken = mixerLayout.mediaStream('p1.screen'), null"
    sdk_page.evaluate(take)
    assert sdk_page.evaluate("taken === mixerLayout.mediaStream('p1.screen')")
    assert sdk_page.evaluate("taken instanceof MediaStream && taken.getVideoTracks().length") == 1
    apply(sdk_page, event("participant.speaking", id="p1", speaking=True))
    assert sdk_page.evaluate("taken === mixerLayout.mediaStream('p1.screen')")
    apply(sdk_page, event("stream.removed", participantId="p1", streamId="p1.screen"))
    stream = {"id": "p1.screen", "type": "ScreenShare"}
    apply(sdk_page, event("stream.added", participantId="p1", stream=stream))
    assert sdk_page.evaluate("taken !== mixerLayout.mediaStream('p1.screen')")


@pytest.mark.parametrize(("call", "key"), [("ready", "ready"), ("finish", "finished")])
def test_signals_are_given_once(sdk_page: Page, call: str, key: str) -> None:
    """ready() and finish() reach the host once, however often they are called."""
    sdk_page.evaluate(f"mixerLayout.{call}(), mixerLayout.{call}()")
    assert sdk_page.evaluate(f"told.{key}") == 1


def test_failure_reaches_a_later_host(sdk_page: Page) -> None:
    """fail() before the host listens is not lost; an Error is given as its message."""
    assert sdk_page.evaluate(
        """() => {
          const heard = [];
          mixerLayout.host.onfail = null;
          mixerLayout.fail(new Error('no camera'));
          mixerLayout.host.onfail = (reason) => heard.push(reason);
          return heard;
        }"""
    ) == ["no camera"]


def test_touched(sdk_page: Page) -> None:
    """The host can tell whether a page took hold of the SDK; a second script tag does nothing."""
    source = (Path(__file__).parents[2] / "layouts/sdk/mixer-layout.js").read_text("utf-8")
    sdk_page.evaluate("window.host = mixerLayout.host, host.touched = false")
    sdk_page.evaluate(source)
    assert sdk_page.evaluate("host.touched") is False
    assert sdk_page.evaluate("[mixerLayout.host === host, host.touched]") == [True, True]
