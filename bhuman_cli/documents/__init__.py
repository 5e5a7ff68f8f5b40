"""Shapes of the JSON documents that programs read: what `bhuman schema NAME` prints is generated from these.

A shape that changes gets a new number: `bhuman.render/2` is a promise to whoever parses it. Answers of the service
that are passed on as they are (`api`, `campaigns show`, a webhook's record) have none.
"""

from __future__ import annotations

from typing import Any, Final

from bhuman_cli.documents import results, runs, upkeep

DOCUMENTS: Final[dict[str, Any]] = {
    "render": runs.Render,
    "resume": runs.Render,
    "batch": runs.Batch,
    "error": runs.Error,
    "progress": runs.Progress,
    "plan": runs.Plan,
    "runs": runs.Runs,
    "runs-delete": runs.DeletedRuns,
    "runs-prune": runs.DeletedRuns,
    "status": runs.StatusOfRun | runs.StatusOfTarget | runs.StatusOfVideo,
    "doctor": upkeep.Doctor,
    "contract": upkeep.Contract,
    "gallery": results.Gallery,
    "download": results.Download,
    "check": results.Check,
    "export": results.Export,
    "counts": results.Counts,
    "support": results.Support,
    "spend": results.Spend,
    "forget": results.Forget,
    "preview": results.Preview,
    "trigger": runs.Trigger,
    "login": upkeep.Login,
    "logout": upkeep.Logout,
    "whoami": upkeep.Whoami,
    "trust": upkeep.Trust,
    "journal-show": upkeep.JournalFacts,
    "journal-check": upkeep.JournalCheck,
    "journal-copy": upkeep.JournalCopy,
    "journal-add": upkeep.JournalAdded,
    "journal-backup": upkeep.JournalBackup,
    "campaigns": upkeep.Campaigns,
    "instances": upkeep.Instances,
    "webhooks": upkeep.Webhooks,
    "speakeasy_projects": upkeep.SpeakeasyProjects,
    "template": results.Template,
    "templates": results.Templates,
    "events": runs.Event,
    "listen": runs.Listen,
}
"""Name, as `bhuman schema NAME` takes it → its shape."""
