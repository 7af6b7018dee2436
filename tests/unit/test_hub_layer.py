"""The hub as a plain channel layer: what Channels' specification and tests ask of one."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from channels.exceptions import ChannelFull

from gateway.delivery.hub import (
    SWEEP,
    HubLayer,
    channel_from_conversation,
    conversation_from_channel,
)


@pytest.fixture
def layer() -> HubLayer:
    return HubLayer(capacity=3)


async def nothing_comes(layer: HubLayer, channel: str) -> bool:
    receiving = asyncio.ensure_future(layer.receive(channel))
    for _ in range(5):
        await asyncio.sleep(0)
    if receiving.done():
        return False
    receiving.cancel()
    return True


async def test_what_is_sent_is_received(layer: HubLayer) -> None:
    await layer.send("channel-1", {"type": "test.message", "text": "Ahoy-hoy!"})
    assert await layer.receive("channel-1") == {"type": "test.message", "text": "Ahoy-hoy!"}


async def test_order_is_kept(layer: HubLayer) -> None:
    for number in range(3):
        await layer.send("channel-1", {"type": f"message.{number}"})
    received = [(await layer.receive("channel-1"))["type"] for _ in range(3)]
    assert received == ["message.0", "message.1", "message.2"]


async def test_a_full_channel_refuses(layer: HubLayer) -> None:
    for _ in range(3):
        await layer.send("channel-1", {"type": "test.message"})
    with pytest.raises(ChannelFull):
        await layer.send("channel-1", {"type": "test.message"})


async def test_capacity_may_depend_on_the_name() -> None:
    layer = HubLayer(capacity=3, channel_capacity={"narrow.*": 1})
    await layer.send("narrow.1", {"type": "test.message"})
    with pytest.raises(ChannelFull):
        await layer.send("narrow.1", {"type": "test.message"})


async def test_a_new_channel_is_of_this_process(layer: HubLayer) -> None:
    channel = await layer.new_channel()
    await layer.send(channel, {"type": "test.message"})
    assert await layer.receive(channel) == {"type": "test.message"}


async def test_new_channels_differ(layer: HubLayer) -> None:
    assert await layer.new_channel() != await layer.new_channel()


async def test_receivers_that_overlap_get_one_message_each(layer: HubLayer) -> None:
    receivers = [asyncio.ensure_future(layer.receive("channel-1")) for _ in range(3)]
    await asyncio.sleep(0)
    for number in range(3):
        await layer.send("channel-1", {"type": f"message.{number}"})
    types = {(await receiver)["type"] for receiver in receivers}
    assert types == {"message.0", "message.1", "message.2"}


async def test_a_receiver_that_is_cancelled_takes_nothing_with_it(layer: HubLayer) -> None:
    first, second = (asyncio.ensure_future(layer.receive("channel-1")) for _ in range(2))
    await asyncio.sleep(0)
    await layer.send("channel-1", {"type": "test.message"})
    first.cancel()
    async with asyncio.timeout(20):
        assert await second == {"type": "test.message"}


async def test_messages_that_nobody_reads_expire() -> None:
    layer = HubLayer(expiry=0.0)
    await layer.send("channel-1", {"type": "test.message"})
    assert await nothing_comes(layer, "channel-1")


async def test_expired_messages_make_room() -> None:
    layer = HubLayer(expiry=0.0, capacity=1)
    for _ in range(3):
        await layer.send("channel-1", {"type": "test.message"})


async def test_channels_that_nobody_reads_are_forgotten() -> None:
    layer = HubLayer(expiry=0.0)
    for number in range(3 * SWEEP):
        await layer.send(f"channel-{number}", {"type": "test.message"})
    assert len(layer._mailboxes) <= SWEEP


async def test_a_group_reaches_its_members(layer: HubLayer) -> None:
    for number in (1, 2, 3):
        await layer.group_add("group", f"member-{number}")
    await layer.group_discard("group", "member-2")
    await layer.group_send("group", {"type": "message.1"})
    assert [await layer.receive(f"member-{number}") for number in (1, 3)] == [
        {"type": "message.1"},
        {"type": "message.1"},
    ]
    assert await nothing_comes(layer, "member-2")


async def test_who_joins_twice_hears_once(layer: HubLayer) -> None:
    await layer.group_add("group", "member-1")
    await layer.group_add("group", "member-1")
    await layer.group_send("group", {"type": "message.1"})
    await layer.receive("member-1")
    assert await nothing_comes(layer, "member-1")


async def test_to_leave_a_group_one_is_not_in_is_no_error(layer: HubLayer) -> None:
    await layer.group_discard("group", "member-1")


async def test_a_full_member_is_no_error_of_the_group(layer: HubLayer) -> None:
    await layer.group_add("group", "member-1")
    for _ in range(1_001):
        await layer.group_send("group", {"type": "message.1"})
    assert layer.dropped == 1


async def test_a_full_member_costs_the_others_nothing(layer: HubLayer) -> None:
    await layer.group_add("group", "slow")
    await layer.group_add("group", "quick")
    for _ in range(1_500):
        await layer.group_send("group", {"type": "message.1"})
        await layer.receive("quick")


async def test_a_burst_to_a_group_arrives_whole_and_in_order(layer: HubLayer) -> None:
    await layer.group_add("group", "member-1")
    for number in range(1_000):
        await layer.group_send("group", {"type": f"message.{number}"})
    received = [(await layer.receive("member-1"))["type"] for _ in range(1_000)]
    assert received == [f"message.{number}" for number in range(1_000)]


async def test_membership_does_not_expire() -> None:
    layer = HubLayer(expiry=0.0, group_expiry=0)
    await layer.group_add("group", "member-1")
    await layer.group_send("group", {"type": "message.1"})
    assert await layer.receive("member-1") == {"type": "message.1"}


async def test_flush_forgets_everything(layer: HubLayer) -> None:
    await layer.group_add("group", "member-1")
    await layer.send("channel-1", {"type": "message.1"})
    await layer.flush()
    await layer.group_send("group", {"type": "message.1"})
    assert await nothing_comes(layer, "channel-1")
    assert await nothing_comes(layer, "member-1")


@pytest.mark.parametrize("name", ["", "spaced name", "ü", "x" * 100, None])
async def test_names_that_channels_forbids_are_refused(layer: HubLayer, name: Any) -> None:
    with pytest.raises(TypeError):
        await layer.group_send(name, {"type": "message.1"})


KEYS = ["telegram:default:-100123:7", "xmpp:default:" + "ü" * 40 + "@example.org", "web:d:~v"]


@pytest.mark.parametrize("key", KEYS)
def test_every_conversation_has_a_channel_that_channels_takes(layer: HubLayer, key: str) -> None:
    assert layer.require_valid_channel_name(channel_from_conversation(key))


def test_a_channel_names_its_conversation() -> None:
    assert conversation_from_channel(channel_from_conversation(KEYS[0])) == KEYS[0]


def test_a_plain_channel_names_no_conversation() -> None:
    assert conversation_from_channel("specific.abc!1") is None
