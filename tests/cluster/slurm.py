"""A Slurm cluster on this machine alone: two nodes with two pretended GPUs each, no accounting.

Jobs of the partition `urgent` preempt those of `main`, which are requeued.

It needs root and the distribution's packages (Debian, Ubuntu: `apt-get install slurm-wlm munge`); where they are
missing, or Slurm already runs here, starting it ends in one line that says so.
"""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PROGRAMS = ("slurmctld", "slurmd", "munged", "mungekey", "sbatch", "scontrol")
# Jobs lose SLURM_CONF on their way, so links to the configuration must be found here
LINKS = (Path("/etc/slurm/slurm.conf"), Path("/etc/slurm/gres.conf"))
CPUS, MEMORY = 32, 256000  # pretended, per node; MiB
CONFIGURATION = """\
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
GresTypes=gpu
SlurmdParameters=config_overrides
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
ReturnToService=2
JobRequeue=1
MinJobAge=3600
KillWait=30
{nodes}
SchedulerParameters=batch_sched_delay=0
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
PartitionName=main Nodes=ALL Default=YES PriorityTier=1 MaxTime=INFINITE State=UP
PartitionName=urgent Nodes=ALL PriorityTier=2 MaxTime=INFINITE State=UP
"""
NODE = "NodeName={name} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} CPUs={cpus} RealMemory={memory} Gres=gpu:2"


class Unavailable(Exception):
    """Slurm cannot be started here."""


def check_machine() -> None:
    """Raise Unavailable, in one line, where Slurm cannot be started."""
    missing = [name for name in PROGRAMS if not shutil.which(name)]
    if missing:
        raise Unavailable(f"{', '.join(missing)} missing: apt-get install slurm-wlm munge")
    if os.geteuid() != 0:
        raise Unavailable(
            "Slurm's daemons are started as root: run this in a container or a machine of your own"
        )
    for link in LINKS:
        if link.is_symlink() and not _answers("scontrol", "ping"):  # of a run that was killed
            link.unlink()
        if link.exists():
            raise Unavailable(f"{link} exists: this machine belongs to a cluster already")


@contextmanager
def cluster(folder: Path) -> Iterator[None]:
    """Run a cluster whose files lie in a folder, until the block ends."""
    check_machine()
    folder.mkdir(parents=True)
    (folder / "state").mkdir()
    names = [f"node{i}" for i in (1, 2)]
    host = os.uname().nodename
    nodes = [
        NODE.format(name=name, host=host, port=17000 + i, cpus=CPUS, memory=MEMORY)
        for i, name in enumerate(names)
    ]
    for i in range(2):
        (folder / f"gpu{i}").touch()
    (folder / "slurm.conf").write_text(
        CONFIGURATION.format(folder=folder, host=host, nodes="\n".join(nodes))
    )
    (folder / "gres.conf").write_text(f"NodeName=node[1-2] Name=gpu File={folder}/gpu[0-1]\n")
    LINKS[0].parent.mkdir(exist_ok=True)
    daemons: list[subprocess.Popen] = []
    try:
        for link in LINKS:
            link.symlink_to(folder / link.name)
        if not _answers("munge", "-n"):
            daemons.append(_start_munge())
        daemons.append(_start(folder, "slurmctld", "-D"))
        for name in names:
            daemons.append(_start(folder, "slurmd", "-D", "-N", name))
        _wait_for_nodes(len(names))
        yield
    finally:
        _answers("scancel", "--me", "--full", "--signal=KILL")
        for daemon in reversed(daemons):  # munge, which the others speak through, last
            daemon.terminate()
            daemon.wait()
        for link in LINKS:
            link.unlink(missing_ok=True)


def _start(folder: Path, program: str, *arguments: str) -> subprocess.Popen:
    log = (folder / f"{program}{arguments[-1]}.out").open("w")
    return subprocess.Popen([program, *arguments], stdout=log, stderr=subprocess.STDOUT)


def _start_munge() -> subprocess.Popen:
    """Start the daemon by which Slurm's programs trust each other; as its own user, as it insists."""
    if not Path("/etc/munge/munge.key").exists():
        subprocess.run(["mungekey", "--create"], check=True)
    run = Path("/run/munge")
    run.mkdir(exist_ok=True)
    shutil.chown(run, "munge", "munge")
    command = ["runuser", "-u", "munge", "--", "munged", "--foreground"]
    daemon = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while not _answers("munge", "-n"):
        if time.monotonic() > deadline:
            raise Unavailable("munged does not answer")
        time.sleep(0.5)
    return daemon


def _answers(*command: str) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def _wait_for_nodes(count: int) -> None:
    deadline = time.monotonic() + 180
    while True:
        command = ["sinfo", "--noheader", "--Node", "--partition=main", "--format", "%N %T"]
        run = subprocess.run(command, capture_output=True, text=True, check=False)
        if sum(line.endswith("idle") for line in run.stdout.splitlines()) == count:
            return
        if time.monotonic() > deadline:
            raise Unavailable(f"the nodes are not ready: {run.stdout or run.stderr}")
        time.sleep(1)
