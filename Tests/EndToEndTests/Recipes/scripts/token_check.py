"""muster-token-check: many race for one file, and nothing lower ever follows something higher.

  token_check.py FOLDER PROGRAMS PROJECT
"""

import os
import random
import signal
import subprocess
import threading

from harness import *

RACERS = 6


def main():
    install()
    check = f"{RECIPES}/muster-token-check"
    file, ledger = f"{FOLDER}/greatest", f"{FOLDER}/ledger"

    # Each writes its token down in two halves while it has the lock: an overlap or a step back is seen.
    act = "import sys,time; f=open(sys.argv[1],'a',buffering=1); f.write(sys.argv[2]+' begin\\n'); " \
          "time.sleep(0.002); f.write(sys.argv[2]+' end\\n')"
    tokens = [
        f"0001.{epoch:08x}.{session:08x}.{task:016x}.0001"
        for epoch in (1, 2, 10) for session in (1, 9, 16) for task in range(6)
    ]
    # Nearly in order, as in life: some come late.
    shake = random.Random(7)
    tokens = [token for _, token in sorted((n + shake.randrange(12), token) for n, token in enumerate(tokens))]
    passed, refused = [], []

    def race(own):
        for token in own:
            done = subprocess.run(
                [check, file, token, "--", "/usr/bin/python3", "-c", act, ledger, token],
                capture_output=True, text=True, env=CLEAN,
            )
            (passed if done.returncode == 0 else refused).append((token, done.returncode, done.stderr))

    racers = [threading.Thread(target=race, args=(tokens[one::RACERS],)) for one in range(RACERS)]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join()
    lines = [line.split() for line in read(ledger).splitlines()]
    order = [token for token, what in lines if what == "begin"]
    expect(all(status == 3 for _, status, _ in refused), f"who did not pass was refused: {len(refused)}")
    expect(order == sorted(order), f"the {len(order)} acts that passed never step back")
    expect(len(order) == len(passed) == len(tokens) - len(refused), "who passed has acted, and nobody else")
    expect([token for token, _ in lines[::2]] == [token for token, _ in lines[1::2]], "no two acts overlap")
    expect(read(file).strip() == max(tokens), "the greatest is kept")
    expect(order[-1] == max(tokens) and refused, "the race had losers")

    # Who is killed in the middle of the act lets the next one pass; what it has left behind does not.
    late = f"{FOLDER}/late"
    holder = subprocess.Popen(
        [check, file, "2.1", "--", "/bin/sh", "-c", f"sleep 60 & echo $! >{late}; wait"], env=CLEAN
    )
    await_("the act goes on", lambda: os.path.exists(late) and read(late).strip())
    holder.kill()
    holder.wait()
    waits = subprocess.Popen([check, file, "2.2"], env=CLEAN)
    try:
        waits.wait(0.5)
        expect(False, "nobody passes while something of the act lives")
    except subprocess.TimeoutExpired:
        say("ok: nobody passes while something of the act lives")
    os.kill(int(read(late)), signal.SIGKILL)
    expect(waits.wait(30) == 0, "when it has ended the next one passes")

    # What the file says is durable before the act begins: file, then folder.
    trace = f"{FOLDER}/trace"
    run(["/usr/bin/strace", "-f", "-o", trace, "-e", "trace=fsync,rename,execve", check, file, "2.3", "--", "/bin/true"])
    calls = re.findall(r"(fsync|rename|execve)\(", read(trace))
    expect(calls[-4:] == ["fsync", "rename", "fsync", "execve"], f"synced, renamed, synced, then executed: {calls}")

    for words, status in (
        ([file, "2.2"], 3), ([file, "2.3"], 0), ([file, "1.99"], 3), ([file, "0.5"], 3), ([file, "2.x"], 64),
        ([file, "2.3", "--"], 64), (["--frob", file], 64), ([], 64), ([file, "70000.1"], 64),
        ([file, "0002.00000003.00000001"], 0), ([file, "2.3"], 3), (["--epoch", file, "2.3"], 0),
    ):
        run([check, *words], status)
    expect("0002.00000003.00000001" in run([check, "--show", file]), "an epoch does not replace its token")
    expect(run([check, file], MUSTER_TOKEN="0002.00000003.00000002") == "", "the token of the environment passes")

    # Of both the one of the lower epoch counts, and the token where they are of one.
    token = "0002.00000003.00000002"
    run([check, file], MUSTER_TOKEN=token, MUSTER_EPOCH="2.3")
    run([check, file], MUSTER_TOKEN=token, MUSTER_EPOCH="2.4")
    run([check, file], 3, MUSTER_TOKEN=token, MUSTER_EPOCH="2.2")
    run([check, file], 64)
    # A drill never passes, and an act of it is not begun.
    for words, drill in (
        ([], {"MUSTER_EPOCH": "0.7"}), ([], {"MUSTER_TOKEN": "0000.00000007.00000002"}),
        ([], {"MUSTER_TOKEN": token, "MUSTER_EPOCH": "0.7"}), ([], {"MUSTER_TOKEN": token, "MUSTER_DRILL": "7"}),
        (["9.9"], {"MUSTER_EPOCH": "0.7"}), (["9.9"], {"MUSTER_DRILL": "7"}), (["0.7"], {}),
    ):
        run([check, file, *words, "--", "/bin/touch", f"{FOLDER}/acted"], 3, **drill)
    expect(not os.path.exists(f"{FOLDER}/acted"), "nothing of a drill passes")
    expect(token in run([check, "--show", file]), "nor does it leave anything")


ended(main)
