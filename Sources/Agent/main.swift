import CHost
import Glibc
import Host

// Before any other thread exists: signals go to one thread, a closed connection is an error and
// not an end, no core with a key in it is written, and no file of ours is anybody else's to read.
Signals.block([Signals.terminate, Signals.interrupt, Signals.hangUp])
Signals.ignoreBrokenPipes()
umask(0o077)
_ = muster_set_dumpable(false)
exit(AgentProgram(Array(CommandLine.arguments.dropFirst())).run())
