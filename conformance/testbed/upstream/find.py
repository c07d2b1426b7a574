"""Find a script by its name: one of the upstream's own, or any planted defect or legal variant of the test bed."""

import importlib
import pkgutil
from functools import cache, lru_cache

from conformance.testbed.mutations import changes
from conformance.testbed.upstream import scripts as scripts_package
from conformance.testbed.upstream.script import Script


@cache
def scripts() -> dict[str, Script]:
    """The upstream's own scripts by name. Raises ValueError for a duplicate name."""
    found: dict[str, Script] = {}
    for info in pkgutil.iter_modules(scripts_package.__path__):
        module = importlib.import_module(f"{scripts_package.__name__}.{info.name}")
        for script in getattr(module, "SCRIPTS", ()):
            if found.setdefault(script.name, script) is not script:
                raise ValueError(f"{script.name} is defined twice; the second is in {module.__name__}")
    return found


@lru_cache(maxsize=1024)
def find(name: str) -> Script | None:
    """The script of that name, or None."""
    if own := scripts().get(name):
        return own
    change = changes.find(name)
    return Script(name=name, title=change.title, attempts=((change,),)) if change else None
