# Read by the shell of each of Codex's commands (BASH_ENV): what a command leaves in the background has a
# process group of its own, so that Codex, which ends the command's, does not end it too.
set -m
unset BASH_ENV
