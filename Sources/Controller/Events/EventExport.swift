import ControllerCore
import Glibc
import Host
import Logging
import Model
import Store
import Synchronization

/// Brings events to one place outside, in the order of their numbers, from the store where they are
/// durable.
///
/// A thread of its own reads what is new and writes it; the driver only rings a bell. What a place does
/// not take stays in the store and is tried again, so nothing is dropped but what the store itself
/// has removed in the meantime (`events.keep`, `events.age`), which is logged. How far it has come
/// is kept in a file: after a crash the last portion may be written a second time, under the same
/// numbers.
final class EventExport: Sendable {
    static let portion = 200
    /// After a failure.
    static let retryMilliseconds: Int32 = 5_000
    private static let stopWait: Duration = .seconds(2)

    private struct State {
        var hasEnded = true
        var isStopped = false
    }

    private let sink: any EventSink
    private let store: any Store
    private let placePath: String
    private let log: Logger
    private let bell: (read: Descriptor, write: Descriptor)
    private let state = Mutex(State())

    /// - Parameter folder: where it keeps how far it has come.
    static func make(
        to sink: any EventSink,
        from store: any Store,
        folder: String,
        log: Logger
    ) throws(HostError) -> EventExport {
        try DurableFile.makeFolder(folder)
        let bell = try Descriptor.pipe()
        try bell.read.setNonblocking()
        try bell.write.setNonblocking()
        return EventExport(sink, store, placePath: folder + "/" + sink.name, log, bell)
    }

    // It cannot fail: the optimiser of Swift 6.3.1 crashes on an object with a Mutex that is given up half made.
    private init(
        _ sink: any EventSink,
        _ store: any Store,
        placePath: String,
        _ log: Logger,
        _ bell: (read: Descriptor, write: Descriptor)
    ) {
        self.sink = sink
        self.store = store
        self.placePath = placePath
        self.log = log
        self.bell = bell
    }

    /// - Parameter last: the number of the last event there is: what a place that was never written to
    ///   begins behind.
    func start(behind last: UInt64) throws(HostError) {
        var done = last
        if let bytes = try DurableFile.readIfPresent(placePath) {
            let text = String(decoding: bytes, as: UTF8.self)
            // A store that was restored from a backup counts from an earlier number again.
            done = min(UInt64(text.filter(\.isNumber)) ?? last, last)
        } else {
            try keep(done)
        }
        state.withLock { $0.hasEnded = false }
        let first = done
        if !startThread({ [self] in run(after: first) }) {
            state.withLock { $0.hasEnded = true }
            throw HostError(
                "export events",
                path: sink.name,
                reason: "there is no room for a thread"
            )
        }
    }

    /// There is something new. Returns at once, and never fails: a bell that rings already is enough.
    func ring() {
        var byte: UInt8 = 1
        _ = write(bell.write.number, &byte, 1)
    }

    /// What is under way is finished; what is left is for the next controller.
    func stop() {
        state.withLock { $0.isStopped = true }
        ring()
        let deadline = BootClock.now() + Self.stopWait
        while !state.withLock({ $0.hasEnded }), BootClock.now() < deadline {
            _ = HookProcess.pause(milliseconds: 10)
        }
    }

    private func run(after first: UInt64) {
        var done = first
        var problem: String?
        while !state.withLock({ $0.isStopped }) {
            do {
                let events = try store.events(
                    after: done,
                    limit: Self.portion,
                    matching: EventFilter()
                )
                if let next = events.first, next.sequence > done + 1 {
                    log.error(
                        "Events were removed from the store before they were exported",
                        metadata: [
                            "to": "\(sink.name)", "count": "\(next.sequence - done - 1)",
                            "first": "\(done + 1)",
                        ]
                    )
                }
                if let last = events.last {
                    try sink.write(events.compactMap(JournalWriter.event))
                    done = last.sequence
                    try keep(done)
                }
                if problem != nil { log.notice("Events are exported again", metadata: meta) }
                problem = nil
                if events.count < Self.portion { wait(milliseconds: -1) }
            } catch {
                // Said when it begins and when it changes, and not every five seconds.
                if problem != "\(error)" {
                    problem = "\(error)"
                    log.error(
                        "Events cannot be exported; they wait in the store",
                        metadata: meta.merging(["error": "\(error)"]) { $1 }
                    )
                }
                wait(milliseconds: Self.retryMilliseconds)
            }
        }
        state.withLock { $0.hasEnded = true }
    }

    private var meta: Logger.Metadata { ["to": "\(sink.name)"] }

    private func keep(_ done: UInt64) throws(HostError) {
        try DurableFile.replace(placePath, with: "\(done)\n")
    }

    private func wait(milliseconds: Int32) {
        var wanted = [pollfd(fd: bell.read.number, events: Int16(POLLIN), revents: 0)]
        poll(&wanted, 1, milliseconds)
        var buffer = [UInt8](repeating: 0, count: 512)
        while read(bell.read.number, &buffer, buffer.count) > 0 {}
    }
}
