import AgentCore
import Glibc
import Host
import Model

/// Writes the leash's result on a thread of its own: a disk that hangs delays what is told, and
/// never a kill.
final class RecordWriter: Sendable {
    /// How long a result waits for the last of the program's output.
    private static let logPatience: Duration = .milliseconds(500)

    private let waiting: Inbox<LeashReport>
    private let written: Inbox<Void>

    /// - Parameter path: the file that each record replaces.
    init(_ path: String, log: ChildLog?) throws(HostError) {
        let waiting = try Inbox<LeashReport>()
        let written = try Inbox<Void>()
        self.waiting = waiting
        self.written = written
        let hasBegun = startThread {
            while let reports = waiting.take(timeout: nil, takeOrdinary: true) {
                for report in reports {
                    log?.settle(within: Self.logPatience)
                    let counted = report.counting(outputBytes: log?.totalByteCount ?? 0)
                    Self.write(counted.line, to: path)
                    written.put(())
                }
            }
        }
        guard hasBegun else { throw HostError("start a thread", code: EAGAIN) }
    }

    func put(_ report: LeashReport) {
        waiting.put(report)
    }

    /// Readable when ``takeWritten()`` has something to tell.
    var descriptor: Int32 { written.descriptor }

    /// - Returns: how many records were written since the last call.
    func takeWritten() -> UInt64 {
        UInt64(written.take().count)
    }

    /// When writing fails, telling is all that is left.
    private static func write(_ line: String, to path: String) {
        do {
            try DurableFile.replace(path, with: line + "\n")
        } catch {
            complain("\(error)")
        }
    }
}
