"""Owns the way onto machines that are already there: a Dask cluster as an executor, found or said to be missing."""

from __future__ import annotations

from concurrent.futures import Executor

from bhuman_cli.errors import UsageError


def executor(address: str) -> Executor:
    """Connect to a Dask scheduler, given as `dask://host:port`.

    Raises:
        UsageError: the address is no such address, Dask is not installed, or the scheduler does not answer.
    """
    if not address.startswith("dask://"):
        raise UsageError(f"executor {address!r}: must look like dask://host:8786")
    try:
        from distributed import Client

        from bhuman_cli.studio.render import fleet
    except ImportError:
        raise UsageError("executor dask: Dask is not installed", hint='pip install "bhuman[dask]"') from None
    try:
        client = Client(address.replace("dask://", "tcp://", 1), timeout="10s", set_as_default=False)
    except (OSError, TimeoutError) as problem:
        raise UsageError(f"executor {address!r}: the scheduler does not answer") from problem
    return fleet.ClusterExecutor(client)
