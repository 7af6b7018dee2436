"""One conversation in three clients: writes telegram.png, xmpp.png and page.png beside this file.

A room joins a Telegram group (the simulated Bot API, in its own phone view), a room of a real
Prosody, seen with Dino, and the gateway's page in Chromium. People type into Dino and into the
page; the gateway is a component of the XMPP server, so that everybody is there under their own
name. On Debian, beside what the tests need:

    apt-get install dino-im xvfb xdotool imagemagick dbus fonts-noto-color-emoji iproute2
    python docs/pictures/make.py

Everything runs in a network and a mount namespace of its own (``unshare``): Dino insists on port
5222 and on a certificate that the system trusts, and gets both without a change to the system.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "wire"), str(HERE)]

from dino import Dino  # noqa: E402

from browser import Page, chromium  # noqa: E402
from gateway.testing.botapi import BotApi, Chat, User  # noqa: E402
from people import Person  # noqa: E402
from prosody import BRIDGE, HOST, PASSWORD, ROOMS, SECRET, Prosody  # noqa: E402
from protocols.xmpp.component.names import local_from_author  # noqa: E402
from serving import Serving  # noqa: E402

WIDTH, HEIGHT = 460, 1010
INSIDE = "INSIDE_NAMESPACES"
TRUSTED = "/etc/ssl/certs/ca-certificates.crt"
TOKEN = "4242:abcdefghijklmnopqrstuvwxyz"
TOM = 1001
ROOM = f"lake@{ROOMS}"
CONFIGURATION = """
[telegram]
token = "{token}"
api_url = "{api}"
[xmpp]
mode = "component"
jid = "{bridge}"
password = "{secret}"
host = "127.0.0.1"
port = {port}
nick = "Kitchen"
[rooms.lake]
members = ["telegram:default:{group}", "xmpp:default:{room}"]
access = "open"
"""

# What Alice's client finds on the server: the room, and Tom as a contact, whose pictures Dino
# fetches without being asked.
FORM = """<query xmlns="http://jabber.org/protocol/muc#owner">
<x xmlns="jabber:x:data" type="submit">
<field var="FORM_TYPE"><value>http://jabber.org/protocol/muc#roomconfig</value></field>
<field var="muc#roomconfig_roomname"><value>Lake</value></field>
<field var="muc#roomconfig_persistentroom"><value>1</value></field>
<field var="muc#roomconfig_whois"><value>anyone</value></field>
</x></query>"""
BOOKMARK = f"""<query xmlns="jabber:iq:private"><storage xmlns="storage:bookmarks">
<conference jid="{ROOM}" name="Lake" autojoin="true"><nick>Alice</nick></conference>
</storage></query>"""
CONTACT = f"""<query xmlns="jabber:iq:roster">
<item jid="{local_from_author(f"telegram:{TOM}")}@{BRIDGE}" name="Tom"/></query>"""

PHOTOGRAPH = """-size 520x250 gradient:#5f93c9-#fbd9a5 -fill #fff6dc -draw circle~390,110~390,76
-fill #5d7f8f -draw path~'M~0,190~L~90,120~170,175~260,95~360,185~430,140~520,190~Z'
-fill #3c6d94 -draw rectangle~0,188~520,250 -fill #f3d9a8 -draw rectangle~340,205~440,208
-draw rectangle~355,222~425,225 -draw rectangle~370,236~410,239 -quality 82 jpg:-"""


@dataclass
class Stage:
    """Who is where: Tom on Telegram, Alice with Dino, Wendy in the browser."""

    group: Chat
    tom: User
    dino: Dino
    page: Page

    async def everywhere(self, text: str, *, but: str = "") -> None:
        """Wait until a text is shown in all clients but where it was said; then take a breath."""
        if but != "telegram":
            await self.group.wait_for(text, seconds=30)
        if but != "xmpp":
            await self.dino.shown(text)
        await asyncio.to_thread(self._in_the_page, text)
        await asyncio.sleep(1.2)  # Dino sorts by the second

    def _in_the_page(self, text: str) -> None:
        def shown() -> bool:
            return any(text in said for said in self.page.texts("#panel-room .message"))

        self.page.wait(shown, f"{text!r} in the page")

    def said(self, text: str) -> dict[str, Any]:
        """A message of the group."""
        found = (message for message in self.group.messages if text in message["text"])
        return next(found)

    async def wendy(self, text: str) -> None:
        """Type into the page."""
        await asyncio.to_thread(self.page.say, text, "#panel-room textarea")

    async def wendys(self, tool: str, text: str) -> None:
        """Press a button of the bar at a message of the page."""

        def press() -> None:
            self.page.script(FOCUS, text)
            self.page.find(f".tools [aria-label='{tool}']").click()

        await asyncio.to_thread(press)


FOCUS = """
[...document.querySelectorAll('#panel-room .message[data-id]')]
  .findLast((one) => one.textContent.includes(arguments[0])).focus();
