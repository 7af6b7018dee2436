"""``gateway completion``."""

from __future__ import annotations

from typer import completion as scripts

from gateway.verbs.output import print_line


def completion(shell: str) -> None:
    """Print the script that makes a shell complete our verbs and options."""
    script = scripts.get_completion_script(  # type: ignore[attr-defined]
        prog_name="gateway", complete_var="_GATEWAY_COMPLETE", shell=shell
    )
    print_line(script)
