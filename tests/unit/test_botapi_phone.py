"""What the phone view of the simulated Bot API shows."""

import re

import aiohttp
import pytest

from gateway.testing.botapi import BotApi
from gateway.testing.botapi.formatting import html_from_text

TOKEN = "123:abc"
PNG = b"\x89PNG\r\n\x1a\n and the rest"
EVIL = "<script>alert('1')</script>\"&"


@pytest.fixture
async def api():
    async with BotApi() as api:
        yield api


@pytest.fixture
def bot(api):
    return api.bot(TOKEN)


@pytest.fixture
def alice(api, bot):
    return api.user("Alice", "Smith")


@pytest.fixture
def group(api, alice):
    return api.group("Friends")


@pytest.fixture
async def get(api):
    """Fetch a path; the status, the headers and the body."""
    async with aiohttp.ClientSession() as session:

        async def fetch(path):
            async with session.get(f"{api.url}{path}") as response:
                return response.status, response.headers, await response.read()

        yield fetch


@pytest.fixture
def shown(get):
    """The page of a chat, without its style sheet."""

    async def fetch(chat, query=""):
        _, _, body = await get(f"/chats/{chat.id}{query}")
        return re.sub(r"<style>.*?</style>", "", body.decode(), flags=re.DOTALL)

    return fetch


def entity(kind, offset, length, **more):
    return {"type": kind, "offset": offset, "length": length, **more}


# Formatting


@pytest.mark.parametrize(
    ("kind", "html"),
    [
        ("bold", "<b>x</b>"),
        ("italic", "<i>x</i>"),
        ("underline", "<u>x</u>"),
        ("strikethrough", "<s>x</s>"),
        ("code", "<code>x</code>"),
        ("blockquote", "<blockquote>x</blockquote>"),
        ("pre", '<pre title="">x</pre>'),
        ("spoiler", '<span class="spoiler" tabindex="0">x</span>'),
        ("mention", '<span class="link">x</span>'),
        ("custom_emoji", "x"),
    ],
)
def test_an_entity_is_formatting(kind, html):
    assert html_from_text("x", [entity(kind, 0, 1)]) == html


def test_entities_count_in_utf16():
    assert html_from_text("😀 hi", [entity("bold", 3, 2)]) == "😀 <b>hi</b>"


def test_entities_nest():
    entities = [entity("italic", 1, 1), entity("bold", 0, 3)]
    assert html_from_text("abc", entities) == "<b>a<i>b</i>c</b>"


def test_entities_that_overlap_are_split():
    entities = [entity("bold", 0, 2), entity("italic", 1, 2)]
    assert html_from_text("abc", entities) == "<b>a<i>b</i></b><i>c</i>"


def test_a_quote_ends_its_line():
    html = html_from_text("a\nb\n\nc", [entity("blockquote", 0, 1)])
    assert html == "<blockquote>a</blockquote>b\n\nc"


def test_a_link_leads_to_its_address():
    html = html_from_text("x", [entity("text_link", 0, 1, url="https://example.org/?a&b")])
    assert 'href="https://example.org/?a&amp;b"' in html


@pytest.mark.parametrize("url", ["javascript:alert(1)", "data:text/html,x", "/x", "http://[", ""])
def test_a_link_leads_nowhere_else(url):
    assert "href" not in html_from_text("x", [entity("text_link", 0, 1, url=url)])


def test_a_language_is_escaped():
    html = html_from_text("x", [entity("pre", 0, 1, language=EVIL)])
    assert "<script" not in html
    assert "&quot;" in html


def test_many_entities_are_no_deep_page():
    html = html_from_text("x", [entity("bold", 0, 1)] * 5000)
    assert html.count("<b>") == 100


# Messages


async def test_a_text_is_escaped(shown, alice, group):
    await alice.says(group, EVIL)
    page = await shown(group)
    assert "<script" not in page
    assert "&lt;script&gt;" in page


async def test_names_and_titles_are_escaped(api, shown, bot):
    group, mallory = api.group(EVIL), api.user(EVIL)
    await mallory.joins(group)
    await mallory.says(group, "hello")
    assert "<script" not in await shown(group)


async def test_the_page_allows_no_scripts(get, group):
    _, headers, _ = await get(f"/chats/{group.id}")
    assert "default-src 'none'" in headers["Content-Security-Policy"]


async def test_the_page_says_whose_it_is(shown, group):
    assert "This is not Telegram." in await shown(group)


async def test_the_page_tells_no_token(shown, alice, group):
    await alice.sends_photo(group, PNG)
    assert "abc" not in await shown(group)


async def test_an_author_is_named_once_in_a_row(shown, alice, group):
    await alice.says(group, "one")
    await alice.says(group, "two")
    assert (await shown(group)).count("Alice Smith") == 1


async def test_own_messages_are_on_the_other_side(shown, alice, group):
    await alice.says(group, "one")
    assert '<article class="own">' in await shown(group, f"?as={alice.id}")


async def test_a_private_chat_is_seen_by_its_person(api, shown, bot, alice):
    await alice.says(bot, "one")
    assert '<article class="own">' in await shown(api.private(alice))


async def test_who_comes_is_a_line(shown, alice, group):
    await alice.joins(group)
    assert '<p class="service">Alice Smith joined the group</p>' in await shown(group)


async def test_an_edit_is_marked(shown, alice, group):
    said = await alice.says(group, "one")
    await alice.edits(group, said, "two")
    assert "<time>edited " in await shown(group)


async def test_an_answer_quotes(shown, alice, group):
    said = await alice.says(group, "one")
    await alice.says(group, "two", reply_to=said["message_id"])
    assert "<b>Alice Smith</b><div>one</div>" in await shown(group)