"""


async def conversation(stage: Stage) -> None:
    """What is said."""
    group, tom, dino = stage.group, stage.tom, stage.dino
    asked = await tom.says(group, "Who comes to the lake?")
    await stage.everywhere("Who comes", but="telegram")
    text = "Who comes to the lake on Saturday?"
    bold = {"type": "bold", "offset": text.index("Saturday"), "length": len("Saturday")}
    await tom.edits(group, asked, text, entities=[bold])
    await stage.everywhere("Saturday", but="telegram")

    await dino.say("Me! The train is `RE 7`, at *9:14*.")
    await stage.everywhere("Me! The train", but="xmpp")

    await stage.wendys("Reply", "Me! The train")
    await stage.wendy("I'll come by bike, and bring a cake")
    await stage.everywhere("bring a cake")
    await tom.reacts(group, stage.said("bring a cake"), "❤")
    await dino.counts("reaction", 1)

    await tom.sends_photo(group, photograph(), caption="This morning")
    await stage.everywhere("This morning", but="telegram")
    await dino.counts("file_transfer", 1)
    await stage.wendys("React", "This morning")
    await stage.wendys("React with 🔥", "This morning")
    await dino.counts("reaction", 2)

    await tom.says(group, "/meal")
    await stage.everywhere("What do we cook?")
    await dino.say("2")
    await stage.everywhere("has chosen")


def photograph() -> bytes:
    """The lake, more or less."""
    command = [word.replace("~", " ") for word in PHOTOGRAPH.split()]
    return subprocess.run(["convert", *command], check=True, capture_output=True).stdout


# The networks


@asynccontextmanager
async def prosody_on_5222(directory: Path) -> AsyncIterator[Prosody]:
    """The server of the tests, as Dino wants it."""
    prosody = Prosody(directory, archive=True, largest_file=1_000_000)
    file = directory / "prosody.cfg.lua"
    wanted = file.read_text(encoding="utf-8").replace(str(prosody.port), "5222")
    wanted = wanted.replace('"roster";', '"roster"; "private"; "pep"; "vcard4";')
    file.write_text(f'{wanted}http_file_share_access = {{ "{BRIDGE}" }}\n', encoding="utf-8")
    prosody.port = 5222
    await asyncio.to_thread(bind, prosody.certificate, TRUSTED)
    await prosody.start()
    try:
        await furnish(prosody)
        yield prosody
    finally:
        await prosody.stop()


def bind(source: Path, over: str) -> None:
    """Let a file be seen instead of another, in our mount namespace."""
    subprocess.run(["mount", "--bind", str(source), over], check=True)


async def furnish(prosody: Prosody) -> None:
    """Make the room, and have Alice's account know it."""
    alice = await Person("alice", prosody.port).come("lake")
    for request, to in ((FORM, ROOM), (BOOKMARK, None), (CONTACT, None)):
        iq = alice.client.make_iq_set(ito=to)
        iq.append(ElementTree.fromstring(request))
        await iq.send(timeout=10)
    await alice.go()


@asynccontextmanager
async def gateway_between(
    directory: Path, api: BotApi, group: Chat, prosody: Prosody
) -> AsyncIterator[Serving]:
    """The gateway, with the bot beside this file."""
    configuration = CONFIGURATION.format(
        token=TOKEN,
        api=api.url,
        bridge=BRIDGE,
        secret=SECRET,
        port=prosody.component_port,
        group=group.id,
        room=ROOM,
    )
    serving = Serving(directory, configuration, "--bot", "kitchen:Kitchen")
    shutil.copy(HERE / "kitchen.py", directory)
    async with serving as gateway:
        yield gateway


async def take(directory: Path) -> None:
    """Set everything up, let them talk, take the pictures."""
    async with prosody_on_5222(directory) as prosody, BotApi() as api:
        bot = api.bot(token=TOKEN, username="KitchenBot", name="Kitchen")
        group, tom = api.group("Lake"), api.user("Tom", id=TOM)
        await group.promotes(bot)  # else it would not be told of reactions
        await tom.joins(group)
        dino = Dino(directory / "dino", f"alice@{HOST}", PASSWORD, (WIDTH, HEIGHT))
        with chromium("--hide-scrollbars", f"--window-size={WIDTH},{HEIGHT}") as page:
            async with gateway_between(directory / "gateway", api, group, prosody) as gateway, dino:
                await asyncio.to_thread(enter, page, f"{gateway.page}/rooms/lake/")
                await conversation(Stage(group, tom, dino, page))
                await dino.picture(HERE / "xmpp.png")
                await asyncio.to_thread(shoot, page, HERE / "page.png")
                address = f"{api.url}/chats/{group.id}?as={tom.id}"
                await asyncio.to_thread(page.open, address)
                await asyncio.to_thread(shoot, page, HERE / "telegram.png")


def enter(page: Page, address: str) -> None:
    """Come to the room as Wendy, on a narrow screen."""
    metrics = {"width": WIDTH, "height": HEIGHT, "deviceScaleFactor": 1, "mobile": False}
    page.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    page.open(address)
    page.script("localStorage.setItem('gateway.name', 'Wendy')")
    page.open(address).connected()


def shoot(page: Page, path: Path) -> None:
    """Take a screenshot of the end, with no button bar over a message."""
    page.script(
        "document.querySelector('.tools')?.remove(); scrollTo(0, document.body.scrollHeight)"
    )
    page.driver.save_screenshot(str(path))


def main() -> None:
    """Go into namespaces of our own, and work there."""
    if INSIDE not in os.environ:
        os.environ[INSIDE] = "1"
        apart = ["--net", "--mount", "--pid", "--kill-child"]
        apart += [] if os.geteuid() == 0 else ["--map-root-user"]
        os.execvp("unshare", ["unshare", *apart, sys.executable, *sys.argv])
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    with tempfile.TemporaryDirectory(prefix="gateway-pictures-") as directory:
        asyncio.run(take(Path(directory)))


if __name__ == "__main__":
    main()
