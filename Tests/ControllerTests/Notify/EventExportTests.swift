import ControllerCore
import Foundation
import Glibc
import Host
import Logging
import Model
import Store
import Testing
import Transport

@testable import Controller

/// Events that leave the controller, from a store in which they are durable.
@Suite struct EventExportTests {
    private static let event = ClusterEvent(
        sequence: 7,
        at: Notices.time,
        kind: .nodeOffline,
        severity: .critical,
        subject: "db-3",
        text: "Node db-3 is Offline\nMUSTER_KIND=forged",
        cause: "no \"heartbeat\" [for 3.5s]",
        consequence: ""
    )

    @Test func `an event is a line of JSON, a journal's entry, a message of syslog`() {
        #expect(
            JSONSink.line(Self.event, cluster: "c")
                == #"{"at":"2026-11-26T04:10:00.000Z","cause":"no \"heartbeat\" [for 3.5s]","#
                + #""cluster":"c","consequence":"","kind":"node.offline","sequence":7,"#
                + #""severity":"critical","subject":"db-3","#
                + #""text":"Node db-3 is Offline\u000aMUSTER_KIND=forged"}"#
        )
        #expect(
            JournaldSink.entry(Self.event, cluster: "c") == """
                MESSAGE=Node db-3 is Offline MUSTER_KIND=forged
                PRIORITY=2
                SYSLOG_IDENTIFIER=muster-events
                MUSTER_CLUSTER=c
                MUSTER_SEQUENCE=7
                MUSTER_KIND=node.offline
                MUSTER_SEVERITY=critical
                MUSTER_SUBJECT=db-3
                MUSTER_CAUSE=no "heartbeat" [for 3.5s]
                MUSTER_CONSEQUENCE=
                MUSTER_AT=2026-11-26T04:10:00.000Z

                """
        )
        #expect(
            SyslogSink.message(Self.event, cluster: "c", host: "ctl1")
                == "<130>1 2026-11-26T04:10:00.000Z ctl1 muster-events - node.offline "
                + #"[muster@32473 cluster="c" sequence="7" severity="critical" subject="db-3" "#
                + #"cause="no \"heartbeat\" [for 3.5s\]" consequence=""] "#
                + "Node db-3 is Offline MUSTER_KIND=forged"
        )
    }

    @Test(arguments: [
        ("local", SyslogSink.Place.local("/dev/log")),
        ("udp://log.example.org", .datagrams(.init(host: "log.example.org", port: 514))),
        ("tcp://[::1]:601", .stream(.init(host: "::1", port: 601))), ("log.example.org", nil),
        ("tls://log.example.org", nil), ("udp:/x", nil), ("udp://", nil), ("tcp://x:0", nil),
        ("local:1", nil),
    ])
    func `a syslog server is named with its way`(text: String, place: SyslogSink.Place?) {
        #expect(SyslogSink.Place(text) == place)
    }

    @Test func `a message that is too long for a datagram is cut, and stays a message`() {
        var event = Self.event
        event.text = String(repeating: "ä", count: 700)
        event.cause = String(repeating: "\"ö]", count: 250)
        event.consequence = String(repeating: "ü", count: 400)
        let text = SyslogSink.datagram(event, cluster: "c", host: "ctl1")
        #expect(text.utf8.count <= SyslogSink.datagramBytesMax)
        #expect(text.hasSuffix("ä…"))
        #expect(text.contains("…\" consequence=\"üü"))
        #expect(text.contains("ü…\"] ää"))
        let short = SyslogSink.datagram(Self.event, cluster: "c", host: "ctl1")
        #expect(short == SyslogSink.message(Self.event, cluster: "c", host: "ctl1"))
    }

    @Test func `what a full disk took half of is taken back, and a half line stays by itself`()
        throws
    {
        let path = folder["half.jsonl"]
        func file() throws -> Descriptor {
            try Descriptor.open(path, flags: O_RDWR | O_CREAT | O_APPEND, mode: 0o600)
        }
        try JSONSink.add(Array("one\n".utf8), to: try file()) { file, bytes throws(HostError) in
            try file.writeAll(bytes)
        }
        let full = HostError("write", path: path, code: ENOSPC)
        let half = try file()
        var problem: HostError?
        do throws(HostError) {
            try JSONSink.add(Array("two\nthree\n".utf8), to: half) {
                file,
                bytes throws(HostError) in
                try file.writeAll(Array(bytes.prefix(6)))
                throw full
            }
        } catch {
            problem = error
        }
        #expect(problem == full)
        #expect(folder.text("half.jsonl") == "one\n")
        // A crash in the middle of a line.
        try file().writeAll(Array("tw".utf8))
        let sink = JSONSink(path: path, cluster: "c")
        try sink.write([Self.event])
        let lines = folder.text("half.jsonl").split(separator: "\n")
        #expect(lines.count == 3 && lines[1] == "tw")
        #expect(Self.numbers(folder.text("half.jsonl")) == ["7"])
    }

    // MARK: From a store

    private let folder: NotifyFolder
    private let store: SQLiteStore
    private let log: Logger = {
        var log = Logger(label: "test")
        log.logLevel = .critical
        return log
    }()

    init() throws {
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

    private func happen(_ numbers: ClosedRange<UInt64>) throws {
        for number in numbers {
            var event = Self.event
            event.sequence = number
            try store.commit([[JournalWriter.write(.event(event))]])
        }
    }

    private func export(to sink: any EventSink) throws -> EventExport {
        try EventExport.make(to: sink, from: store, folder: folder["export"], log: log)
    }

    private static func numbers(_ text: String) -> [String] {
        text.split(separator: "\n").compactMap { line in
            line.firstMatch(of: #/sequence"?[:=]"?(\d+)/#).map { String($0.1) }
        }
    }

    @Test func `every event is written once, in order, over a restart as well`() async throws {
        defer { store.close() }
        let sink = JSONSink(path: folder["events.jsonl"], cluster: "c")
        let folder = folder
        try happen(1...3)
        let first = try export(to: sink)
        // What there was before it was ever switched on is history.
        try first.start(behind: 1)
        #expect(await eventually { Self.numbers(folder.text("events.jsonl")) == ["2", "3"] })
        try happen(4...4)
        first.ring()
        #expect(await eventually { Self.numbers(folder.text("events.jsonl")).count == 3 })
        first.stop()
        // A controller that ended before it could say them, and the file moved away.
        try happen(5...6)
        try FileManager.default.moveItem(
            atPath: folder["events.jsonl"],
            toPath: folder["events.1"]
        )
        let second = try export(to: sink)
        try second.start(behind: 6)
        #expect(await eventually { Self.numbers(folder.text("events.jsonl")) == ["5", "6"] })
        second.stop()
        #expect(Self.numbers(folder.text("events.1")) == ["2", "3", "4"])
    }

    @Test func `what a place does not take waits in the store`() async throws {
        defer { store.close() }
        let folder = folder
        let export = try export(to: JSONSink(path: folder["later/events.jsonl"], cluster: "c"))
        try export.start(behind: 0)
        try happen(1...2)
        export.ring()
        try DurableFile.makeFolder(folder["later"])
        let isThere = await eventually {
            export.ring()
            return Self.numbers(folder.text("later/events.jsonl")) == ["1", "2"]
        }
        #expect(isThere)
        export.stop()
    }

    @Test(arguments: ["udp", "tcp", "local"])
    func `a syslog server gets them, also after it was away`(way: String) async throws {
        defer { store.close() }
        let folder = folder
        let peer = try await Peer("Tests/EndToEndTests/Peers/syslog-peer.py", in: folder)
        let place =
            way == "local"
            ? SyslogSink.Place.local(folder["socket"])
            : try #require(SyslogSink.Place("\(way)://127.0.0.1:\(peer.port)"))
        let export = try export(to: SyslogSink(place, cluster: "c", host: "ctl1"))
        try export.start(behind: 0)
        try happen(1...2)
        export.ring()
        #expect(await eventually { Self.numbers(folder.text("messages")) == ["1", "2"] })
        #expect(folder.text("messages").hasPrefix("\(way) <130>1 2026-11-26T04:10:00.000Z ctl1 "))
        if way != "udp" {
            peer.stop()
            try happen(3...3)
            export.ring()
            let back = try await Peer(
                "Tests/EndToEndTests/Peers/syslog-peer.py",
                ["--port", "\(peer.port)"],
                in: folder
            )
            let isThere = await eventually {
                export.ring()
                return Self.numbers(folder.text("messages")) == ["1", "2", "3"]
            }
            #expect(isThere, "\(folder.text("messages"))")
            back.stop()
        }
        export.stop()
    }
}
