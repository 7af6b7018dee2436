"""The documentation says what is there: specifications, keys, verbs, metrics, examples, links."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import textwrap
import typing
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer
from pydantic import BaseModel

from gateway import registry
from gateway.cli import app
from gateway.config import load
from gateway.delivery.metrics import REGISTRY
from gateway.mistakes import section_keys
from gateway.sections import LayerSettings, MediaSettings, RoomSettings, Top
from gateway.testing import TelegramCommunicator, XmppCommunicator
from gateway.vocabulary import bodies, events

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
SPECS = ("telegram", "xmpp", "web", "room")
PAGES = [
    ROOT / "README.md",
    ROOT / "CHANGELOG.md",
    ROOT / "protocols" / "README.md",
    *sorted(DOCS.rglob("*.md")),
]

# Specifications

BULLET = re.compile(r"^\* ``(?P<key>\w+)(?:\[\"(?P<inner>\w+)\"\])?``")
AUTHOR, SCOPE, EVERY = "Author", "Connection Scope", "Events that are received"

RECEIVED = {
    "Message": events.Message,
    "Edit": events.Edit,
    "Delete": events.Delete,
    "Reaction": events.Reaction,
    "Action": events.Action,
    "Receipt": events.Receipt,
    "Typing": events.Typing,
    "Join": events.Notice,
    "Leave": events.Notice,
    "Sent": events.Sent,
    "Failed": events.Failed,
    "Disconnect": events.Disconnect,
    "Skipped": events.Skipped,
    "Update": events.Update,
    "Stanza": events.Stanza,
}
OF_ONE_PLATFORM = ("Skipped", "Update", "Stanza")
SENT = {
    "Message": bodies.SendMessage,
    "Edit": bodies.SendEdit,
    "Delete": bodies.SendDelete,
    "Reaction": bodies.SendReaction,
    "Answer": bodies.SendAnswer,
    "Typing": bodies.SendTyping,
    "Accept": bodies.Accept,
    "Handled": bodies.Handled,
    "Waiting": bodies.Waiting,
}


@cache
def sections(spec: str) -> dict[str, str]:
    """The text under each heading of a specification."""
    text = (DOCS / "specs" / f"{spec}.rst").read_text(encoding="utf-8")
    parts = re.split(r"^(?P<title>\S.*)\n(?:[=\-']){4,}$", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def bullets(text: str) -> dict[str, str]:
    """Each bullet's key and its words."""
    found: dict[str, str] = {}
    for part in re.split(r"^(?=\* )", text, flags=re.MULTILINE):
        if match := BULLET.match(part):
            key = match["key"] + (f".{match['inner']}" if match["inner"] else "")
            found[key] = " ".join(part.split())
    return found


def heading(name: str, direction: str) -> str:
    return f"{name} - ``{direction}`` event"


def own_keys(kind: type, *, but: type | None = None) -> dict[str, bool]:
    """The keys of a TypedDict and whether each is required, without those of another one."""
    # Not ``__required_keys__``: it cannot read annotations that are strings.
    hints = typing.get_type_hints(kind, include_extras=True)
    left_out = set() if but is None else set(but.__annotations__)
    return {
        key: typing.get_origin(hint) is not typing.NotRequired
        for key, hint in hints.items()
        if key not in left_out
    }


def documented(text: str) -> dict[str, bool]:
    return {key: "Optional" not in words for key, words in bullets(text).items()}


WHOLE = [name for name in RECEIVED if name not in (*OF_ONE_PLATFORM, "Edit", "Leave")]


@pytest.mark.parametrize("name", WHOLE)
def test_a_received_event_is_specified_key_by_key(name: str) -> None:
    specified = documented(sections("conversation")[heading(name, "receive")])
    assert specified == own_keys(RECEIVED[name], but=events.Received)


@pytest.mark.parametrize(("name", "like"), [("Edit", "Message"), ("Leave", "Join")])
def test_an_event_that_has_another_ones_keys_says_so(name: str, like: str) -> None:
    assert f"`{like} - receive event`_" in sections("conversation")[heading(name, "receive")]
    assert own_keys(RECEIVED[name]) == own_keys(RECEIVED[like])


def test_what_every_event_has_is_specified() -> None:
    assert documented(sections("conversation")[EVERY]) == own_keys(events.Received)


@pytest.mark.parametrize("name", list(SENT))
def test_a_sent_event_is_specified_key_by_key(name: str) -> None:
    specified = documented(sections("conversation")[heading(name, "send")])
    assert specified == own_keys(SENT[name])


