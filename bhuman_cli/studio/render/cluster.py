"""Owns the way onto machines that are already there: a Dask cluster as an executor. Renders nothing itself."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any

from bhuman_cli.errors import UsageError


class ClusterExecutor(Executor):
    """Runs calls on a Dask cluster, which sends those of a worker that died to another one.

    The cache and output folders must be shared between the machines, under the same paths.
    """

    def __init__(self, client: Any) -> None:
        self._client = client
        self._inner = client.get_executor()

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Send a call to the cluster."""
        sent: Future[Any] = self._inner.submit(fn, *args, **kwargs)
        return sent

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Give back what was not run, and leave the cluster as it is."""
        self._inner.shutdown(wait=wait and not cancel_futures)
        self._client.close(timeout=5)


def executor(address: str) -> Executor:
    """Connect to a Dask scheduler, given as `dask://host:port`.

    Raises:
        UsageError: the address is no such address, Dask is not installed, or the scheduler does not answer.
    """
    if not address.startswith("dask://"):
        raise UsageError(f"executor {address!r}: must look like dask://host:8786")
    try:
        from distributed import Client
    except ImportError:
        raise UsageError("executor dask: Dask is not installed", hint='pip install "bhuman[dask]"') from None
    try:
        client = Client(address.replace("dask://", "tcp://", 1), timeout="10s", set_as_default=False)
    except (OSError, TimeoutError) as problem:
        raise UsageError(f"executor {address!r}: the scheduler does not answer") from problem
    return ClusterExecutor(client)
