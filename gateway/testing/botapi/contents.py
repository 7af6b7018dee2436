"""What a message holds beside its text, as HTML: pictures, files, places, polls."""

from __future__ import annotations

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from gateway.testing.botapi.files import PLACES, Files
from gateway.testing.botapi.formatting import html_from_text
from gateway.testing.botapi.messages import Json, content_of

SHOWN = {
    b"\xff\xd8\xff": "image/jpeg",
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"GIF8": "image/gif",
    b"RIFF": "image/webp",
}
"""How the pictures begin that are shown, and their types."""

NAMES = {
    "photo": "Photo",
    "document": "File",
    "audio": "Music",
    "voice": "Voice message",
    "video": "Video",
    "animation": "GIF",
    "sticker": "Sticker",
    "video_note": "Video message",
}
SIGNS = {"audio": "🎵", "voice": "🎤", "video": "🎬", "animation": "🎞", "video_note": "🎬"}


def picture(files: Files, file_id: str) -> tuple[str, bytes] | None:
    """The type and the content of a picture that can be shown; None for what is none, or gone."""
    try:
        content = files.content(file_id)
    except KeyError:
        return None
    return next(((kind, content) for head, kind in SHOWN.items() if content.startswith(head)), None)


def kind_of(message: Json) -> str | None:
    """The kind of file that a message holds."""
    kinds = ("animation", *PLACES)  # an animation is a document too
    return next((kind for kind in kinds if kind in message), None)


def contents_from_message(files: Files, message: Json) -> SafeString:
    """Its file, its place, its contact, its poll; empty for a text."""
    if kind := kind_of(message):
        return _file(files, kind, message)
    if place := message.get("location"):
        return _card("📍", "Location", f"{place['latitude']}, {place['longitude']}")
    if contact := message.get("contact"):
        name = f"{contact['first_name']} {contact.get('last_name', '')}"
        return _card("👤", name, contact["phone_number"])
    if poll := message.get("poll"):
        return _poll(poll)
    if "text" in message:
        return SafeString("")
    kinds = ", ".join(content_of(message))
    return format_html("<i>{}</i>", f"A message of a kind that is not drawn: {kinds}")


def _file(files: Files, kind: str, message: Json) -> SafeString:
    about = message["photo"][-1] if kind == "photo" else message[kind]
    if kind in ("photo", "sticker") and picture(files, about["file_id"]):
        veil = " veiled" if message.get("has_media_spoiler") else ""
        markup = '<img class="{}{}" tabindex="0" src="/chats/files/{}" alt="{}">'
        return format_html(markup, kind, veil, about["file_id"], NAMES[kind])
    if kind == "sticker" and about.get("emoji"):
        return format_html('<div class="large">{}</div>', about["emoji"])
    name = about.get("file_name") or about.get("title") or NAMES[kind]
    return _card(SIGNS.get(kind, "📄"), name, _measure(kind, about))


def _measure(kind: str, about: Json) -> str:
    size = about.get("file_size", 0)
    words = f"{size} B" if size < 1000 else f"{size / 1e3:.0f} kB"
    words = words if size < 1_000_000 else f"{size / 1e6:.1f} MB"
    if seconds := about.get("duration"):
        return f"{seconds // 60}:{seconds % 60:02}, {words}"
    return words


def _card(sign: str, name: str, about: str) -> SafeString:
    markup = '<div class="card"><span class="sign">{}</span><b>{}</b><small>{}</small></div>'
    return format_html(markup, sign, name, about)


def _poll(poll: Json) -> SafeString:
    options = ((option["text"], option["voter_count"]) for option in poll["options"])
    listed = format_html_join("", "<li>{} <small>{}</small></li>", options)
    return format_html('<div class="poll"><b>{}</b><ul>{}</ul></div>', poll["question"], listed)


def text_of(message: Json) -> SafeString:
    """The text or the caption, with its formatting."""
    if "text" in message:
        return html_from_text(message["text"], message.get("entities", ()))
    return html_from_text(message.get("caption", ""), message.get("caption_entities", ()))


def summary_of(message: Json) -> SafeString:
    """A message in one line, as what answers it quotes it."""
    if words := text_of(message):
        return words
    kind = kind_of(message)
    named = NAMES[kind] if kind else next((n for n in ("location", "poll") if n in message), "…")
    return format_html("{}", named.capitalize())