def test_an_author_is_specified_key_by_key() -> None:
    assert documented(sections("conversation")[AUTHOR]) == own_keys(events.Author)


def test_the_scope_is_specified_key_by_key() -> None:
    specified = set(bullets(sections("conversation")[SCOPE]))
    inner = {"bot": events.Bot, "chat": events.Chat}
    expected = set(own_keys(events.Scope)) - {*inner, "asgi"} | {
        "asgi.version",
        "asgi.spec_version",
    }
    expected |= {f"{outer}.{key}" for outer, kind in inner.items() for key in own_keys(kind)}
    assert specified == expected


def test_every_kind_is_specified() -> None:
    titles = sections("conversation")
    assert {heading(kind.capitalize(), "receive") for kind in events.RECEIVED} <= set(titles)
    assert {heading(kind.capitalize(), "send") for kind in events.SENDS} <= set(titles)


@pytest.mark.parametrize("spec", SPECS)
def test_a_platform_adds_only_known_events(spec: str) -> None:
    for title in sections(spec):
        if "event" in title.split():
            name, _, direction = title.removesuffix(" event").partition(" - ")
            assert name in (RECEIVED if direction == "``receive``" else SENT), title


@pytest.mark.parametrize("spec", SPECS)
def test_a_platform_names_only_keys_of_the_events(spec: str) -> None:
    for title, text in sections(spec).items():
        for direction, kinds in (("receive", RECEIVED), ("send", SENT)):
            name = title.removesuffix(f" - ``{direction}`` event")
            if name != title:
                assert set(bullets(text)) <= set(own_keys(kinds[name])), title
                kind = f'``"{spec}.{name.lower()}"``'
                assert kind in bullets(text)["type"], title


@pytest.mark.parametrize("spec", SPECS)
def test_a_platforms_own_event_is_specified_whole(spec: str) -> None:
    for name in OF_ONE_PLATFORM:
        if text := sections(spec).get(heading(name, "receive")):
            specified = set(documented(text)) | {"key", "steps"}
            assert specified == set(own_keys(RECEIVED[name]))


@pytest.mark.parametrize("spec", SPECS)
def test_a_platforms_scope_has_only_keys_of_the_scope(spec: str) -> None:
    (title,) = [title for title in sections(spec) if title.endswith(SCOPE)]
    assert set(bullets(sections(spec)[title])) <= set(bullets(sections("conversation")[SCOPE]))


# What the servers really make


