import ControllerCore
import Model
import Protocol

/// What a client wants done: submitted once, or until it is known what became of it.
struct Job {
    enum State: Hashable {
        /// It was never asked, or may be asked again.
        case open
        case asking
        case accepted(TaskID)
        /// Durable on its node: it must become a task.
        case spooled
        case refused
        /// No answer came, and without a key of its own it cannot be asked again.
        case unknown
    }

    let number: Int
    var submission: TaskSubmission
    var payload: [UInt8]
    var state = State.open
    /// The machine whose agent it is submitted to; nil for the console.
    var host: Int?
    var spools = false
    /// It was given to the spool of a machine at some time.
    var wasSpooled = false

    /// Every payload names its job: what the store holds can be told apart.
    static func payload(_ number: Int, bytes: Int) -> [UInt8] {
        let word = Array("job-\(number);".utf8)
        return (0..<max(bytes, word.count)).map { word[$0 % word.count] }
    }

    static func number(in payload: [UInt8]) -> Int? {
        let text = String(decoding: payload.prefix(16), as: UTF8.self)
        guard text.hasPrefix("job-"), let end = text.firstIndex(of: ";") else { return nil }
        return Int(text[text.index(text.startIndex, offsetBy: 4)..<end])
    }
}
