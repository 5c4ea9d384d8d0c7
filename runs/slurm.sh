#!/bin/bash
# One training over the machines of a Slurm job, a process on each with all its cores:
#
#     sbatch -N 8 runs/slurm.sh runs/ltm-small.ini run.dir=/shared/runs/small
#
# The run's folder and the corpus lie where all machines see them. Two minutes before time is up all processes write a
# checkpoint, and the job is queued again to go on from it; so it is after a machine has failed.
#SBATCH --job-name=ltm --ntasks-per-node=1 --exclusive --time=12:00:00 --signal=USR1@120 --requeue --open-mode=append
set -eu
[ $# -gt 0 ] || { echo "usage: sbatch -N MACHINES runs/slurm.sh CONFIG.ini [section.key=value ...]" >&2; exit 2; }
# srun does not take the job's cores for its steps by itself; a process that dies ends them all.
export SRUN_CPUS_PER_TASK=${SLURM_CPUS_ON_NODE:?this is for sbatch}
# Open MPI over TCP lets a request wait behind megabytes of data; several connections to each process keep it from that.
[ "$SLURM_JOB_NUM_NODES" -gt 64 ] || export OMPI_MCA_btl_tcp_links="${OMPI_MCA_btl_tcp_links:-4}"
code=0
srun --kill-on-bad-exit=1 --cpu-bind=none "${LTM:-build/ltm}" train "$@" || code=$?
[ "$code" != 130 ] || scontrol requeue "$SLURM_JOB_ID"
exit "$code"
