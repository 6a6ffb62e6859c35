# Read by the shell of each of OpenCode's commands (BASH_ENV). OpenCode waits until its limit for a command that a
# signal ended (its issue 25664): `pkill -f` of a word in the command itself, a training out of memory. So a second
# shell, whose arguments hold none of the command's words, starts the command and turns a signal into an exit code; it
# outlives one that is sent to all of the command's group (`kill 0`).
if [ -n "${BASH_EXECUTION_STRING+set}" ]; then
    unset BASH_ENV
    OPENCODE_COMMAND=$BASH_EXECUTION_STRING exec bash -c \
        'command=$OPENCODE_COMMAND; unset OPENCODE_COMMAND; trap : HUP INT TERM; bash -c "$command"; exit'
fi
