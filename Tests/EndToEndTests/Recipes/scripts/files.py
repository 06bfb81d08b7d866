"""Files of two sites, copied by rsync from the one that has them: moved, lost, and never the wrong way.

  files.py FOLDER PROGRAMS PROJECT
"""

import os

from harness import *

RSYNC = "/usr/bin/rsync"
SITES = ("north", "south")


class Sites:
    def __init__(self):
        self.ports = {site: port() for site in SITES}
        self.daemons, self.mirrors = {}, {}
        for site, other in (SITES, SITES[::-1]):
            home = f"{FOLDER}/{site}"
            os.makedirs(f"{home}/app")
            os.makedirs(f"{home}/state")
            write(f"{home}/files.conf", shipped("files/agent/files.conf", {
                "^site = .*": f"site = {site}", "/srv/app": f"{home}/app", "/var/lib/muster-files": f"{home}/state",
                ":8731": f":{self.ports[other]}", "^interval = .*": "interval = 0.2",
            }))
            write(f"{home}/rsyncd.conf", shipped("files/agent/rsyncd.conf", {
                "8730": str(self.ports[site]), "/srv/app": f"{home}/app", "/var/lib/muster-files": f"{home}/state",
            }))

    def start(self, site):
        self.daemons[site] = start(
            [RSYNC, "--daemon", "--no-detach", f"--config={FOLDER}/{site}/rsyncd.conf"], f"rsyncd-{site}")
        self.mirrors[site] = start(
            [f"{RECIPES}/files/muster-files", "--config", f"{FOLDER}/{site}/files.conf", "mirror"], f"mirror-{site}")

    def lose(self, site):
        power_cut(f"{FOLDER}/{site}/")
        self.daemons[site].wait()
        self.mirrors[site].wait()

    def __call__(self, site, *words, status=0, **variables):
        return run(
            [f"{RECIPES}/files/muster-files", "--config", f"{FOLDER}/{site}/files.conf", *words], status,
            **{"MUSTER_SITE": site, **variables})

    def path(self, site, name):
        return f"{FOLDER}/{site}/app/{name}"

    def tree(self, site):
        """Every file with its content, and every link."""
        found = {}
        for folder, _, names in os.walk(f"{FOLDER}/{site}/app"):
            for name in names:
                path = os.path.join(folder, name)
                key = os.path.relpath(path, f"{FOLDER}/{site}/app")
                found[key] = os.readlink(path) if os.path.islink(path) else read(path)
        return found


def covered():
    """What is written while the tree is copied is not covered by the canary that comes with the copy."""
    pair = f"{FOLDER}/pair"
    for site, other in (SITES, SITES[::-1]):
        os.makedirs(f"{pair}/{site}/app")
        write(f"{pair}/{site}.conf", f"[files]\nsite = {site}\ndata = {pair}/{site}/app\nstate = {pair}/{site}/state\n"
              f"peer = {pair}/{other}/app\npeer-state = {pair}/{other}/state\n")
    north, south = f"{pair}/north/app", f"{pair}/south/app"

    def recipe(site, *words, program=f"{RECIPES}/files/muster-files", **variables):
        return run([program, "--config", f"{pair}/{site}.conf", *words], MUSTER_SITE=site, **variables)

    recipe("north", "setup", "--epoch", "1.1")
    write(f"{north}/early", "early")
    recipe("north", "canary-write", MUSTER_CANARY="1.1/1")
    # The moment after the tree was copied and before anything else is done, in the copy of one mirror.
    write(f"{pair}/rsync", f"""#!/bin/sh
{RSYNC} "$@" || exit
case "$*" in *--delete-delay*)
    echo late >{north}/late
    echo 1.1/2 >{north}/.new && mv {north}/.new {north}/.muster-canary
    kill -TERM $PPID
esac
""", 0o755)
    program = f"{RECIPES}/files/muster-files-late"
    write(program, shipped("files/muster-files", {f'"{RSYNC}"': f'"{pair}/rsync"'}), 0o755)
    recipe("south", "mirror", program=program)
    expect(os.path.exists(f"{south}/early") and not os.path.exists(f"{south}/late"), "the copy began before")
    expect(recipe("south", "canary-read").strip() == "1.1/1", "its canary covers only what was copied")
    recipe("north", "leave", MUSTER_FROM="north", MUSTER_TO="south", MUSTER_EPOCH="1.1")
    recipe("south", "final", MUSTER_FROM="north", MUSTER_TO="south", MUSTER_EPOCH="1.1")
    expect(os.path.exists(f"{south}/late") and recipe("south", "canary-read").strip() == "1.1/2", "the next copy has both")
    os.unlink(program)


