"""``gateway``: the verbs and their options. Parse, call, print.

Nothing heavy is imported here: what a verb does lies in ``gateway.verbs`` and is imported when
the verb is given, so that ``gateway --help`` answers at once.
"""

from __future__ import annotations

import sys
import traceback
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from gateway.vocabulary.errors import ConfigurationError, GatewayError, StartError

FAILED, WRONG, NOT_STARTED = 1, 2, 3
"""Exit codes: failed while running; usage or configuration; could not start. 0 is well."""

INTERRUPTED = 130

app = typer.Typer(
    name="gateway",
    help="One bot and one room on every platform.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
config_verbs = typer.Typer(help="Look at the configuration.", no_args_is_help=True)
rooms_verbs = typer.Typer(help="List, create, link and open rooms.", no_args_is_help=True)
app.add_typer(config_verbs, name="config")
dead_verbs = typer.Typer(help="Look at what was set aside, and decide.", no_args_is_help=True)
app.add_typer(rooms_verbs, name="rooms")
app.add_typer(dead_verbs, name="dead")


class Shell(StrEnum):
    """The shells that have completion."""

    bash = "bash"
    zsh = "zsh"
    fish = "fish"


class Access(StrEnum):
    """Who may join a room."""

    members = "members"
    link = "link"
    page = "page"
    open = "open"


File = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", help="Configuration file (./gateway.toml)."),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Everything = Annotated[bool, typer.Option("--all", help="All that were set aside.")]
Letters = Annotated[
    list[str] | None, typer.Argument(metavar="ID", help="Ids, as `dead list` says them.")
]
Verbose = Annotated[
    bool, typer.Option("--verbose", "-v", help="Debugging messages, and tracebacks of errors.")
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Warnings and errors only.")]
Protocols = Annotated[
    str | None,
    typer.Option(metavar="NAMES", help="Protocols to serve, with commas between."),
]
BotName = Annotated[
    str | None, typer.Option("--bot", metavar="MODULE:CLASS", help="Your consumer.")
]
AppName = Annotated[
    str | None,
    typer.Option("--app", metavar="MODULE:NAME", help="Your ASGI application."),
]
Host = Annotated[str | None, typer.Option(metavar="ADDRESS", help="Where the page listens.")]
Port = Annotated[int | None, typer.Option(metavar="NUMBER", help="0 takes a free port.")]


@app.command()
def serve(
    *,
    protocols: Protocols = None,
    config: File = None,
    host: Host = None,
    port: Port = None,
    bot: BotName = None,
    application: AppName = None,
    verbose: Verbose = False,
    quiet: Quiet = False,
) -> None:
    """Run the gateway, until Ctrl-C or SIGTERM."""
    from gateway.verbs.serve import serve

    flags = {"protocols": protocols, "host": host, "port": port, "bot": bot, "app": application}
    serve(config, flags, verbosity=verbose - quiet)


@app.command()
def check(
    *,
    protocols: Protocols = None,
    config: File = None,
    bot: BotName = None,
    application: AppName = None,
    json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Try the configuration and each login.

    A running gateway is not disturbed."""
    from gateway.verbs.check import check

    flags = {"protocols": protocols, "bot": bot, "app": application}
    raise typer.Exit(check(config, flags, json=json, verbosity=int(verbose)))


@config_verbs.command("show")
def config_show(*, config: File = None, json: Json = False, verbose: Verbose = False) -> None:
    """Print all values and where they are from.

    Secrets are masked."""
    from gateway.verbs.config import show

    show(config, json=json)


@rooms_verbs.command("list")
def rooms_list(*, config: File = None, json: Json = False, verbose: Verbose = False) -> None:
    """List the rooms and who is linked to them."""
    from gateway.verbs.rooms import list_rooms

    list_rooms(config, json=json)


@rooms_verbs.command("create")
def rooms_create(
    name: str,
    *,
    access: Annotated[Access, typer.Option(help="Who may join.")] = Access.members,
    config: File = None,
    verbose: Verbose = False,
) -> None:
    """Create a room."""
    from gateway.verbs.rooms import create

    create(config, name, access.value)


@rooms_verbs.command("link")
def rooms_link(
    room: str, conversation: str, *, config: File = None, verbose: Verbose = False
) -> None:
    """Link a conversation to a room.

    The command /id, given in a chat, says the key of its conversation."""
    from gateway.verbs.rooms import link

    link(config, room, conversation)


@rooms_verbs.command("unlink")
def rooms_unlink(conversation: str, *, config: File = None, verbose: Verbose = False) -> None:
    """Take a conversation out of its room."""
    from gateway.verbs.rooms import unlink

    unlink(config, conversation)


@rooms_verbs.command("invite")
def rooms_invite(room: str, *, config: File = None, verbose: Verbose = False) -> None:
    """Print an invitation to a room."""
    from gateway.verbs.rooms import invite

    invite(config, room)


@app.command()
def send(
    to: Annotated[str, typer.Argument(metavar="ROOM_OR_CONVERSATION")],
    text: str,
    *,
    config: File = None,
    verbose: Verbose = False,
) -> None:
    """Say something in a room or a conversation."""
    from gateway.verbs.send import send

    send(config, to, text)


@app.command()
def status(*, config: File = None, json: Json = False, verbose: Verbose = False) -> None:
    """Say how the running gateway is."""
    from gateway.verbs.status import status

    status(config, json=json)


@app.command()
def queue(*, config: File = None, json: Json = False, verbose: Verbose = False) -> None:
    """Say what waits, where and why."""
    from gateway.verbs.queue import queue

    queue(config, json=json)


@app.command()
def broadcast(
    room: Annotated[str | None, typer.Argument()] = None,
    text: Annotated[str | None, typer.Argument()] = None,
    *,
    watch: Annotated[
        str | None, typer.Option(metavar="ID", help="See how far one is that was said before.")
    ] = None,
    config: File = None,
    verbose: Verbose = False,
) -> None:
    """Say something to all members of a room.

    Answers to people go first. Ctrl-C ends the watching, not the broadcast."""
    from gateway.verbs.broadcast import broadcast

    broadcast(config, room, text, watch)


@app.command()
def backup(
    file: Path,
    *,
    force: Annotated[bool, typer.Option("--force", help="Overwrite the file.")] = False,
    config: File = None,
    verbose: Verbose = False,
) -> None:
    """Copy the ledger, running or not, to a file."""
    from gateway.verbs.backup import backup

    backup(config, file, force=force)


@app.command()
def version(*, json: Json = False, verbose: Verbose = False) -> None:
    """Print the version."""
    from gateway.verbs.version import version

    version(json=json)


@app.command()
def completion(shell: Shell, *, verbose: Verbose = False) -> None:
    """Print a completion script.

    In bash: source <(gateway completion bash)
    """
    from gateway.verbs.completion import completion

    completion(shell.value)


@dead_verbs.command("list")
def dead_list(
    *,
    limit: Annotated[int, typer.Option(metavar="NUMBER", min=1, help="How many at most.")] = 50,
    config: File = None,
    json: Json = False,
    verbose: Verbose = False,
) -> None:
    """List what was set aside, the newest last."""
    from gateway.verbs.dead import list_letters

    list_letters(config, limit=limit, json=json)


@dead_verbs.command("show")
def dead_show(
    name: Annotated[str, typer.Argument(metavar="ID")],
    *,
    config: File = None,
    json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Print all of one dead letter, what was said too."""
    from gateway.verbs.dead import show

    show(config, name, json=json)


@dead_verbs.command("retry")
def dead_retry(
    names: Letters = None,
    *,
    everything: Everything = False,
    config: File = None,
    verbose: Verbose = False,
) -> None:
    """Handle or send dead letters again."""
    from gateway.verbs.dead import retry

    retry(config, names or [], everything=everything)


@dead_verbs.command("drop")
def dead_drop(
    names: Letters = None,
    *,
    everything: Everything = False,
    sure: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    config: File = None,
    verbose: Verbose = False,
) -> None:
    """Let dead letters go for good."""
    from gateway.verbs.dead import drop

    drop(config, names or [], everything=everything, sure=sure)


def main() -> None:
    """Run the verb that the command line names, and exit with its code."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run a verb and return its exit code; errors are a line on standard error."""
    try:
        return int(app(arguments, prog_name="gateway", standalone_mode=False) or 0)
    except (KeyboardInterrupt, typer.Abort):
        return INTERRUPTED
    except BrokenPipeError:
        return _silently()
    except Exception as error:
        if _is_verbose(arguments) and not _is_usage(error):
            _print("".join(traceback.format_exception(error)))
        return _told(error)


def _told(error: Exception) -> int:
    if _is_usage(error):
        return _told_usage(error)
    if isinstance(error, GatewayError):
        _print(str(error))
        return _code(error)
    _print(f"{type(error).__name__}: {error} (run with -v for the traceback)")
    return FAILED


def _code(error: GatewayError) -> int:
    if isinstance(error, ConfigurationError):
        return WRONG
    return NOT_STARTED if isinstance(error, StartError) else FAILED


def _is_usage(error: Exception) -> bool:
    return hasattr(error, "format_message") and hasattr(error, "exit_code")


def _told_usage(error: Any) -> int:
    """A mistake on the command line; typer has guesses for verbs in its message already."""
    message = error.format_message()
    if guesses := getattr(error, "possibilities", None):
        message = f"{error.message}. Did you mean {guesses[0]}?"
    _print(message)
    context = getattr(error, "ctx", None)
    if context and message != context.get_help():
        _print(f"Try '{context.command_path} --help'.")
    return WRONG


def _print(text: str) -> None:
    from gateway.redaction import Redaction

    typer.echo(Redaction()(text), err=True)


def _is_verbose(arguments: list[str]) -> bool:
    return "-v" in arguments or "--verbose" in arguments


def _silently() -> int:
    """Whoever read our output has gone (``gateway config show | head``)."""
    sys.stderr.close()
    return FAILED