def told(spec: str) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Facts and events that the translation of a platform makes of samples of its traffic."""
    yield from {"telegram": _of_telegram, "xmpp": _of_xmpp, "web": _of_web}[spec]()


def _of_telegram() -> Iterator[tuple[Any, Any]]:
    from protocols.telegram.translate import Identity, arrivals_from_update

    chat = {"id": -5, "type": "group", "title": "Friends"}
    user = {"id": 7, "first_name": "Ada", "is_bot": False}
    base = {"message_id": 1, "date": 1, "chat": chat, "from": user}
    message = {**base, "text": "/order@Other", "reply_to_message": base}
    for body in (
        {"message": message},
        {"edited_message": {**message, "edit_date": 2}},
        {"channel_post": {"message_id": 1, "date": 1, "chat": chat, "photo": [{}]}},
        {"message": {**message, "quote": {"text": "so"}, "media_group_id": "1"}},
        {"message_reaction": {**base, "user": user, "new_reaction": []}},
        {"callback_query": {"id": "1", "from": user, "message": message, "data": "0"}},
        {"message": {**base, "new_chat_members": [user]}},
        {"message": {**base, "left_chat_member": user}},
        {"callback_query": {"id": "1", "from": user, "message": message, "data": "x"}},
    ):
        for arrival in arrivals_from_update(
            {"update_id": 1, **body}, Identity("default", 9, "B", "b")
        ):
            yield arrival.facts, arrival.event


def _of_xmpp() -> Iterator[tuple[Any, Any]]:
    from xml.etree.ElementTree import fromstring

    from protocols.xmpp.identity import Identity
    from protocols.xmpp.translate import arrival_from_stanza

    for inside in (
        "<body>/order@other</body>",
        "<body>x</body><replace xmlns='urn:xmpp:message-correct:0' id='1'/>",
        "<body>&gt; so\nyes</body><reply xmlns='urn:xmpp:reply:0' id='1'/>"
        "<fallback xmlns='urn:xmpp:fallback:0' for='urn:xmpp:reply:0'><body end='5'/></fallback>",
        "<retract xmlns='urn:xmpp:message-retract:1' id='1'/>",
        "<reactions xmlns='urn:xmpp:reactions:0' id='1'/>",
        "<received xmlns='urn:xmpp:receipts' id='1'/>",
        "<composing xmlns='http://jabber.org/protocol/chatstates'/>",
        "<event xmlns='urn:example:event'/>",
    ):
        stanza = fromstring(
            f"<message xmlns='jabber:client' from='ada@example.org/x'>{inside}</message>"
        )
        arrival = arrival_from_stanza(stanza, Identity("default", "b@example.org", "b"), None, 1.0)
        assert arrival is not None
        yield arrival.facts, arrival.event


def _of_web() -> Iterator[tuple[Any, Any]]:
    from protocols.websocket.guests import facts_from_key
    from protocols.websocket.said import Said, event_from_said

    author = TelegramCommunicator.person(1, "Ada")
    kinds = ("message", "edit", "delete", "reaction", "action")
    for key in ("web:default:lobby", "web:default:~0123456789abcdef"):
        for said in (Said(kind, "x", id="1") for kind in kinds):
            event = event_from_said(said, author, None, 1.0, key)
            known = {"data": "y"} if said.kind == "action" else {}
            yield facts_from_key(key), {"id": "1", **event, **known}


@pytest.mark.parametrize("spec", ["telegram", "xmpp", "web"])
def test_a_server_makes_events_as_specified(spec: str) -> None:
    for _, event in told(spec):
        name = event["type"].removeprefix(f"{spec}.").capitalize()
        assert heading(name, "receive") in sections(spec)
        keys = own_keys(RECEIVED[name])
        assert set(event) <= set(keys)
        assert {key for key, required in keys.items() if required} <= {*event, "key"}


@pytest.mark.parametrize("spec", ["telegram", "xmpp", "web"])
def test_a_server_makes_facts_as_specified(spec: str) -> None:
    for facts, event in told(spec):
        assert set(facts) == set(own_keys(events.Facts))
        for key, kind in (("bot", events.Bot), ("chat", events.Chat)):
            assert set(facts[key]) == set(own_keys(kind))
        for author in filter(None, (facts["user"], event.get("author"))):
            assert set(author) == set(own_keys(events.Author))


@pytest.mark.parametrize("spec", ["telegram", "xmpp", "web"])
def test_a_chats_extensions_and_limits_are_specified(spec: str) -> None:
    (title,) = [title for title in sections(spec) if title.endswith(SCOPE)]
    words = bullets(sections(spec)[title])["extensions"]
    for facts, _ in told(spec):
        for name, limits in facts["extensions"].items():
            assert f"``{name}``" in words
            numbers = [limit for limit in limits.values() if not isinstance(limit, list)]
            assert all(str(number) in words for number in numbers)


def frame_keys(name: str) -> set[str]:
    return set(bullets(sections("web")[f"{name} - frame to the client"]))


def test_the_frames_of_the_web_platform_are_as_specified() -> None:
    from gateway.delivery.server import Entry
    from protocols.websocket.translate import failed, frame_from_entry

    ((_, event), *_) = told("web")
    optional = {"attachments", "reply_to", "origin", "spans", "buttons", "quoted"}
    frame = frame_from_entry(Entry(1, event), lambda _: None)
    assert set(frame) | optional == frame_keys("Message")
    assert set(failed("code", "detail", None)) == frame_keys("Failed")


def test_the_codes_of_refused_frames_are_specified() -> None:
    source = "".join(path.read_text() for path in (ROOT / "protocols/websocket").glob("*.py"))
    codes = set(re.findall(r"BadFrame\(\s*\"(\w+)\"|failed\(\"(\w+)\"", source))
    words = bullets(sections("web")["Failed - frame to the client"])["code"]
    assert codes
    assert all(f'"{one or other}"' in words for one, other in codes)


def test_the_codes_of_failed_sends_are_specified() -> None:
    sources = [*(ROOT / "protocols").rglob("*.py"), *(ROOT / "gateway/delivery").glob("*.py")]
    source = "".join(path.read_text() for path in sources)
    codes = set(re.findall(r"Refused\(\s*\"(\w+)\"", source))
    words = bullets(sections("conversation")[heading("Failed", "receive")])["code"]
    assert codes
    assert all(f'"{code}"' in words for code in codes)


# Configuration


OWN_TABLES = ("media", "rooms", "channel_layers")


def tables() -> Iterator[tuple[str, tuple[str, ...]]]:
    """Each table of the configuration as the documentation calls it, and its keys."""
    yield "The top of the file", tuple(key for key in Top.model_fields if key not in OWN_TABLES)
    for name in registry.names():
        yield f"`[{name}]`", section_keys(name)
    yield "`[media]`", tuple(MediaSettings.model_fields)
    yield "`[rooms.NAME]`", tuple(RoomSettings.model_fields)
    yield "`[channel_layers.ALIAS]`", tuple(LayerSettings.model_fields)


def key_rows(title: str) -> dict[str, list[str]]:
    """The rows of the table of keys under a heading, by key."""
    operations = (DOCS / "operations.md").read_text(encoding="utf-8")
    _, found, text = operations.partition(f"\n### {title}\n")
    assert found, f"docs/operations.md has no heading {title!r}"
    lines = re.split(r"^#", text, maxsplit=1, flags=re.MULTILINE)[0].splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if "|" in line]
    return {row[0].strip("`"): row for row in rows if row[0].startswith("`")}


@pytest.mark.parametrize(("title", "keys"), list(tables()), ids=lambda value: str(value)[:20])
def test_every_key_of_the_configuration_is_documented(title: str, keys: tuple[str, ...]) -> None:
    assert list(key_rows(title)) == list(keys)


def models() -> dict[str, type[BaseModel]]:
    own: dict[str, type[BaseModel]] = {
        "The top of the file": Top,
        "`[media]`": MediaSettings,
        "`[rooms.NAME]`": RoomSettings,
    }
    return own | {f"`[{name}]`": registry.settings_class(name) for name in registry.names()}


@pytest.mark.parametrize("title", list(models()))
def test_the_documented_defaults_are_the_defaults(title: str) -> None:
    from gateway.verbs.output import value_in_toml

    for key, row in key_rows(title).items():
        default = models()[title].model_fields[key].get_default()
        secret = hasattr(default, "get_secret_value")
        shown = value_in_toml("" if secret else default)
        assert row[1] == f"`{shown}`", key


def test_the_documented_example_of_a_configuration_is_one(tmp_path: Path) -> None:
    for page in (ROOT / "README.md", DOCS / "operations.md"):
        for number, text in enumerate(code_blocks(page, "toml")):
            file = tmp_path / f"{page.stem}-{number}.toml"
            file.write_text(text)
            load(file, environment={}, directory=tmp_path)


def test_the_rules_of_the_environment_are_documented_by_an_example(tmp_path: Path) -> None:
    text = (DOCS / "operations.md").read_text(encoding="utf-8")
    (block,) = [
        one for one in code_blocks(DOCS / "operations.md", "sh") if "GATEWAY_WS__PORT" in one
    ]
    given = dict(re.findall(r"^(GATEWAY_\w+)=(\S+)$", block, flags=re.MULTILINE))
    secret = tmp_path / "secret"
    secret.write_text("hush\n")
    files = {name: str(secret) for name in given if name.endswith("_FILE")}
    config = load(environment=given | files, directory=tmp_path)
    assert files
    assert config.accounts["ws"]["default"].port == int(given["GATEWAY_WS__PORT"])
    assert "file < `.env` < environment < flags" in text


# The command line


def verbs() -> dict[str, Any]:
    """Every verb by its words, as the parser has it."""
    found: dict[str, Any] = {}
    root = typer.main.get_command(app)

    def walk(command: Any, words: tuple[str, ...]) -> None:
        if hasattr(command, "commands"):
            for name, inner in command.commands.items():
                walk(inner, (*words, name))
        else:
            found[" ".join(words)] = command

    walk(root, ("gateway",))
    return found


def cli_sections() -> dict[str, str]:
    text = (DOCS / "cli.md").read_text(encoding="utf-8")
    parts = re.split(r"^## `(.+?)`$", text, flags=re.MULTILINE)
    return {
        title.split(" [")[0]: body for title, body in zip(parts[1::2], parts[2::2], strict=True)
    }


def test_every_verb_is_documented() -> None:
    assert list(cli_sections()) == list(verbs())


@pytest.mark.parametrize("verb", list(verbs()))
def test_every_option_and_argument_of_a_verb_is_documented(verb: str) -> None:
    body = cli_sections()[verb].replace("\\|", "|")
    documented = set(re.findall(r"^\| `([^`]+)`", body, flags=re.MULTILINE))
    assert documented == set(parameters(verbs()[verb]))


def parameters(command: Any) -> Iterator[str]:
    for parameter in command.params:
        if parameter.param_type_name == "option":
            yield ", ".join(sorted(parameter.opts, key=len)) + _value_of(parameter)
        else:
            yield (parameter.metavar or parameter.name).upper()


def _value_of(parameter: Any) -> str:
    if parameter.is_flag:
        return ""
    choices = parameter.type_descriptor.annotation
    return f" {parameter.metavar or '|'.join(choices)}"


def test_the_exit_codes_are_documented() -> None:
    from gateway import cli

    text = (DOCS / "cli.md").read_text(encoding="utf-8")
    for code in (0, cli.FAILED, cli.WRONG, cli.NOT_STARTED, cli.INTERRUPTED):
        assert f"| {code} |" in text


# Metrics


def test_every_metric_is_documented() -> None:
    documented = set(
        re.findall(r"^\| `(\w+)`", (DOCS / "metrics.md").read_text(), flags=re.MULTILINE)
    )
    counted = {
        metric.name + ("_total" if metric.type == "counter" else "")
        for metric in REGISTRY.collect()
    }
    assert documented == counted


# Examples


def code_blocks(page: Path, language: str) -> list[str]:
    """The blocks of a page in one language."""
    pattern = rf"^```{language}\n(.*?)^```$"
    return re.findall(pattern, page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)


def run_example(text: str) -> dict[str, Any]:
    names: dict[str, Any] = {"__name__": "example"}
    exec(compile(text, "<example>", "exec"), names)
    return names


def bot_of_the_readme() -> Any:
    (text,) = code_blocks(ROOT / "README.md", "python")
    return run_example(text)["Echo"].as_asgi()


@pytest.mark.parametrize("communicator", [TelegramCommunicator, XmppCommunicator])
async def test_the_bot_of_the_readme_echoes(communicator: Any) -> None:
    conversation = communicator(bot_of_the_readme())
    try:
        await conversation.send_text("hello")
        assert await conversation.receive_text() == "You said: hello"
    finally:
        await conversation.gateway.close()


@pytest.mark.parametrize("number", range(len(code_blocks(DOCS / "guide.md", "python"))))
async def test_an_example_of_the_guide_runs(number: int) -> None:
    """A block is a module; where it has tests in it, they pass."""
    names = run_example(code_blocks(DOCS / "guide.md", "python")[number])
    for name, thing in names.items():
        if name.startswith("test_"):
            await thing()


def test_the_bots_of_the_readme_and_the_guide_are_short() -> None:
    (text,) = code_blocks(ROOT / "README.md", "python")
    assert len(textwrap.dedent(text).strip().splitlines()) <= 12


# Links and commands


def anchors(page: Path) -> set[str]:
    titles = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_internal_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    for link in re.findall(r"\]\(([^)\s]+)\)|(?:src|srcset|href)=\"([^\"]+)\"", text):
        target = link[0] or link[1]
        if re.match(r"\w+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.exists(), target
        assert not anchor or anchor in anchors(file), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_commands_that_are_shown_exist(page: Path) -> None:
    for block in code_blocks(page, "sh"):
        for line in block.splitlines():
            if line.startswith("gateway "):
                assert understood(shlex.split(line, comments=True)[1:]), line


def understood(arguments: list[str]) -> bool:
    """Whether the parser takes a command line; nothing is run."""
    command: Any = typer.main.get_command(app)
    while hasattr(command, "commands"):
        command = command.commands[arguments.pop(0)]
    command.make_context(command.name, arguments, resilient_parsing=False)
    return True


def test_the_make_targets_that_are_shown_exist() -> None:
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    for page in PAGES:
        for target in re.findall(r"`?make (\w+)`?$", page.read_text(), flags=re.MULTILINE):
            assert target in targets, f"{page.name}: make {target}"


def test_the_help_says_what_the_documentation_says() -> None:
    for verb in verbs():
        arguments = [sys.executable, "-m", "gateway", *verb.split()[1:], "--help"]
        shown = subprocess.run(arguments, capture_output=True, text=True, check=True, timeout=30)
        assert f"Usage: {verb}" in shown.stdout