def main():
    needs(rsync=RSYNC)
    install()
    covered()
    sites = Sites()
    for name in ("a", "b/c", "b/d e"):
        write(sites.path("north", name), name)
    os.symlink("a", sites.path("north", "link"))
    sites("north", "setup", "--epoch", "1.1")
    sites("south", "take", status=3, MUSTER_TO="south", MUSTER_EPOCH="1.2")
    for site in SITES:
        sites.start(site)

    def same():
        return sites.tree("north") == sites.tree("south")

    await_("south has a copy", same)
    sites("north", "canary-write", input="1.1/1\n")
    await_("the canary comes over", lambda: sites("south", "canary-read", status=None).strip() == "1.1/1")
    sites("south", "canary-write", status=3, MUSTER_CANARY="1.1/2")
    expect("lag-bytes=0" in sites("south", "lag"), "nothing is missing")
    os.unlink(sites.path("north", "b/c"))
    write(sites.path("north", "b/new"), "new")
    await_("a removal and a new file come over", same)
    write(sites.path("south", "stray"), "not of north")
    await_("what only the copy has goes away", lambda: "stray" not in sites.tree("south"))
    expect("stray" not in sites.tree("north"), "and does not come to the site that has the tree")

    # A switchover: the last file is written, and nobody copies anything before it.
    context = {"MUSTER_FROM": "north", "MUSTER_TO": "south", "MUSTER_KIND": "switchover"}
    sites.mirrors["south"].terminate()
    sites.mirrors["south"].wait()
    write(sites.path("north", "last"), "written just before")
    sites("south", "final", status=1, MUSTER_EPOCH="1.1", **context)
    sites("south", "leave", status=3, MUSTER_EPOCH="1.1", **context)
    sites("north", "leave", MUSTER_EPOCH="1.1", **context)
    # Here the old site's mirror runs, and the new site's tree is older: it must not be copied.
    marks = f"{FOLDER}/mirror-north.log"
    await_("north's mirror waits", lambda: "does not have the tree" in read(marks).splitlines()[-1])
    expect("last" in sites.tree("north") and "last" not in sites.tree("south"), "what was written last is still there")
    sites("south", "final", MUSTER_EPOCH="1.1", **context)
    expect(same() and "last" in sites.tree("south"), "the final copy has brought it over")
    sites("south", "take", MUSTER_EPOCH="1.2", **context)
    sites("south", "take", MUSTER_EPOCH="1.2", **context)
    sites("south", "final", MUSTER_EPOCH="1.2", **context)
    sites("north", "take", status=3, MUSTER_EPOCH="1.2", **context)
    write(sites.path("south", "at south"), "1")
    await_("north is a copy of south now", lambda: "at south" in sites.tree("north"))
    sites("north", "leave", status=3, MUSTER_EPOCH="1.1", **context)

    # South is lost with a file that was not copied.
    sites.lose("south")
    for name in ("lost-1", "lost-2"):
        write(sites.path("south", name), name)
    context = {"MUSTER_FROM": "south", "MUSTER_TO": "north", "MUSTER_KIND": "failover", "MUSTER_EPOCH": "1.3"}
    sites("north", "take", **context)
    write(sites.path("north", "after"), "1")

    # It comes back, believes that it has the tree, and is not heard by anybody: nor is it overwritten.
    sites.start("south")
    await_("south's mirror says what is the matter",
           lambda: "the peer has taken the tree" in read(f"{FOLDER}/mirror-south.log"))
    expect("lost-1" in sites.tree("south") and "lost-1" not in sites.tree("north"), "neither is copied over the other")
    expect("the peer has taken the tree" in sites("south", "status"), "its status says so")
    pending = sites("south", "pending", status=1)
    expect("*deleting   lost-1" in pending and "*deleting   lost-2" in pending and "after" in pending,
           "it says which files only it has")
    sites("south", "rejoin", status=3)
    sites("north", "rejoin", "--confirm", "north", status=3)
    sites("south", "rejoin", "--confirm", "south")
    await_("south is a copy again", lambda: same() and "lost-1" not in sites.tree("south"))
    expect("holds a copy under 1.3" in sites("south", "status"), "and says so")

    # A move that was rolled back before it was decided.
    context = {"MUSTER_FROM": "north", "MUSTER_TO": "south", "MUSTER_EPOCH": "1.3"}
    sites("north", "leave", **context)
    sites("south", "take-back", status=3)
    sites("north", "take-back")
    write(sites.path("north", "goes on"), "1")
    await_("after take-back north is copied as before", lambda: "goes on" in sites.tree("south"))
    sites("north", "canary-write", MUSTER_CANARY="1.3/9")
    await_("the canary comes over again", lambda: sites("south", "canary-read", status=None).strip() == "1.3/9")

    # North's mirror is away while south has the tree: it left under 1.3, and comes back for the way home.
    sites.mirrors["north"].terminate()
    sites.mirrors["north"].wait()
    sites("north", "leave", **context)
    sites("south", "final", **context)
    sites("south", "take", **{**context, "MUSTER_EPOCH": "1.4"})
    write(sites.path("south", "in between"), "1")
    home = {"MUSTER_FROM": "south", "MUSTER_TO": "north", "MUSTER_EPOCH": "1.4"}
    sites("north", "final", status=1, **home)
    sites("south", "leave", **home)
    sites("north", "final", **home)
    expect("in between" in sites.tree("north"), "north has what came into being meanwhile")
    sites("north", "take", **{**home, "MUSTER_EPOCH": "1.5"})


ended(main)
