"""What the Telegram server remembers for a while: who came, which topic, who waits."""

import asyncio

import pytest

from gateway.vocabulary.errors import NotSent
from protocols.telegram import answers, attendance, topics
from protocols.telegram.answers import Answers
from protocols.telegram.attendance import Attendance
from protocols.telegram.authors import Identity
from protocols.telegram.topics import Topics
from protocols.telegram.translate import arrivals_from_update

US = Identity("default", 123, "Our Bot", "OurBot")
ALICE = {"id": 9, "is_bot": False, "first_name": "Alice"}
FORUM = {"id": -100, "type": "supergroup", "title": "Forum", "is_forum": True}


def notice(number, before, after, user=ALICE):
    member = {"user": user}
    change = {
        "chat": FORUM,
        "from": user,
        "date": 1,
        "old_chat_member": member | {"status": before},
        "new_chat_member": member | {"status": after},
    }
    [arrival] = arrivals_from_update({"update_id": number, "chat_member": change}, US)
    return arrival


def joins(number, user=ALICE):
    return notice(number, "left", "member", user)


def leaves(number):
    return notice(number, "member", "left")


# Attendance


def heard(*arrivals):
    table = Attendance()
    return [table.is_new(arrival) for arrival in arrivals]


def test_who_comes_twice_in_a_moment_came_once():
    assert heard(joins(1), joins(2)) == [True, False]


def test_same_update_again_is_as_new_as_it_was():
    assert heard(joins(1), joins(1)) == [True, True]


def test_who_comes_again_came_again():
    assert heard(joins(1), leaves(2), joins(3)) == [True, True, True]


def test_others_come_too():
    assert heard(joins(1), joins(2, ALICE | {"id": 10})) == [True, True]


def test_much_later_is_another_time(monkeypatch):
    monkeypatch.setattr(attendance, "SECONDS", 0)
    assert heard(joins(1), joins(2)) == [True, True]


def test_people_who_are_remembered_are_bounded(monkeypatch):
    monkeypatch.setattr(attendance, "MOST", 1)
    assert heard(joins(1), joins(2, ALICE | {"id": 10}), joins(3)) == [True, True, True]


# Topics


def reaction(number):
    change = {"chat": FORUM, "message_id": number, "date": 1, "user": ALICE, "new_reaction": []}
    [arrival] = arrivals_from_update({"update_id": 1, "message_reaction": change}, US)
    return arrival


def placed(table, number):
    return table.placed(reaction(number)).conversation


def test_reaction_goes_where_its_message_is():
    table = Topics()
    table.learn("telegram:default:-100:3", "7")
    assert placed(table, 7) == "telegram:default:-100:3"


def test_reaction_to_an_unknown_message_stays():
    assert placed(Topics(), 7) == "telegram:default:-100"


def test_message_without_a_topic_is_not_remembered():
    table = Topics()
    table.learn("telegram:default:-100", "7")
    assert placed(table, 7) == "telegram:default:-100"


def test_messages_that_are_remembered_are_bounded(monkeypatch):
    monkeypatch.setattr(topics, "MOST", 1)
    table = Topics()
    table.learn("telegram:default:-100:3", "7")
    table.learn("telegram:default:-100:3", "8")
    assert placed(table, 7) == "telegram:default:-100"


# Answers


@pytest.fixture
async def settled():
    """What was answered, and the table that answers."""
    found = asyncio.Queue()

    async def answer(query):
        found.put_nowait(query)
        raise NotSent("nobody hears")

    table = Answers(answer, seconds=0)
    task = asyncio.create_task(table.run())
    yield found, table
    task.cancel()


async def test_those_who_wait_are_answered_whatever_becomes_of_the_others(settled):
    found, table = settled
    for number in range(20):
        table.opened(str(number))
    async with asyncio.timeout(20):
        assert [await found.get() for _ in range(20)] == [str(number) for number in range(20)]


async def test_who_was_answered_waits_no_more(settled):
    found, table = settled
    table.opened("1")
    table.answered("1")
    table.opened("2")
    async with asyncio.timeout(20):
        assert await found.get() == "2"


async def test_those_who_wait_are_bounded(settled, monkeypatch):
    monkeypatch.setattr(answers, "MOST", 1)
    found, table = settled
    table.opened("1")
    table.opened("2")
    async with asyncio.timeout(20):
        assert await found.get() == "2"
