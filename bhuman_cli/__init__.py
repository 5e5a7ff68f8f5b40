"""Batch personalised video for BHuman AI Studio: a spreadsheet in, videos out, nothing paid twice.

The house, top to bottom (a room may import from the rooms below it, never above):

    __main__      the door: `bhuman` and `python -m bhuman_cli`
    programs      the same commands as functions, for Python programs
    cli/          the root command, options, the error boundary; commands/ has one module for each command
    workflows/    what a command does, without Typer
    terminal/     messages, hints, progress: everything drawn on a terminal
    runs/         the promise about money: submit, verdicts, recovery; binding/ ids to rows; polling/ who is asked next
    delivery/     downloads, gallery, mail merge
    callbacks/    the receiver of completion callbacks
    studio/       the local studio: server/, queue/, faults/, render/
    gate/         what may be spent now: pure decisions, asked before every request
    table/        reading, mapping, checking and writing spreadsheets: formats/, checks/, output/
    api/          HTTP to the service
    journal/      SQLite: what was sent, answered, bound, decided
    manual/       the topics of `bhuman help`, one Markdown file each
    config/       settings, project files, credentials and where they are kept
    clock         the only real clock, and the protocol that tests fill in
    files         writing aside and renaming
    sanitize      text made harmless to terminals and spreadsheets
    shell         commands as the person's shell takes them
    net/          which hosts and certificates are trusted, and GETs that keep to it
    ids           ids as people paste them; durations and amounts as people write them
    documents     shapes of the JSON documents that programs read
    domain        rows, chunks, generations, statuses
    errors        the exception tree and the exit codes
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bhuman_cli.programs import Outcome, plan, render, results, resume, status

__version__ = "0.1.0"
__all__ = ["Outcome", "__version__", "plan", "render", "results", "resume", "status"]


def __getattr__(name: str) -> object:
    """Import the functions for programs when one is used: `import bhuman_cli` alone costs nothing."""
    if name in __all__:
        from bhuman_cli import programs

        return getattr(programs, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
