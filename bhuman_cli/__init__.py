"""Batch personalised video for BHuman AI Studio: a spreadsheet in, videos out, nothing paid twice.

The house, top to bottom (a room may import from the rooms below it, never above):

    __main__      the door: `bhuman` and `python -m bhuman_cli`
    cli/          commands, options, the error boundary, everything drawn on a terminal
    runs/         the promise about money: plan, submit, judge answers, reconcile, schedule, poll
    delivery/     downloads, gallery, mail merge
    callbacks/    the receiver of completion callbacks
    studio/       the local studio and its renderer
    table/        reading, mapping, checking and writing spreadsheets
    api/          HTTP to the service
    journal/      SQLite: what was sent, answered, bound, decided
    credentials   finding and masking keys; keychain keeps them
    settings      flags > environment > project file > user file > default, each with its source
    project_file  the TOML settings file; starter_file writes a first one
    ports         protocols that others fill in; the only real clock
    ids           ids as people paste them; durations as people write them
    trust         whose certificates are believed
    domain        rows, chunks, generations, statuses
    errors        the exception tree and the exit codes
"""

__version__ = "0.1.0"
