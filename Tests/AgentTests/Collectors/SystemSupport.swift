@testable import Agent

/// The files of a small machine below a folder of a test's own.
struct SmallMachine {
    let folder: TemporaryFolder
    var files: SystemFiles { SystemFiles(root: folder.path) }

    init() throws {
        folder = try TemporaryFolder()
    }

    func write(_ files: [String: String]) throws {
        for (path, text) in files { try folder.write(String(path.dropFirst()), text) }
    }

    static let gibibyte: UInt64 = 1 << 30

    /// Four processors and 8 GiB.
    static let plain = [
        "/proc/stat":
            "cpu  0 0 0 1000 0 0 0 0\ncpu0 0 0 0 0\ncpu1 0 0 0 0\ncpu2 0 0 0 0\ncpu3 0 0 0 0",
        "/proc/meminfo": "MemTotal: 8388608 kB\nMemAvailable: 4194304 kB\n",
        "/proc/loadavg": "1.00 2.00 3.00 1/1 1",
        "/proc/uptime": "100.00 1.0",
        "/proc/net/dev": "eth0: 1000 0 0 0 0 0 0 0 2000 0",
    ]
}
