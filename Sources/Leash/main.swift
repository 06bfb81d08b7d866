import AgentCore
import Glibc
import Host

/// The exit status for a leash that could not begin.
let statusUnusable: Int32 = 2

/// `muster-leash SPEC`: SPEC is the absolute path of the file `spec` in a folder of its own.
///
/// Writes `ready` and the end of the file to standard output once it listens; anything it has to
/// complain about goes to standard error.
func start() -> Int32 {
    guard CommandLine.arguments.count == 2, CommandLine.arguments[1].hasPrefix("/"),
        let slash = CommandLine.arguments[1].lastIndex(of: "/")
    else {
        complain("usage: muster-leash /ABSOLUTE/PATH/OF/spec (started by muster-agent)")
        return statusUnusable
    }
    let path = CommandLine.arguments[1]
    do {
        let bytes = try DurableFile.readSecret(path, limit: DurableFile.readLimit)
        let spec: LeashSpec
        do {
            spec = try LeashSpec(text: String(decoding: bytes, as: UTF8.self))
        } catch {
            throw HostError("read", path: path, reason: "\(error)")
        }
        return try LeashShell(spec, folder: String(path[..<slash])).run()
    } catch {
        complain("\(error)")
        return statusUnusable
    }
}

func complain(_ text: String) {
    let line = Array("muster-leash: \(text)\n".utf8)
    _ = line.withUnsafeBytes { write(STDERR_FILENO, $0.baseAddress, $0.count) }
}

exit(start())
