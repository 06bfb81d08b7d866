import Glibc
import Model
import Testing

@testable import Host

@Suite struct HostTests {
    let folder = TemporaryFolder()

    @Test func `the boot clock goes forward and the wall clock is of this century`() {
        let first = BootClock.now()
        #expect(BootClock.now() >= first)
        #expect(first > .origin)
        #expect(WallClock.now().iso8601.hasPrefix("20"))
    }

    @Test func `random bytes are as many as asked and not the same twice`() {
        #expect(RandomBytes.take(0).isEmpty)
        #expect(RandomBytes.take(65_536).count == 65_536)
        #expect(RandomBytes.take(32) != RandomBytes.take(32))
    }

    @Test func `the machine says what it is`() throws {
        let machine = try MachineIdentity.current()
        #expect(machine.bootID.count == 36)
        #expect(!machine.hostname.isEmpty)
        #expect(machine.kernel.first?.isNumber == true)
        #expect(!machine.architecture.isEmpty)
    }

    @Test func `os-release is read with and without quotes`() {
        let system = MachineIdentity.parse(
            osRelease: "NAME=\"Rocky Linux\"\nID=\"rocky\"\nVERSION_ID='9.4'\nID_LIKE=\"rhel\"\n"
        )
        #expect(system.family == "rocky")
        #expect(system.version == "9.4")
        #expect(MachineIdentity.parse(osRelease: "").family == "linux")
    }

    @Test(arguments: [false, true])
    func `the service manager is told at a path and at an abstract name`(isAbstract: Bool) throws {
        let name = isAbstract ? "@muster-\(folder.path)" : folder["notify"]
        let socket = try datagramSocket(name)
        try ServiceManager.notify("READY=1\nSTATUS=up", socket: name)
        var buffer = [UInt8](repeating: 0, count: 100)
        let count = read(socket.number, &buffer, buffer.count)
        #expect(String(decoding: buffer[0..<max(0, count)], as: UTF8.self) == "READY=1\nSTATUS=up")
    }

    private func datagramSocket(_ name: String) throws -> Descriptor {
        let socket = Descriptor(owning: Glibc.socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0))
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        var bytes = Array(name.utf8)
        if name.hasPrefix("@") { bytes[0] = 0 }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        let length = socklen_t(2 + bytes.count)
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(socket.number, $0, length) }
        }
        try #require(result == 0)
        return socket
    }

    @Test func `the watchdog is fed twice in its time, and only by whom it watches`() {
        func interval(microseconds: String?, process: String?) -> Duration? {
            ServiceManager.watchdogInterval(microseconds: microseconds, process: process)
        }
        #expect(interval(microseconds: "30000000", process: nil) == .seconds(15))
        #expect(interval(microseconds: "30000000", process: "\(getpid())") == .seconds(15))
        #expect(interval(microseconds: "30000000", process: "1") == nil)
        #expect(interval(microseconds: "0", process: nil) == nil)
        #expect(interval(microseconds: nil, process: nil) == nil)
    }

    @Test func `lines are cut, counted and refused as they should be`() {
        var reader = LineReader(lineLengthMax: 4)
        #expect(reader.take(Array("ab".utf8)[...]) == .lines([]))
        #expect(reader.take(Array("cd\n\nx".utf8)[...]) == .lines(["abcd", ""]))
        #expect(reader.take(Array("yzw\n".utf8)[...]) == .lines(["xyzw"]))
        #expect(reader.take(Array("12345".utf8)[...]) == .broken("a line is too long"))
        var other = LineReader(lineLengthMax: 4)
        #expect(other.take([0xFF, 10]) == .broken("a line is not UTF-8"))
    }

    @Test func `two ends of a socket talk and know each other, however long its path is`() throws {
        let deep = folder[String(repeating: "d", count: 150)]
        try DurableFile.makeFolder(deep)
        let listener = try UnixSocket.listen(deep + "/socket")
        let client = try UnixSocket.connect(deep + "/socket")
        let server = try #require(try UnixSocket.accept(listener))
        #expect(try UnixSocket.peer(of: server).processID == getpid())
        #expect(try UnixSocket.peer(of: server).user == geteuid())
        #expect(UnixSocket.send("hello", to: client))
        var reader = LineReader()
        #expect(reader.read(server) == .lines(["hello"]))
        #expect(reader.read(server) == .lines([]))
        #expect(try UnixSocket.accept(listener) == nil)
        var status = stat()
        #expect(stat(deep + "/socket", &status) == 0)
        #expect(status.st_mode & 0o777 == 0o600)
    }

    @Test func `a socket takes the place of an old one and never of a file`() throws {
        folder.write("file", "kept")
        #expect(throws: HostError.self) { try UnixSocket.listen(folder["file"]) }
        #expect(folder.text("file") == "kept")
        _ = try UnixSocket.listen(folder["socket"])
        _ = try UnixSocket.listen(folder["socket"])
        #expect {
            try UnixSocket.connect(folder["socket"])
        } throws: {
            ($0 as? HostError)?.code == ECONNREFUSED
        }
    }

    @Test func `an error names what was tried, where, and the system's reason`() {
        let error = HostError("open", path: "/none", code: ENOENT)
        #expect("\(error)" == "open /none: No such file or directory")
    }
}
