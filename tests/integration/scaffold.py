# SPDX-License-Identifier: LGPL-2.1-or-later
"""What may stay after a refusal: directories and the cache; nothing of a container."""
from world import difference, ok

CACHE = [r"var/cache(/.*)?"]
SCAFFOLD = CACHE + [r"var(/lib(/vzroot(/(journal|containers|lock[^/]*))?)?)?", r"var/vzquota",
                    r"vz(/(private|lock|root|template|template/cache))?",
                    r"vz/private/\.vzroot(/(staging|base|lock[^/]*))?", r"etc/vz/names"]


def pulled(world):
    """The world with its template in the cache, and how it looks."""
    ok(world.run("template", "pull", "small"))
    return world.snapshot(SCAFFOLD)


def clean(world, before):
    assert difference(before, world.snapshot(SCAFFOLD)) == []
