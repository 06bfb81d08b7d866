import ControllerCore
import Glibc
import Host
import Logging
import Model
import NIOCore
import NIOPosix
import Store
import Testing
import Transport

@testable import Controller

/// The real listener of metrics and health on loopback.
@Suite struct ObserveServerTests {
    private let world: World
    private let folder: NotifyFolder
    private let store: SQLiteStore

    init() throws {
        world = try World()
        folder = try NotifyFolder()
        let options = StoreOptions(freeSpaceMin: 1 << 20, reserveBytes: 0)
        let machine = StoreMachine("a test")
        try SQLiteStore.create(
            directory: folder["store"],
            cluster: ClusterID("6f1d1c1e-6d0b-4f0a-9d8e-2b7a5c3e1f90"),
            machine: machine,
            options: options
        )
        store = try SQLiteStore.open(directory: folder["store"], machine: machine, options: options)
    }

    /// Runs a listener while the body does.
    private func observed(
        _ limits: ObserveDoor.Limits,
        _ body: @escaping @Sendable (UInt16) async throws -> Void
    ) async throws {
        let port = try Self.freePort()
        var log = Logger(label: "test")
        log.logLevel = .critical
        let server = ObserveServer(
            [Endpoint(host: "127.0.0.1", port: port)],
            driver: world.driver,
            desk: MetricsDesk(driver: world.driver, store: store) {
                WallTime(milliseconds: 4_000_000_000_000)
            },
            limits: limits,
            log: log
        )
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await server.run(group: group) }
            tasks.addTask { try await body(port) }
            try await tasks.next()
            tasks.cancelAll()
        }
        try await group.shutdownGracefully()
        store.close()
    }

    private static func freePort() throws -> UInt16 {
        let number = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(number) }
        var name = address(0)
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isTold = withUnsafeMutablePointer(to: &name) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(number, $0, size) == 0 && getsockname(number, $0, &size) == 0
            }
        }
        guard isTold else { throw HostError("bind", path: "127.0.0.1", code: errno) }
        return UInt16(bigEndian: name.sin_port)
    }

    private static func address(_ port: UInt16) -> sockaddr_in {
        var name = sockaddr_in()
        name.sin_family = sa_family_t(AF_INET)
        name.sin_port = port.bigEndian
        name.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        return name
    }

    /// A connection that is made again until somebody listens, and what is said over it.
    private static func say(_ text: String, to port: UInt16) throws -> Int32 {
        for _ in 0..<4_000 {
            let number = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            let name = address(port)
            let isConnected = withUnsafePointer(to: name) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    connect(number, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
                }
            }
            if isConnected {
                _ = send(number, text, text.utf8.count, Int32(MSG_NOSIGNAL))
                return number
            }
            close(number)
            _ = poll(nil, 0, 5)
        }
        throw HostError("connect to", path: "\(port)", code: ECONNREFUSED)
    }

    /// All that is said until the other one closes.
    private static func rest(_ number: Int32) -> String {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while case let count = read(number, &buffer, buffer.count), count > 0 {
            bytes += buffer[..<count]
        }
        close(number)
        return String(decoding: bytes, as: UTF8.self)
    }

    private static let question = "GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n"

    @Test(arguments: ["", "GET /met", "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"])
    func `who says nothing, half of it, or never reads keeps nobody else out`(text: String)
        async throws
    {
        let limits = ObserveDoor.Limits(connectionsMax: 8, connectionTimeout: .seconds(600))
        try await observed(limits) { port in
            var held: [Int32] = []
            for _ in 0..<24 { held.append(try Self.say(text, to: port)) }
            for _ in 0..<5 {
                let asked = try Self.say(Self.question, to: port)
                let answer = Self.rest(asked)
                #expect(answer.hasPrefix("HTTP/1.1 200 OK\r\n"), "\(answer)")
                #expect(answer.lowercased().contains("connection: close"))
            }
            // The first of them had to go long before its time.
            _ = Self.rest(held[0])
            for number in held.dropFirst() { close(number) }
        }
    }

    @Test(arguments: ["", "GET /met"])
    func `who is slow is cut off after a while`(text: String) async throws {
        let limits = ObserveDoor.Limits(connectionsMax: 8, connectionTimeout: .milliseconds(300))
        try await observed(limits) { port in
            let begun = BootClock.now()
            let slow = try Self.say(text, to: port)
            #expect(Self.rest(slow) == "")
            #expect(BootClock.now() - begun >= .milliseconds(250))
        }
    }
}
