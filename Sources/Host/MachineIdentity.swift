import Glibc

/// What this machine is, as far as it can tell.
public struct MachineIdentity: Hashable, Sendable {
    /// A new one after each boot of the kernel.
    public var bootID: String
    /// The installation's secret number. It is confidential (`machine-id(5)`): hash it with a key
    /// before it leaves the machine. Nil when the system has none.
    public var machineID: String?
    public var hostname: String
    /// `ID` of os-release: `debian`, `ubuntu`; `linux` when it is not said.
    public var systemFamily: String
    /// `VERSION_ID` of os-release; empty when it is not said.
    public var systemVersion: String
    /// `x86_64`, `aarch64`, as the kernel says.
    public var architecture: String
    public var kernel: String

    /// Reads it all now.
    public static func current() throws(HostError) -> MachineIdentity {
        var names = utsname()
        guard uname(&names) == 0 else { throw HostError("uname", code: errno) }
        let bootID = try readLine("/proc/sys/kernel/random/boot_id")
        let release =
            readSystem("/etc/os-release") ?? readSystem("/usr/lib/os-release") ?? ""
        let system = parse(osRelease: release)
        return MachineIdentity(
            bootID: bootID,
            machineID: try? readLine("/etc/machine-id"),
            hostname: text(&names.nodename),
            systemFamily: system.family,
            systemVersion: system.version,
            architecture: text(&names.machine),
            kernel: text(&names.release)
        )
    }

    static func parse(osRelease: String) -> (family: String, version: String) {
        var family = "linux"
        var version = ""
        for line in osRelease.split(separator: "\n") {
            let parts = line.split(separator: "=", maxSplits: 1)
            guard parts.count == 2 else { continue }
            let value = String(parts[1].filter { $0 != "\"" && $0 != "'" })
            if parts[0] == "ID" { family = value }
            if parts[0] == "VERSION_ID" { version = value }
        }
        return (family, version)
    }

    private static func readLine(_ path: String) throws(HostError) -> String {
        let text = try DurableFile.readText(path, limit: 4_096)
        return String(text.prefix { $0 != "\n" })
    }

    // os-release is a symbolic link by convention.
    private static func readSystem(_ path: String) -> String? {
        guard let file = try? Descriptor.open(path, flags: O_RDONLY),
            let bytes = try? file.readAll(limit: 65_536)
        else { return nil }
        return String(decoding: bytes, as: UTF8.self)
    }
}

private func text<Field>(_ field: inout Field) -> String {
    withUnsafeBytes(of: &field) { bytes in
        String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
    }
}
