"""Options of a command declared from a typed dictionary, one for every key. Knows no option itself."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from inspect import Parameter
from typing import get_args, get_type_hints


def typed_options(command: Callable[..., int]) -> Callable[..., int]:
    """Declare a command that takes `**given: Unpack[Options]`: an option for every key, None where it is not given.

    A command with forty options is then one short function and one table, in the order in which its help shows them.
    """
    hints = get_type_hints(command, include_extras=True)
    parameters: list[Parameter] = []
    for parameter in inspect.signature(command).parameters.values():
        if parameter.kind is not Parameter.VAR_KEYWORD:
            parameters.append(parameter.replace(annotation=hints[parameter.name]))
            continue
        (options,) = get_args(hints[parameter.name])
        parameters += [
            Parameter(name, Parameter.KEYWORD_ONLY, default=None, annotation=annotation)
            for name, annotation in get_type_hints(options, include_extras=True).items()
        ]
    command.__signature__ = inspect.Signature(parameters, return_annotation=int)  # type: ignore[attr-defined]
    command.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return command
