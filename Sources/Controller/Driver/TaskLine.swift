import ControllerCore
import Protocol

/// What is kept and sent of a task is a line of text: whatever would not come back from it as it
/// was, or would not fit into the order to run it, is turned away before it is written.
enum TaskLine {
    /// Bytes of all that a task says of itself: with its payload, and what the order to run it
    /// adds, it fits into a line (`LineLimits.member`).
    static let bytesMax = 5_000

    /// - Throws: what is the matter.
    static func check(_ submission: TaskSubmission) throws(Refused) {
        var writer = LineWriter("TASK")
        submission.put(to: &writer)
        let bytes = Array(writer.line.description.utf8)
        guard bytes.count <= bytesMax, let line = try? Line.parse(bytes[...], limits: .member),
            let read = try? TaskSubmission(FieldReader(line)), read == submission
        else {
            throw Refused(
                .invalid,
                "the task's texts have more than \(bytesMax) bytes in all, or hold a character "
                    + "that cannot be kept",
                mend: "put what is long into the payload"
            )
        }
    }
}