async def test_a_quote_is_what_the_message_is_now(shown, alice, group):
    said = await alice.says(group, "one")
    await alice.says(group, "two", reply_to=said["message_id"])
    await alice.edits(group, said, "three")
    assert "<b>Alice Smith</b><div>three</div>" in await shown(group)


async def test_an_answer_may_quote_a_part(shown, alice, group):
    said = await alice.says(group, "one or two")
    await alice.says(group, "three", reply_to=said["message_id"], quote="two")
    assert "<b>Alice Smith</b><div>two</div>" in await shown(group)


async def test_a_quote_hides_a_spoiler(shown, alice, group):
    said = await alice.says(group, "murder", entities=[entity("spoiler", 0, 6)])
    await alice.says(group, "oh", reply_to=said["message_id"])
    assert (await shown(group)).count('<span class="spoiler" tabindex="0">murder</span>') == 2


async def test_what_was_deleted_is_quoted_no_more(shown, alice, group):
    said = await alice.says(group, "one")
    await alice.says(group, "two", reply_to=said["message_id"])
    await alice.deletes(group, said)
    assert '<div class="quoted">Deleted message</div>' in await shown(group)


async def test_an_answer_to_another_chat_names_it(api, shown, alice, group):
    elsewhere = api.supergroup("Elsewhere")
    said = await alice.says(elsewhere, "one")
    await alice.answers_elsewhere(group, said, "two", "on")
    assert "<b>Elsewhere</b><div>on</div>" in await shown(group)


async def test_a_forwarded_message_names_its_author(shown, alice, group):
    await alice.forwards(group, await alice.says(group, "one"))
    assert "Forwarded from <b>Alice Smith</b>" in await shown(group)


async def test_reactions_are_counted(api, shown, alice, group):
    said = await alice.says(group, "one")
    await alice.reacts(group, said, "👍")
    await api.user("Bob").reacts(group, said, "👍")
    assert '<span class="reaction">👍 <b>2</b></span>' in await shown(group)


async def test_buttons_are_in_their_rows(shown, bot, group):
    row = [{"text": "Yes", "callback_data": "0"}, {"text": "No", "callback_data": "1"}]
    group.post(bot, {"text": "?", "reply_markup": {"inline_keyboard": [row, row[:1]]}})
    rows = '<div class="row"><span class="key">Yes</span><span class="key">No</span></div>'
    assert rows + '<div class="row"><span class="key">Yes</span></div>' in await shown(group)


async def test_a_photo_is_shown(get, shown, alice, group):
    await alice.sends_photo(group, PNG)
    [address] = re.findall(r'src="(.*?)"', await shown(group))
    status, headers, body = await get(address)
    assert (status, headers["Content-Type"], body) == (200, "image/png", PNG)


async def test_what_is_no_picture_is_not_served(get, shown, alice, group):
    sent = await alice.sends_document(group, b"<script>")
    assert (await get(f"/chats/files/{sent['document']['file_id']}"))[0] == 404


async def test_a_photo_that_is_no_picture_is_a_card(shown, alice, group):
    await alice.sends_photo(group, b"a picture")
    assert "<b>Photo</b><small>9 B</small>" in await shown(group)


async def test_a_spoiler_picture_is_veiled(shown, alice, group):
    await alice.sends_photo(group, PNG, has_media_spoiler=True)
    assert 'class="photo veiled"' in await shown(group)


async def test_a_file_is_a_card(shown, alice, group):
    await alice.sends_document(group, b"x" * 2000, name="a<b>.txt")
    assert "<b>a&lt;b&gt;.txt</b><small>2 kB</small>" in await shown(group)


async def test_a_file_that_is_gone_is_still_named(api, shown, alice, group):
    sent = await alice.sends_photo(group, PNG)
    api.files.forget(sent["photo"][0]["file_id"])
    assert "<b>Photo</b>" in await shown(group)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"location": {"latitude": 47.5, "longitude": 7.5}}, "47.5, 7.5"),
        ({"contact": {"phone_number": "112", "first_name": "Help"}}, "<small>112</small>"),
        ({"poll": {"question": "Tea?", "options": [{"text": "Yes", "voter_count": 3}]}}, "Tea?"),
        ({"dice": {"emoji": "🎲", "value": 3}}, "A message of a kind that is not drawn: dice"),
    ],
)
async def test_every_kind_shows_something(shown, alice, group, fields, words):
    await alice.sends(group, fields)
    assert words in await shown(group)


async def test_a_topic_is_named(api, shown, alice):
    forum = api.supergroup("Forum", forum=True)
    await alice.says(forum, "one", thread=forum.topic("News"))
    page = await shown(forum)
    assert '<div class="topic"># News</div>' in page
    assert 'class="quoted"' not in page


async def test_a_channel_speaks_as_itself(api, shown, bot):
    channel = api.channel("News")
    await channel.posts("one")
    assert '<div class="name">News</div>' in await shown(channel)


# Addresses


async def test_chats_are_listed(api, get, bot, alice, group):
    await alice.says(bot, "hello")
    body = (await get("/chats"))[2].decode()
    assert re.findall(r"/chats/(-?\d+)", body) == [str(alice.id), str(group.id)]


@pytest.mark.parametrize(
    ("path", "status"),
    [("/chats/-1", 404), ("/chats/x", 400), ("/chats/-5001?as=x", 400), ("/chats/files/x", 404)],
)
async def test_a_wrong_address_is_refused(get, group, path, status):
    assert (await get(path))[0] == status
