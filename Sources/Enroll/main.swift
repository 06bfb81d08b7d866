import CHost
import Glibc

// Started by `muster-agent` with an operator's words, or by the running agent for a renewal.
// Secrets pass through this process: it leaves no core, and no file that others may read.
umask(0o077)
_ = muster_set_dumpable(false)
signal(SIGPIPE, SIG_IGN)
exit(await EnrollProgram(Array(CommandLine.arguments.dropFirst())).run())
