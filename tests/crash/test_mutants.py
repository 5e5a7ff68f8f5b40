"""Each safety of the paid request, taken out, is missed by the histories: so they would notice its loss."""

from __future__ import annotations

import pytest

from tests.crash import mutants
from tests.crash.mutants import Mutant


@pytest.mark.parametrize("mutant", mutants.MUTANTS, ids=lambda mutant: mutant.name)
def test_the_histories_notice(mutant: Mutant) -> None:
    said, looked = mutants.caught_by(mutant)
    assert said, f"{looked} histories did not notice"
    assert not said.startswith("bug"), said


@pytest.mark.parametrize("mutant", [*mutants.MUTANTS[:7], *mutants.MUTANTS[7::7]], ids=lambda mutant: mutant.name)
def test_unharmed_the_same_histories_find_nothing(mutant: Mutant) -> None:
    assert [told.broken for told in mutant.catches() if told.broken] == []
